"""Every line that the hub can log is documented, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "failure": "error"}


def logged() -> set[tuple[str, str]]:
    """Word and level of each call of the hub's log."""
    found = {("library", "error")}
    for path in (ROOT / "CastHub" / "CastHubLib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            of_log = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "log"
            in_log = isinstance(node.func, ast.Name) and path.name == "log.py"
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if (of_log or in_log) and name in LEVELS:
                found.add((str(node.args[0].value), LEVELS[name]))
    return found


def test_the_page_lists_every_line_with_its_level() -> None:
    page = (ROOT / "docs" / "log.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?`) \| (\w+) \|", page, re.MULTILINE)
    listed = {(word, level) for words, level in rows for word in re.findall(r"`([^`]+)`", words)}
    assert listed == logged()

"""The page that says where everything is says what is so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_each_name_of_the_table_is_where_the_page_says() -> None:
    rows = re.findall(r"^\| [^|]+ \| `([^`|]+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) >= 20
    for file, name in rows:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^\s*(?:async )?(?:def|class) {name}\b", text, re.MULTILINE), f"{file}: {name}"


def test_each_package_is_on_the_page() -> None:
    packages = {path.parent.name for path in ROOT.glob("Cast*/Cast*/__init__.py")}
    assert packages <= set(re.findall(r"Cast\w+", PAGE))

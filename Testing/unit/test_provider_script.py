"""Reading a script without running it, and the skeleton to begin with (CastServiceProviderLib.script)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from CastLib.errors import CastError
from CastLib.version import __version__
from CastServiceProviderLib.script import load_on_message, read_script, write_skeleton

EXAMPLES = Path(__file__).resolve().parents[2] / "CastServiceProvider" / "Resources" / "Scripts"


def script(folder: Path, text: str) -> Path:
    path = folder / "Example.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("def onMessage(message, context)\n    pass", "Example.py, line 1: expected ':'"),
        ("x = 1\n\ny = (", "line 3"),
        ("def run(message, context): pass", "has no function onMessage(message, context)"),
        ("class A:\n    def onMessage(message, context): pass", "has no function"),
        ("\ndef onMessage(message): pass", "line 2: onMessage must take (message, context)"),
        ("def onMessage(a, b, c): pass", "must take (message, context)"),
        ("async def onMessage(message, context): pass", "not async"),
        ("def onMessage(message, context):\n    yield 1", "line 1: onMessage must be a plain function, without yield"),
        ("import os, Example.parts\ndef onMessage(a, b): pass", "line 1: imports Example, which is the script itself"),
        ("def onMessage(a, b):\n    from Example import run", "line 2: imports Example, which is the script itself"),
        ("def onMessage(a, b):\n\tif a:\n        pass", "line 3"),
        ("x = '\0'", "Example.py"),
        ("(" * 1000, "Example.py"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(CastError) as refused:
        read_script(script(tmp_path, text))
    assert word in str(refused.value) and "Example.py" in str(refused.value)


def test_no_script_stands_for_a_module_of_python(tmp_path: Path) -> None:
    path = script(tmp_path, "def onMessage(message, context): pass").rename(tmp_path / "json.py")
    with pytest.raises(CastError, match="json.py: stands for Python's own module json: give the script another name"):
        read_script(path)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(CastError, match="no such file"):
        read_script(tmp_path / "gone.py")
    with pytest.raises(CastError, match="directory"):
        read_script(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "def onMessage(message, context): pass",
        "def onMessage(message, context, extra=1): pass",
        "def onMessage(*all): pass",
        "def onMessage(message, context):\n    def parts():\n        yield 1\n    return list(parts())",
        "from .Example import other\ndef onMessage(message, context): pass",
        "from other import onMessage",
        "onMessage = lambda message, context: None",
    ],
)
def test_good_scripts(tmp_path: Path, text: str) -> None:
    read_script(script(tmp_path, text))


def test_what_a_script_says_of_itself_without_being_run(tmp_path: Path) -> None:
    path = script(tmp_path, '"""Does things.\n\nMore."""\n__version__ = "2.1"\n1 / 0\ndef onMessage(m, c): pass')
    said = read_script(path)
    assert (said.name, said.description, said.version, said.path) == ("Example", "Does things.", "2.1", path)
    with pytest.raises(ZeroDivisionError):
        load_on_message(path)
    assert read_script(script(tmp_path, "def onMessage(m, c): pass")).version == __version__


def test_skeleton_is_a_script_and_overwrites_nothing(tmp_path: Path) -> None:
    path = write_skeleton(tmp_path / "Mine.py")
    assert read_script(path).version == "0.1"
    assert "--target-product Mine" in path.read_text()
    assert callable(load_on_message(path))
    path.write_text("precious")
    with pytest.raises(CastError, match="not overwritten"):
        write_skeleton(path)
    assert path.read_text() == "precious"
    with pytest.raises(CastError, match=r"must end in \.py"):
        write_skeleton(tmp_path / "Mine.txt")
    with pytest.raises(CastError, match="no such file"):
        write_skeleton(tmp_path / "gone" / "Mine.py")


def test_every_example_is_a_script() -> None:
    examples = [path for path in EXAMPLES.glob("*.py") if path.name != "__init__.py"]
    assert examples
    for path in examples:
        assert read_script(path).description


def test_an_edit_of_the_same_size_and_second_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for number in (1, 2):
        path = script(tmp_path, f"def onMessage(message, context): return {number}")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert load_on_message(path)({}, None) == number
    assert [each.name for each in tmp_path.iterdir()] == ["Example.py"], "nothing is left beside a user's script"

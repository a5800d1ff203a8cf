"""Every command in every document runs as it is printed.

Commands stand in fenced blocks and between backquotes. Capitals in them are placeholders, filled in by `filled_in`.
What is not run here is named in `NOT_RUN`, each with why. `python3 run.py` is left out: it hands its words to
`cast` in the environment that this runs in (Testing/unit/test_run_script.py).
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cast_command import CastCommand
from hub_process import HubProcess

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "CastHub" / "CastHubLib" / "contract"
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *CONTRACT.glob("*.md"),
)
PROGRAMS = ("python", "python3", "cast", "curl", "pip", "apt", "git", "uv", "pre-commit", "source", "Slicer")
PROGRAMS += ("PythonSlicer",)

#: How a command begins, and why it is not run here.
NOT_RUN = {
    "Slicer": "3D Slicer cannot be had here; Testing/slicer runs the same entries in the stand-in",
    "PythonSlicer": "3D Slicer cannot be had here",
    "apt": "installs packages of the system",
    "pip": "needs a package index",
    "uv": "needs a package index; .ci/run installs what it has made",
    "pre-commit": "changes the repository",
    "git": "changes the repository",
    "source": "a word of the shell",
    "python3 run.py test": "this test is part of it",
    "python3 run.py env": "makes the environment that this runs in",
    "python3 run.py demo": "test_demo.py runs it",
    "cast demo": "test_demo.py runs it",
    "python -m pytest Testing/conformance": "the conformance tests themselves run",
    "python Testing/benchmarks/": "measures for minutes",
    "python Testing/tools/make_documents.py": "test_contract.py compares what it makes",
}
#: Verbs that stay until they are stopped, and what each says when it has begun.
STAY = {
    "hub": "listening port",
    "display": "online",
    "provide": " serves ",
    "watch": "watching ",
    "answer": "answering ",
}


def _commands() -> Iterator[str]:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        fence = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
        for language, block in fence.findall(text):
            if language in ("", "sh"):
                yield from block.replace("\\\n", " ").splitlines()
        for span in re.findall(r"`([^`]+)`", fence.sub("", text)):
            yield re.sub(r"\s+", " ", span)


def commands() -> list[str]:
    """Every command of the documents, once, without the remark behind it."""
    bare = (re.sub(r"\s+#\s.*", "", command).strip() for command in _commands())
    return sorted({command for command in bare if command.split(" ")[0] in PROGRAMS and " " in command})


def why_not(command: str) -> str:
    return next((why for start, why in NOT_RUN.items() if command.startswith((start + " ", start))), "")


@pytest.fixture
def filled_in(tmp_path: Path, hub: HubProcess, user: str) -> Callable[[str], str]:
    """A function that puts something that is there in the place of each placeholder."""
    (tmp_path / "settings.toml").write_text("")
    (tmp_path / "answer.json").write_text("{}")
    (tmp_path / "Script.py").write_text("def onMessage(message, context):\n    pass\n")
    sample = ROOT / "Resources" / "SampleStudy"
    image = next((sample / "DICOM").iterdir())
    values = (
        ("http://127.0.0.1:PORT", hub.url),
        ("http://127.0.0.1:2018", hub.url),
        ("--user demo", f"--user {user}"),
        ("--user NAME", f"--user {user}"),
        ("Resources/SampleStudy/DICOM", str(sample / "DICOM")),
        ("--settings FILE", f"--settings {tmp_path / 'settings.toml'}"),
        ("--new FILE", f"--new {tmp_path / 'New.py'}"),
        ("--file F", f"--file {tmp_path / 'answer.json'}"),
        ("EVENT FILE…", f"dicom-send {image}"),
        ("SCRIPT", str(tmp_path / "Script.py")),
        ("EVENT", "ImagingStudy-open"),
        ("DATATYPE", "STATUS"),
        ("VERB", "status"),
        ("--out DIR", f"--out {tmp_path / 'out'}"),
        ("DIR", str(sample)),
    )

    def fill(command: str) -> str:
        for placeholder, value in values:
            command = command.replace(placeholder, value)
        return command

    return fill


@pytest.mark.parametrize("command", [command for command in commands() if not why_not(command)])
def test_it_runs_as_printed(
    command: str,
    hub: HubProcess,
    peer: Callable[..., Any],
    user: str,
    tmp_path: Path,
    filled_in: Callable[[str], str],
) -> None:
    words = shlex.split(filled_in(command))
    if words[0] == "curl":
        if shutil.which("curl") is None:
            pytest.skip("there is no curl here")
        done = subprocess.run([*words, "--fail", "--silent"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return
    arguments = words[1:] if words[0] == "cast" else words[2 + (words[2] == "cast") :]
    assert words[0] == "cast" or words[:2] == ["python3", "run.py"]
    viewer, _ = peer(name="VIEWER", product="VIEWER", actors=("ID",))
    viewer.on_other_requests(lambda message: {"items": [{"key": "availability", "value": "online"}]})
    surroundings = {"CAST_HUB": hub.url, "CAST_USER": user}
    if len(arguments) == 1 and arguments[0] in STAY:  # a verb that is only named
        arguments.append("--help")
    if arguments[0] == "hub" and not {"--help", "--print-settings"} & set(arguments):
        arguments += ["--port", "0", "--state", str(tmp_path / "state")]
    running = CastCommand(tmp_path, *arguments, environment=surroundings)
    if arguments[0] in STAY and not {"--help", "--print-settings", "--new"} & set(arguments):
        running.wait_for_error_line(STAY[arguments[0]], 120)
        running.interrupt()
        assert running.finish() == 130, running.error_text
    else:
        assert running.finish() == 0, running.error_text
    assert "Traceback" not in running.error_text


def test_what_is_not_run_is_there_all_the_same() -> None:
    found = commands()
    assert [start for start in NOT_RUN if not any(command.startswith(start) for command in found)] == []
    files = {word for command in found for word in command.split() if word.startswith("Testing/")}
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []

"""``cast answer``: a file or any script becomes an application that others can ask."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cast_command import CastCommand, run_cast
from hub_process import HubProcess
from hub_wire import Wire, event

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


def answering(folder: Path, wire: Wire, *arguments: str) -> CastCommand:
    command = CastCommand(folder, "answer", *arguments, "--hub", wire.url, "--user", wire.topic)
    command.wait_for_error_line("answering")
    return command


def ask(wire: Wire, data_type: str, seconds: float = 10.0, **context: Any) -> dict[str, Any]:
    body = event(f"{data_type}-request", wire.topic, {"timeoutSeconds": seconds, **context}, subscriber_name="ASKER")
    answer: dict[str, Any] = wire.request(body).json()
    return answer


def script(folder: Path, text: str) -> str:
    """The command that runs this Python text."""
    path = folder / "script.py"
    path.write_text(text)
    words = [sys.executable, str(path)]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else " ".join(words)


def test_a_file_is_answered_as_it_is_now(tmp_path: Path, wire: Wire) -> None:
    file = tmp_path / "report.json"
    file.write_text('{"title": "first"}')
    command = answering(tmp_path, wire, "ReportContent", "--file", str(file), "--actor", "REPORT_CREATOR", "--json")
    collated = ask(wire, "reportcontent")
    [answer] = collated["responses"]
    assert collated["ok"] and answer["data"] == {"title": "first"} and answer["actor"] == "REPORT_CREATOR"
    file.write_text('{"title": "second"}')
    assert ask(wire, "REPORTCONTENT")["responses"][0]["data"] == {"title": "second"}
    status = ask(wire, "status")["responses"][0]["data"]
    assert {"key": "availability", "value": "online"} in status["items"], "who looks around sees it"
    assert ask(wire, "sceneview")["expected"] == [], "and it is asked for nothing else"
    command.interrupt()
    assert command.finish() == 130
    assert [line["event"]["hub.event"].lower() for line in command.json_lines()] == ["reportcontent-request"] * 2


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [("view.png", PNG, "image/png"), ("view.bin", PNG, "image/png"), ("x.bin", b"\xff\x00", None)],
)
def test_a_picture_is_an_image_context(tmp_path: Path, wire: Wire, name: str, data: bytes, kind: str | None) -> None:
    (tmp_path / name).write_bytes(data)
    answering(tmp_path, wire, "PNGFULLSIZE", "--file", str(tmp_path / name))
    answer = ask(wire, "pngfullsize")["responses"][0]["data"]
    [item] = answer["context"]
    assert (answer["context.type"], item["key"]) == ("Image", "image")
    assert item["resource"]["contentType"] == (kind or "application/octet-stream")
    assert base64.b64decode(item["resource"]["data"]) == data


def test_a_script_reads_the_request_and_prints_the_answer(tmp_path: Path, wire: Wire) -> None:
    text = (
        "import json, sys\nasked = json.load(sys.stdin)\nprint(json.dumps(asked['event']['context']['number'] * 2))\n"
    )
    answering(tmp_path, wire, "DOUBLE", "--exec", script(tmp_path, text))
    assert [ask(wire, "double", number=number)["responses"][0]["data"] for number in (4, 21)] == [8, 42]
    status = run_cast(tmp_path, "request", "DOUBLE", "--context", '{"number": 5}', "--timeout", "10", "--json",
                      "--hub", wire.url, "--user", wire.topic)  # fmt: skip
    assert status.json_lines()[0]["responses"][0]["data"] == 10


def test_plain_text_is_text(tmp_path: Path, wire: Wire) -> None:
    answering(tmp_path, wire, "REPORTCONTENT", "--exec", script(tmp_path, "print('No finding')"))
    assert ask(wire, "reportcontent")["responses"][0]["data"].strip() == "No finding"


@pytest.mark.parametrize(
    ("text", "said"), [("raise SystemExit('no report yet')", "no report yet"), ("pass", "printed nothing")]
)
def test_a_script_that_fails_answers_nothing_and_goes_on(tmp_path: Path, wire: Wire, text: str, said: str) -> None:
    command = answering(tmp_path, wire, "REPORTCONTENT", "--exec", script(tmp_path, text))
    collated = ask(wire, "reportcontent", 1.5)
    assert collated["responses"] == [] and len(collated["missing"]) == 1
    command.wait_for_error_line(said)
    assert "Traceback" not in command.error_text
    (tmp_path / "script.py").write_text("print(1)")
    assert ask(wire, "reportcontent")["responses"][0]["data"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("X",), 2, "required"),
        (("X", "--file", "a", "--exec", "b"), 2, "not allowed"),
        (("X", "--file", "missing.json"), 1, "missing.json"),
        (("X", "--exec", "no-such-program-here"), 1, "no-such-program-here"),
        (("no type", "--exec", "x"), 2, "DATATYPE"),
        (("X", "--exec", "'"), 2, "--exec"),
    ],
)
def test_wrong_use_is_told_before_the_hub_is_asked(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    command = run_cast(tmp_path, "answer", *arguments, "--hub", "http://127.0.0.1:1")
    assert command.process.returncode == code and said in command.error_text
    assert command.lines == []

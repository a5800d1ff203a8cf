"""``cast`` as others script against it: outputs, exit codes, and two commands that meet on one hub."""

import json
import socket

import pytest
from cast_command import CastCommand, run_cast
from hub_wire import Wire, batch_body, event

from CastLib.message import Target


def watch(tmp_path, hub, user, *arguments):
    command = CastCommand(tmp_path / "watch", "watch", *arguments, "--hub", hub.url, "--user", user)
    command.wait_for_error_line("watching")
    return command


def test_two_commands_in_two_terminals_meet(tmp_path, hub, user):
    seen = watch(tmp_path, hub, user, "--json", "--count", "1")
    sent = run_cast(
        tmp_path, "publish", "ImagingStudy-open", "--study", "1.2.3", "--accession", "A1", "--patient", "P1",
        "--hub", hub.url, "--user", user, "--json",
    )  # fmt: skip
    assert sent.process.returncode == 0, sent.error_text
    assert seen.finish() == 0
    (frame,) = seen.json_lines()
    assert frame["id"] == sent.json_lines()[0]["id"]
    assert frame["event"]["hub.topic"] == user
    assert [item["key"] for item in frame["event"]["context"]] == ["patient", "study"]


def test_a_piped_stdout_holds_results_only(tmp_path, hub, user):
    seen = watch(tmp_path, hub, user, "--count", "1")
    sent = run_cast(tmp_path, "publish", "scene-update", "--hub", hub.url, "--user", user)
    assert (sent.lines, sent.process.returncode) == ([], 0)
    assert "published scene-update" in sent.error_text
    seen.finish()
    assert len(seen.lines) == 1 and "scene-update" in seen.lines[0]


def test_watch_shows_requests_and_keeps_no_asker_waiting(tmp_path, hub, user):
    seen = watch(tmp_path, hub, user, "--json")
    asked = run_cast(tmp_path, "request", "STATUS", "--json", "--hub", hub.url, "--user", user)
    assert asked.process.returncode == 0, asked.error_text
    assert asked.json_lines()[0]["ok"] is True
    seen.interrupt()
    seen.finish()
    assert seen.json_lines()[0]["event"]["hub.event"] == "status-request"


def test_a_request_waits_for_those_alone_who_answer_it_and_prints_what_they_say(tmp_path, hub, user, peer):
    seen = watch(tmp_path, hub, user)
    session, _ = peer(name="REPORTING")
    session.on_request("REPORTCONTENT", lambda message: {"title": "CT", "pages": 3}, in_background=True)
    asked = run_cast(tmp_path, "request", "REPORTCONTENT", "--timeout", "60", "--hub", hub.url, "--user", user)
    assert asked.process.returncode == 0, asked.error_text
    assert "no answer" not in asked.error_text
    [_, row] = asked.lines
    assert row.split()[0] == "REPORTING" and "title: CT; pages: 3" in row
    seen.interrupt()
    seen.finish()


def test_a_context_comes_as_json_or_from_a_file(tmp_path, hub, user):
    (tmp_path / "context.json").write_text('{"a": [1, 2]}')
    seen = watch(tmp_path, hub, user, "x-update", "--json", "--count", "2")
    for context in ("@context.json", '[{"key": "b"}]'):
        sent = run_cast(tmp_path, "publish", "x-update", "--context", context, "--hub", hub.url, "--user", user)
        assert sent.process.returncode == 0, sent.error_text
    seen.finish()
    assert [frame["event"]["context"] for frame in seen.json_lines()] == [{"a": [1, 2]}, [{"key": "b"}]]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["publish", "a-open", "--context", "{"], 2, "--context: not JSON"),
        (["publish", "a-open", "--context", "@absent.json"], 1, "absent.json"),
        (["publish", "a-open", "--context", "7"], 2, "--context: must be"),
        (["publish", "a-open", "--context", "[]", "--study", "1.2"], 2, "--context: holds"),
        (["request", "STATUS", "--context", "[]"], 2, "--context: must be"),
        (["request", "STATUS", "--timeout", "999"], 2, "--timeout"),
        (["send", "dicom-send", "absent", "--timeout", "nan"], 2, "--timeout"),
        (["watch", "--count", "0"], 2, "--count"),
        (["watch", "--out", __file__], 2, "--out: " + __file__ + " is a file, no folder"),
        (["watch", "--out", __file__ + "/x"], 2, "--out: " + __file__ + " is a file, no folder"),
        (["send", "dicom-send", __file__, "--out", "answers"], 2, "--out: is where the answer is saved"),
        (["send", "dicom-send", __file__], 1, __file__ + ": must end in one of .dcm"),
        (["publish", "a-open", "--study", ""], 2, "--study: is empty"),
        (["publish", "a-open", "--target-name", ""], 2, "--target-name: is empty"),
        (["publish", ""], 2, "EVENT: is empty"),
        (["status", "--hub="], 2, "--hub: is empty"),
        (["send", "dicom-send", "absent"], 1, "absent: there is no such file"),
        (["request", "STATUS", "--timeout", "0.2"], 4, "nobody"),
        (["publish"], 2, "EVENT"),
        (["dance"], 2, "there is no verb 'dance': hub, display, "),
        (["stauts"], 2, "there is no verb 'stauts': is status meant?"),
        (["publish", "a-open", "--no-such-flag"], 2, "--no-such-flag"),
        (["publish", "a-open", "--hub", "ftp://hub.example"], 2, "http://"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_an_exit_code(tmp_path, hub, user, arguments, code, sentence):
    place = [] if code == 2 else ["--hub", hub.url, "--user", user]
    command = run_cast(tmp_path, *arguments, *place)
    assert command.process.returncode == code, command.error_text
    assert sentence in command.error_text
    assert "Traceback" not in command.error_text


@pytest.mark.parametrize("arguments", [["status"], ["publish", "a-open"], ["request", "STATUS"]])
def test_a_hub_that_is_not_there_is_exit_code_3(tmp_path, arguments):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = run_cast(tmp_path, *arguments, "--hub", f"http://127.0.0.1:{port}")
    assert command.process.returncode == 3, command.error_text
    assert "Traceback" not in command.error_text and str(port) in command.error_text


def test_status_tells_the_hubs_health(tmp_path, hub):
    command = run_cast(tmp_path, "status", "--hub", hub.url, "--json")
    assert command.process.returncode == 0, command.error_text
    assert command.json_lines()[0]["status"]["version"] == command.json_lines()[0]["version"]


def test_a_request_prints_who_answered_and_saves_pictures(tmp_path, hub, user, peer):
    session, pump = peer(product="PICTURES", actors=("ID",))
    picture = {"contentType": "image/png", "data": "iVBORw0KGgo=", "width": 1, "height": 1}
    session.on_request("SCENEVIEW", lambda message: {"viewports": [{"name": "Red", "picture": dict(picture)}]})
    command = CastCommand(
        tmp_path, "request", "SCENEVIEW", "--timeout", "10", "--out", "got", "--json", "--hub", hub.url, "--user", user
    )
    assert pump.run_until(lambda: command.process.poll() is not None, 60)
    assert command.finish() == 0, command.error_text
    assert command.json_lines()[0]["responses"][0]["productName"] == "PICTURES"
    (folder,) = (tmp_path / "got").iterdir()
    assert (folder / "Red-picture.png").read_bytes() == b"\x89PNG\r\n\x1a\n"
    answer = json.loads((folder / "answer.json").read_text())
    assert answer["data"]["viewports"][0]["picture"]["data"] == "Red-picture.png"


def test_send_waits_for_the_answer_that_is_addressed_to_it(tmp_path, hub, user, peer):
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "a.nii").write_bytes(b"volume" * 1000)
    (folder / "IM0001").write_bytes(bytes(128) + b"DICM" + b"x" * 20)
    (folder / "notes.txt").write_text("not to be sent")
    session, pump = peer(product="SERVICE", actors=("EC",))

    def serve(message):
        names = sorted(entry["fileName"] for entry in message.context["files"])
        received = session.fetch_files(message, tmp_path / "service")
        assert sorted(path.read_bytes()[:6] for path in received) == [bytes(6), b"volume"]
        (tmp_path / "result.json").write_text(json.dumps(names))
        me = Target(name=message.sender.name)
        session.publish("status-update", {"message": "half way", "level": "info"}, target=me)
        session.send_files("openehr-send", [tmp_path / "result.json"], target=Target(actor="ID", name="other"))
        session.send_files("openehr-send", [tmp_path / "result.json"], target=me)

    session.on_event(serve)
    command = CastCommand(
        tmp_path, "send", "nifti-send", str(folder), "--wait", "--out", "got", "--target-product", "SERVICE",
        "--hub", hub.url, "--user", user,
    )  # fmt: skip
    assert pump.run_until(lambda: command.process.poll() is not None, 60)
    assert command.finish() == 0, command.error_text
    assert "SERVICE: half way" in command.error_text
    assert json.loads((tmp_path / "got" / "result.json").read_text()) == ["IM0001.dcm", "a.nii"]


def test_a_service_that_fails_ends_the_wait_with_its_sentence(tmp_path, hub, user, peer):
    (tmp_path / "a.nii").write_bytes(b"volume")
    session, pump = peer(product="SERVICE", actors=("EC",))

    def serve(message):
        context = {"message": "no brain found", "level": "error"}
        session.publish("status-update", context, target=Target(name=message.sender.name))

    session.on_event(serve)
    command = CastCommand(
        tmp_path,
        "send",
        "nifti-send",
        "a.nii",
        "--wait",
        "--target-product",
        "SERVICE",
        "--hub",
        hub.url,
        "--user",
        user,
    )
    assert pump.run_until(lambda: command.process.poll() is not None, 60)
    assert command.finish() == 1
    assert "no brain found" in command.error_text


def test_send_gives_up_when_no_answer_comes(tmp_path, hub, user):
    (tmp_path / "a.nii").write_bytes(b"volume")
    place = ("--hub", hub.url, "--user", user)
    command = run_cast(tmp_path, "send", "nifti-send", "a.nii", "--wait", "--timeout", "0.3", *place)
    assert command.process.returncode == 4, command.error_text
    assert "0 are connected" in command.error_text


def test_watch_saves_batches_and_ends_with_130_on_ctrl_c(tmp_path, hub, user):
    (tmp_path / "a.nii").write_bytes(b"volume")
    seen = watch(tmp_path, hub, user, "--out", "got")
    sent = run_cast(tmp_path, "send", "nifti-send", "a.nii", "--json", "--hub", hub.url, "--user", user)
    assert sent.process.returncode == 0, sent.error_text
    seen.wait_for_error_line("saved 1 files")
    seen.interrupt()
    assert seen.finish() == 130
    assert (seen.work / "got" / sent.json_lines()[0]["id"] / "a.nii").read_bytes() == b"volume"


@pytest.mark.parametrize("id", ["../../out", "/cast-out", "a\nb\x1b]0;x\x07", "\u202ea"])
def test_what_a_sender_chose_moves_neither_files_nor_the_terminal(tmp_path, hub, user, id):
    seen = watch(tmp_path, hub, user, "--out", "got/here", "--count", "1")
    with Wire(hub.url, user) as wire:
        sent = event("dicom-send", user, {"files": [{"fileName": "a.dcm", "byteLength": 1}]}) | {"id": id}
        assert wire.send_batch(batch_body(sent, [b"a"])).status_code == 200
        assert seen.finish() == 0, seen.error_text
    assert len(seen.lines) == 1 and not set(seen.lines[0]) & set("\x1b\x07\u202e")
    assert [path.parents[1].name for path in tmp_path.rglob("a.dcm")] == ["here"]


def test_a_batch_that_cannot_be_saved_is_told_in_a_line_and_the_next_is_saved(tmp_path, hub, user):
    seen = watch(tmp_path, hub, user, "--out", "got", "--count", "2")
    with Wire(hub.url, user) as wire:
        file = {"fileName": "a.dcm", "byteLength": 1}
        gone = {**file, "payloadIds": ["gone"], "chunkByteLengths": [1]}
        wire.publish(event("dicom-send", user, {"files": [gone]}), 202)
        assert wire.send_batch(batch_body(event("dicom-send", user, {"files": [file]}), [b"a"])).status_code == 200
        assert seen.finish() == 0, seen.error_text
    assert "not saved: dicom-send" in seen.error_text and "saved 1 files" in seen.error_text
    assert "Traceback" not in seen.error_text


def test_an_answer_that_cannot_be_saved_does_not_keep_the_others_from_it(tmp_path, hub, user, peer):
    for name, data in (("BAD", "!"), ("GOOD", "aGVsbG8=")):
        view = {"thumbnail": {"contentType": "image/png", "data": data}}
        session, _ = peer(name=name)
        session.on_request("SCENEVIEW", lambda _, view=view: {"viewports": [view]}, in_background=True)
    command = run_cast(tmp_path, "request", "SCENEVIEW", "--out", "got", "--hub", hub.url, "--user", user)
    assert command.process.returncode == 1, command.error_text
    assert "the answer of BAD is not saved in full" in command.error_text
    assert [path.read_bytes() for path in tmp_path.rglob("*GOOD/*.png")] == [b"hello"]


def test_what_the_console_cannot_show_is_written_otherwise(tmp_path, hub):
    arguments = ("publish", "x-update", "--topic", "Jürgen 読影室", "--hub", hub.url)
    for more, found in (((), "\\u8aad"), (("--json",), "")):
        command = run_cast(tmp_path, *arguments, *more, environment={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
        assert command.process.returncode == 0 and found in command.error_text, command.error_text
    assert command.json_lines()[0]["topic"] == "Jürgen 読影室"


def test_help_and_version(tmp_path):
    for arguments in (
        ["--help"],
        ["--version"],
        ["hub", "--help"],
        ["display", "--help"],
        ["provide", "--help"],
        ["help", "send"],
        ["help"],
    ):
        command = run_cast(tmp_path, *arguments)
        assert command.process.returncode == 0 and command.lines, command.error_text


def test_a_service_prints_its_states_as_json(tmp_path, hub, user):
    script = tmp_path / "Nothing.py"
    script.write_text("def onMessage(message, context):\n    pass\n")
    service = CastCommand(tmp_path, "provide", str(script), "--json", "--quiet", "--hub", hub.url, "--user", user)
    service.wait_for_error_line("serves")
    service.interrupt()
    assert service.finish() == 130
    states = service.json_lines()
    assert [state["state"] for state in states if state["state"] == "online"] == ["online"]
    assert states[-1]["hub"] == hub.url
    assert not any(" INFO " in line for line in service.errors)

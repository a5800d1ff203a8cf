"""``cast`` says why: what came over the wire rewrites nothing, a wait ends with its own answer or a reason."""

import http.server
import json
import socket
import threading

import pytest
from cast_command import CastCommand, run_cast

from CastCLI import send
from CastCLI.send import _Waiting
from CastLib.errors import CastError
from CastLib.message import Sender, Target, make_message, parse_publish


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(b"n" * 400)
    return path


def test_names_are_no_markup_and_turn_no_line(tmp_path, hub, user, peer):
    session, _ = peer(name="[red]A[/oops]")
    session.on_request("STATUS", lambda _: {"x": "[bold]y\u202ez"}, in_background=True)
    asked = run_cast(tmp_path, "request", "STATUS", "--hub", hub.url, "--user", user)
    assert asked.process.returncode == 0, asked.error_text
    assert any("[red]A[/oops]" in line for line in asked.lines)  # a table is a result: on stdout, also piped
    assert "\u202e" not in "".join(asked.lines)


def test_a_wait_ends_when_nobody_is_there(tmp_path, hub, user, file):
    sent = run_cast(tmp_path, "send", "nifti-send", str(file), "--wait", "--hub", hub.url, "--user", user)
    assert sent.process.returncode == 4
    assert "nobody who could answer is connected (0 are connected)" in sent.error_text


def test_a_wait_ends_when_others_only_look_on(tmp_path, hub, user, file):
    seen = CastCommand(tmp_path / "watch", "watch", "--hub", hub.url, "--user", user)
    seen.wait_for_error_line("watching")
    sent = run_cast(tmp_path, "send", "nifti-send", str(file), "--wait", "--hub", hub.url, "--user", user)
    assert sent.process.returncode == 4
    assert "nobody who could answer is connected (1 are connected, which send no results)" in sent.error_text


def test_one_who_waits_is_nobody_who_could_answer(tmp_path, hub, user, peer, file):
    peer(product="SERVICE", actors=("EC",))
    words = ("send", "nifti-send", str(file), "--wait", "--hub", hub.url, "--user", user)
    first = CastCommand(tmp_path / "first", *words, "--target-product", "SERVICE")
    first.wait_for_error_line("sent 1 files")
    second = run_cast(tmp_path, *words, "--target-actor", "ID")
    assert second.process.returncode == 4 and "(1 are connected, which send no results)" in second.error_text
    assert first.process.poll() is None


def test_a_wait_ends_when_a_script_sent_nothing(tmp_path, hub, user, file):
    (tmp_path / "Nothing.py").write_text("def onMessage(message, context):\n    pass\n")
    where = ("--hub", hub.url, "--user", user)
    service = CastCommand(tmp_path, "provide", "Nothing.py", *where)
    service.wait_for_error_line("serves")
    sent = run_cast(tmp_path, "send", "nifti-send", str(file), "--wait", "--target-product", "Nothing", *where)
    assert sent.process.returncode == 1
    assert "the script ended without a result: it sent nothing" in sent.error_text


def test_two_sends_under_one_name_get_their_own_results(tmp_path, hub, user, peer, file):
    service, pump = peer(product="SERVICE", name="SERVICE-1")
    service.on_request("STATUS", lambda _: {}, in_background=True)
    came = []
    service.on_event(lambda message: came.append(message) if message.key == "nifti-send" else None)
    words = ["send", "nifti-send", str(file), "--wait", "--json", "--name", "SAME", "--hub", hub.url, "--user", user]
    commands = [CastCommand(tmp_path / str(number), *words) for number in range(2)]
    assert pump.run_until(lambda: len(came) == 2, 60)
    for message in reversed(came):
        result = tmp_path / f"{message.id}.nii"
        result.write_bytes(message.id.encode())
        context = {"inReplyTo": message.id}
        service.send_files("nifti-send", [result], context=context, target=Target(name="SAME"))
    for command in commands:
        assert command.finish() == 0, command.error_text
        sent, answer = command.json_lines()
        assert answer["event"]["context"]["inReplyTo"] == sent["id"]
        (saved,) = answer["saved"]
        assert sent["id"] in saved


class Asked:
    """A session at a hub where nobody is any more."""

    name = "ME"

    def __init__(self):
        self.there = []

    def request(self, data_type, *, target, timeout):
        return {"expected": self.there}


class Silent:
    def say(self, sentence): ...

    def value(self, value): ...


def test_a_service_that_has_left_ends_the_wait(monkeypatch):
    session = Asked()
    waiting = _Waiting(session, "sent-1", None, Silent())
    monkeypatch.setattr(send, "_GONE", -1.0)
    with pytest.raises(CastError, match="nobody who could answer is connected any more"):
        waiting._check_worker(Target(product="SERVICE"))
    line = make_message(
        "status-update", "T", {"message": "10 %", "inReplyTo": "sent-1"},
        sender=Sender(name="SERVICE-1"), target=Target(name="ME"),
    )  # fmt: skip
    waiting.receive(parse_publish(line))
    session.there = ["SERVICE-1"]
    waiting._check_worker(Target())
    session.there = []
    with pytest.raises(CastError, match="SERVICE-1, which worked on it, is not connected any more"):
        waiting._check_worker(Target())


def test_publish_warns_of_what_can_be_none_and_of_nobody(tmp_path, hub, user, peer):
    odd = run_cast(tmp_path, "publish", "open study", "--study", "abc", "--hub", hub.url, "--user", user)
    assert odd.process.returncode == 0
    for sentence in ("hardly an event", "hardly a StudyInstanceUID", "does anybody listen?"):
        assert sentence in odd.error_text
    for name, sentence in (("status-request", "ask with `cast request`"), ("Patient-open", "what it speaks of")):
        assert sentence in run_cast(tmp_path, "publish", name, "--hub", hub.url, "--user", user).error_text
    peer()
    for uid in ("1.2.3.4", "2.25.273995047586670847465402305220126920624"):
        good = run_cast(tmp_path, "publish", "ImagingStudy-open", "--study", uid, "--hub", hub.url, "--user", user)
        assert "warning" not in good.error_text


@pytest.mark.parametrize(
    "words",
    [["watch"], ["answer", "REPORTCONTENT", "--file", "x.json"], ["provide", "Nothing.py"]],
    ids=lambda words: words[0],
)
def test_a_command_that_stays_waits_for_a_hub_that_is_late(tmp_path, words):
    (tmp_path / "x.json").write_text("{}")
    (tmp_path / "Nothing.py").write_text("def onMessage(message, context):\n    pass\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        command = CastCommand(tmp_path, *words, "--hub", f"http://127.0.0.1:{taken.getsockname()[1]}")
        command.wait_for_error_line("waiting for the hub")
        assert command.process.poll() is None
        command.interrupt()
        assert command.finish() == 130
    assert command.error_text.count("waiting for the hub") == 1
    assert "cast.client: waiting" not in command.error_text


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        (True, "is a Cast hub of another make (it answers conference): it has no /api/hub/status"),
        (False, "no Cast hub"),
    ],
)
def test_status_says_what_another_hub_is(tmp_path, known, sentence):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            there = known and self.path == "/api/hub/conference"
            self.send_response(200 if there else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps([] if there else {"detail": "Not Found"}).encode())

        def log_message(self, *_): ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        asked = run_cast(tmp_path, "status", "--hub", f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
    assert asked.process.returncode == 3 and sentence in asked.error_text

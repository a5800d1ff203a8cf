"""``client.mjs``, as a hub serves it, at real hubs: all that javascript.md tells."""

from __future__ import annotations

import base64
import re
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from contract import check
from hub_process import HubProcess
from hub_wire import Wire, event, new_topic
from node_program import NodeProgram, ProgramError
from relay import Relay

DRIVER = Path(__file__).with_name("drive.mjs")
NAME = "PAGE-1"
Start = Callable[..., "Page"]


class Page(NodeProgram):
    """A program in JavaScript that is connected to a hub."""

    def __init__(self, file: Path, hub: str, topic: str, **more: Any) -> None:
        super().__init__(DRIVER, str(file))
        settings = {"user": topic, "name": NAME, "product": "PAGE", "actors": ["ID"], "events": "*", **more}
        self.do("connect", hub=hub, settings=settings)

    def message(self) -> dict[str, Any]:
        """The next event, whatever it tells of its state."""
        while (told := self.told())["event"] != "message":
            pass
        message: dict[str, Any] = told["message"]
        return message

    def state(self) -> str:
        told = self.told()
        assert told["event"] == "state", told
        words: str = told["words"]
        return words


@pytest.fixture
def file(packages: Path, hub: HubProcess) -> Iterator[Path]:
    """client.mjs where the package ws is found."""
    with tempfile.TemporaryDirectory(dir=packages) as folder:
        path = Path(folder) / "client.mjs"
        path.write_bytes(requests.get(f"{hub.url}/docs/client.mjs").content)
        yield path


@pytest.fixture
def start(file: Path) -> Iterator[Start]:
    """A function that starts a page of a topic at a hub's address."""
    started: list[Page] = []

    def connected(url: str, topic: str, **more: Any) -> Page:
        started.append(Page(file, url, topic, **more))
        assert started[-1].state() == "online"
        return started[-1]

    yield connected
    for page in started:
        page.stop()


def test_what_the_page_prints_runs(file: Path, hub: HubProcess) -> None:
    page = requests.get(f"{hub.url}/docs/javascript.md").text
    *examples, client = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    assert client.encode() == file.read_bytes()
    with Wire(hub.url, "alice") as wire:
        other = wire.listen("OTHER", subscriber__actors="EC")
        example = "".join(examples).replace("http://127.0.0.1:2018", hub.url) + "client.close();"
        file.with_name("example.mjs").write_text(example, "utf-8")
        done = subprocess.run(["node", "example.mjs"], cwd=file.parent, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert "ok: true" in done.stdout
        for name in "ImagingStudy-open", "dicom-send":
            assert other.event()["event"]["hub.event"] == name


def test_events_go_both_ways_and_are_acknowledged(start: Start, hub: HubProcess) -> None:
    with Wire(hub.url) as wire:
        other = wire.listen("OTHER")
        page = start(hub.url, wire.topic)
        sent = event("Patient-open", wire.topic, [{"key": "patient", "resource": {"id": "1"}}])
        wire.publish(sent, 202)
        assert page.message() == sent
        assert other.event() == sent
        study = [{"key": "study", "resource": {"resourceType": "ImagingStudy", "id": "1", "uid": "1.2"}}]
        assert page.do("publish", name="ImagingStudy-open", context=study) == {"status": "received"}
        told = other.event()
        check("publish-cast", told)
        assert (told["event"]["context"], told["subscriber.name"], told["subscriber.actor"]) == (study, NAME, ["ID"])
        page.do("publish", name="Patient-close", context=[], target={"target.actor": "EC"})
        page.do("close")
        assert other.event()["event"]["hub.event"] == "subscription-removed", "and nothing that is not for it"


def test_requests_both_ways(start: Start, hub: HubProcess) -> None:
    with Wire(hub.url) as wire:
        page, other = start(hub.url, wire.topic), start(hub.url, wire.topic, name="PAGE-2", actors=["EC"])
        answer = page.do("request", type="STATUS", target={"target.actor": "EC"})
        check("collated-answer", answer)
        (response,) = answer["responses"]
        assert (response["subscriber"], response["actor"], response["data"]["items"]) == ("PAGE-2", "EC", [])
        check("status-of-provider", response["data"])
        refused = other.do("request", type="FAILING", context={"timeoutSeconds": 10})["responses"][0]["data"]
        check("no-answer", refused)
        assert refused == {"error": "there is no such picture"}
        nobody = page.do("request", type="STATUS", target={"target.subscriber.name": "NOBODY"})
        assert (nobody["responses"], nobody["expected"]) == ([], [])
        with pytest.raises(ProgramError, match="event.hub.event"):
            page.do("publish", name="", context=[])


def test_a_batch_both_ways(start: Start, hub: HubProcess) -> None:
    """A file over 4 MiB comes in chunks."""
    topic = new_topic()
    sender, receiver = start(hub.url, topic), start(hub.url, topic, name="PAGE-2", actors=["EC"])
    files = {"1.dcm": secrets.token_bytes(9 * 1024 * 1024), "2.dcm": b"two"}
    listed = [{"fileName": name, "data": base64.b64encode(data).decode()} for name, data in files.items()]
    id = sender.do("sendFiles", name="dicom-send", files=listed, context={"task": "t"}, target={"target.actor": "EC"})
    told = receiver.message()
    check("fan-out-manifest", told)
    assert (told["id"], told["event"]["context"]["task"]) == (id, "t")
    for entry in told["event"]["context"]["files"]:
        assert base64.b64decode(receiver.do("fetchFile", entry=entry)) == files[entry["fileName"]]
    with pytest.raises(ProgramError, match="must end in one of"):
        sender.do("sendFiles", name="dicom-send", files=[{"fileName": "a.exe", "data": "AAAA"}], context={})


def test_after_a_break_it_binds_again_and_nothing_is_lost_or_comes_twice(start: Start, hub: HubProcess) -> None:
    with Wire(hub.url) as wire, Relay(urlsplit(hub.url).port) as relay:
        page = start(f"http://127.0.0.1:{relay.port}", wire.topic)
        sent = []
        for _ in range(3):
            for _ in range(5):
                sent.append(event("Patient-open", wire.topic))
                wire.publish(sent[-1], 202)
            relay.cut()
        assert [page.message()["id"] for _ in sent] == [body["id"] for body in sent]
        wire.publish(last := event("Patient-close", wire.topic), 202)
        assert page.message() == last


def test_at_a_hub_that_was_started_anew_it_subscribes_anew(
    start: Start, start_hub: Callable[..., HubProcess], tmp_path: Path
) -> None:
    first = start_hub(folder=tmp_path / "same")
    page = start(first.url, topic := new_topic())
    port = str(urlsplit(first.url).port)
    first.stop()
    second = start_hub("--port", port, folder=tmp_path / "same")
    told = [page.state()]
    while told[-1] != "online":
        told.append(page.state())
    assert told[0] == "connection lost" and "fetch failed" not in told
    with Wire(second.url, topic) as wire:
        wire.publish(sent := event("Patient-open", topic), 202)
        assert page.message() == sent
        assert wire.status()["subscriptions"] == 1

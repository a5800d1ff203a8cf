"""Requests: what this hub does beyond the rules when askers and answers go astray."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from hub_wire import WAIT, Wire, batch_body, event, hub_in_thread


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    with hub_in_thread(tmp_path) as url, Wire(url) as wire:
        yield wire


def question(wire: Wire, timeout: float) -> dict[str, Any]:
    return event("status-request", wire.topic, {"timeoutSeconds": timeout}, subscriber_name="ASKER")


def large_answer(wire: Wire, frame: dict[str, Any], name: str) -> bytes:
    context = {"id": frame["event"]["context"]["id"], "files": [{"fileName": "v.png", "byteLength": 4}]}
    return batch_body(event("status-response", wire.topic, context, subscriber_name=name), [b"data"])


def test_an_asker_that_has_gone_is_waited_for_no_longer(wire: Wire) -> None:
    display = wire.listen("DISPLAY")
    body = question(wire, timeout=60)
    with pytest.raises(requests.exceptions.ReadTimeout):
        wire.http.post(wire.at("request"), json=body, timeout=0.2)
    frame = display.event()
    deadline = time.monotonic() + WAIT
    while wire.status()["open_requests"]:
        assert time.monotonic() < deadline
    display.answer(frame, "nobody hears it", "DISPLAY")
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(wire.request, body)  # the same id
        display.answer(display.event(), 1, "DISPLAY")
        assert again.result().json()["ok"] is True


def test_one_who_answers_no_such_request_is_not_waited_for(wire: Wire) -> None:
    display, watcher = wire.listen("DISPLAY"), wire.listen("WATCHER")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(wire.request, question(wire, timeout=60))
        watcher.send({"id": "another frame", "status": 501})
        watcher.send({"id": watcher.event()["id"], "status": 501})
        display.answer(display.event(), 1, "DISPLAY")
        collated = answer.result().json()
    assert (collated["expected"], collated["missing"], collated["ok"]) == (["DISPLAY"], [], True)
    assert not collated["timedOut"]


def test_who_has_declined_answers_no_more_and_is_told_to_nobody(wire: Wire) -> None:
    display, other, watcher = (
        wire.listen("DISPLAY"),
        wire.listen("OTHER"),
        wire.listen("WATCHER", "dicom-send,SyncError"),
    )
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(wire.request, question(wire, timeout=60))
        frame = other.event()
        other.send({"id": frame["id"], "status": 501})
        other.answer(frame, "after all", "OTHER")
        display.send({"id": display.event()["id"], "status": 501})
        collated = answer.result().json()
    assert (collated["expected"], collated["responses"], collated["ok"]) == ([], [], True)
    watcher.nothing()


def test_a_batch_that_answers_twice_is_not_kept(wire: Wire) -> None:
    display, other = wire.listen("DISPLAY"), wire.listen("OTHER")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(wire.request, question(wire, timeout=60))
        frame = display.event()
        assert wire.send_batch(large_answer(wire, frame, "DISPLAY")).status_code == 200
        assert wire.send_batch(large_answer(wire, frame, "DISPLAY")).status_code == 409
        assert wire.status()["payloads"] == {"count": 1, "bytes": 4}
        other.answer(other.event(), 1, "OTHER")
        assert len(answer.result().json()["responses"]) == 2


def test_a_batch_for_which_nobody_waits_any_more_when_it_has_arrived_is_not_kept(wire: Wire) -> None:
    display = wire.listen("DISPLAY")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(wire.request, question(wire, timeout=0.3))
        body = large_answer(wire, display.event(), "DISPLAY")

        def slowly() -> Iterator[bytes]:
            yield body[:-10]
            assert answer.result().json()["timedOut"] is True
            yield body[-10:]

        assert wire.http.post(wire.hub, data=slowly(), headers=MULTIPART).status_code == 409
    assert wire.status()["payloads"] == {"count": 0, "bytes": 0}


MULTIPART = {"Content-Type": 'multipart/related; boundary="b"'}

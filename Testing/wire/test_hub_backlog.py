"""Who does not read what it is sent, and what the hub still does for it at its end (docs/delivery.md)."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hub_process import HubProcess
from hub_wire import WAIT, Wire, event


def test_a_stalled_reader_is_told_and_dropped_and_nobody_else_notices(
    start_hub: Callable[..., HubProcess], tmp_path: Path
) -> None:
    most, text = 2 * 1024 * 1024, "x" * 64 * 1024
    (tmp_path / "hub.toml").write_text(f"max_backlog_bytes = {most}\n")
    hub = start_hub("--settings", str(tmp_path / "hub.toml"))
    with Wire(hub.url) as wire, Wire(hub.url, wire.topic) as watching:
        quick = {"skip_utf8_validation": True}  # the client's own check is slow
        small = {"sockopt": [(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)], **quick}
        stalled = [wire.bind(wire.subscribe(f"S{number}", "Patient-open"), **small) for number in range(3)]
        healthy = wire.bind(wire.subscribe("H", "Patient-open,subscription-removed"), **quick)
        process, removed, ids = psutil.Process(hub.pid), [], []
        before, highest = process.memory_info().rss, 0
        while len(removed) < len(stalled):
            body = event("Patient-open", wire.topic, [{"key": "text", "string": text}])
            ids.append(body["id"])
            watching.publish(body, 202)
            frame = healthy.event()
            while frame["event"]["hub.event"] == "subscription-removed":
                removed.append(frame["event"]["context"])
                frame = healthy.event()
            assert frame["id"] == body["id"], "each at once, in order"
            highest = max(highest, process.memory_info().rss)
            assert len(ids) < 1000
        assert {each["reason"] for each in removed} == {"send-failure"}
        assert highest - before < (len(stalled) + 8) * most
        for each in stalled:
            frames = [each.frame()]
            while "closed" not in frames[-1]:
                frames.append(each.frame())
            assert [frame["id"] for frame in frames[:-2]] == ids[: len(frames) - 2]
            assert frames[-2]["hub.mode"] == "denied" and "too slow" in frames[-2]["hub.reason"]
            assert frames[-1] == {"closed": 1013}
        status = wire.status()
        assert status["subscriptions"] == 1 and status["unproven"] > 3
        assert status["undelivered"] == len(stalled), "the one for which there was no room"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("acknowledges", [True, False])
def test_a_hub_that_ends_lets_sockets_have_what_waits_for_them(
    start_hub: Callable[..., HubProcess], acknowledges: bool
) -> None:
    hub, text = start_hub(), "x" * 64 * 1024
    with Wire(hub.url) as wire:
        late = wire.bind(wire.subscribe("S", "Patient-open"), skip_utf8_validation=True)
        bodies = [event("Patient-open", wire.topic, [{"key": "text", "string": text}]) for _ in range(200)]
        for body in bodies:
            wire.publish(body, 202)
        hub.process.terminate()
        got = [late.frame()]
        while "closed" not in got[-1]:
            if acknowledges:
                late.send({"id": got[-1]["id"], "status": 200})
            got.append(late.frame())
        assert [frame.get("id") for frame in got[:-1]] == [body["id"] for body in bodies]
        assert got[-1] == {"closed": 1001}
        late.close()
        assert hub.process.wait(WAIT) == 0
        with pytest.raises(OSError):
            wire.bind(wire.subscribe("S"))

"""Fan-out with a compiled load (fanload.c) that is not the limit. Wants cc, Linux and the standard library.

Usage: fan.py hub BASE_URL PID SUBSCRIBERS EVENTS IN_FLIGHT
       fan.py nats WS_PORT:TCP_PORT PID SUBSCRIBERS EVENTS IN_FLIGHT

Prints deliveries a second, and deliveries for each second of the server's processor (PID's), which does not depend on
the load. Pin the server to one core and this to another.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

TICKS = 100  # of the processor's clock in /proc, a second


def built() -> Path:
    """The load, compiled when its source is newer."""
    binary, source = Path(tempfile.gettempdir(), "cast-fanload"), Path(__file__).with_name("fanload.c")
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-w", "-o", str(binary), str(source)], check=True)
    return binary


def used(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / TICKS


def post(url: str, data: dict[str, str], token: str = "", form: bool = False) -> Any:
    """What a hub answers to a POST."""
    body = urllib.parse.urlencode(data).encode() if form else json.dumps(data).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return json.load(urllib.request.urlopen(urllib.request.Request(url, body, headers)))


def subscribe(base: str, subscribers: int) -> tuple[str, str, list[str]]:
    """A token, a topic of its own, and the paths at which so many subscribers bind."""
    topic = "F" + uuid.uuid4().hex[:8]
    code = post(f"{base}/oauth/authorize", {"user_name": topic, "topic": topic}).get("code")
    answer = post(f"{base}/oauth/token", {"grant_type": "authorization_code", "code": code}, form=True)
    token = answer["access_token"]
    form = {"hub.channel.type": "websocket", "hub.mode": "subscribe", "hub.topic": topic, "hub.events": "*"}
    endpoints = (
        post(f"{base}/api/hub/", form | {"subscriber.name": f"S{number}"}, token, True)["hub.channel.endpoint"]
        for number in range(subscribers)
    )
    return token, topic, [urllib.parse.urlsplit(endpoint).path for endpoint in endpoints]


def main() -> None:
    """Put the load on the server and print."""
    kind, where, numbers = sys.argv[1], sys.argv[2].rstrip("/"), [int(word) for word in sys.argv[3:7]]
    pid, subscribers, events, in_flight = numbers
    if kind == "hub":
        token, topic, paths = subscribe(where, subscribers)
        port = urllib.parse.urlsplit(where).port
        command, lines = ["cast", str(port), str(events), str(in_flight), token, topic], "\n".join(paths) + "\n"
    else:
        command, lines = ["nats", *where.split(":"), str(subscribers), str(events), str(in_flight)], ""
    load, before = built(), used(pid)
    out = subprocess.run([str(load), *command], input=lines, text=True, capture_output=True)
    spent = used(pid) - before
    if out.returncode:
        raise SystemExit(f"the load failed: {out.stderr[-300:]}")
    rate, took, own = map(float, out.stdout.split())
    print(
        f"{rate:.0f} deliveries/s, {subscribers * events / max(spent, 0.01):.0f} a second of the server's processor "
        f"({spent:.2f} s of {took:.2f}), the load's own {own:.2f} s"
    )


if __name__ == "__main__":
    main()

"""This hub beside a bare sketch, and beside NATS where it is installed: medians, ratios within pairs, and the bars.

Usage: compare_hubs.py [--pairs 5] [--seconds 2.5]

Each hub has one core and the load another (Linux; elsewhere the system places them). Runs of under two seconds scatter
by a third, so each fan-out lasts ``--seconds``; look at the ratios of five pairs or more and at nothing smaller than a
tenth. The packages needed are those of the tests; ``nats-server`` is Debian's package of that name.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from hub_process import package_environment  # noqa: E402

HUB_CORE, LOAD_CORE = 0, 1
MAX_START = 20.0  # seconds
NOISE = 0.9  # of a bar is taken as reaching it
SKETCH, NATS = "sketch", "NATS"


class Figure(NamedTuple):
    """What is measured: its unit, whether more is better, and the bar its ratio to a peer must reach (None: no bar)."""

    unit: str
    more_is_better: bool
    bars: dict[str, float]


FIGURES = {
    "fan-out to 100": Figure("deliveries/s", True, {SKETCH: 2.0, NATS: 0.5}),
    "fan-out to 500": Figure("deliveries/s", True, {SKETCH: 3.0, NATS: 1.0}),
    "one event to 1, median": Figure("ms", False, {SKETCH: 1.0}),
    "one event to the last of 100, median": Figure("ms", False, {SKETCH: 1.0}),
    "one event to the last of 100, p99": Figure("ms", False, {}),
    "request to 10, median": Figure("ms", False, {SKETCH: 1 / 1.2}),
    "request to 10, p99": Figure("ms", False, {}),
    "batch upload": Figure("MB/s", True, {SKETCH: 2.5}),
    "batch upload, by processor time": Figure("MB/s", True, {}),
    "batch download": Figure("MB/s", True, {}),
    "batch end to end": Figure("MB/s", True, {SKETCH: 2.0}),
    "peak memory": Figure("MB", False, {}),
    "start to first answer": Figure("s", False, {}),
}


def pinned(command: list[str], core: int, **options: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen(command, text=True, env=package_environment() | {"GOMAXPROCS": "1"}, **options)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return process


def load(script: str, *arguments: object) -> str:
    process = pinned([sys.executable, str(HERE / script), *map(str, arguments)], LOAD_CORE, stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=300)
    if process.returncode:
        raise SystemExit(f"{script} failed")
    return out


def fan_out(run: Callable[[int], str], subscribers: int, seconds: float) -> float:
    """Deliveries a second in a run that takes about ``seconds``; a short run before tells how many events that is."""
    rate, events = 0.0, max(1, 100_000 // subscribers)
    for _ in range(2):
        rate = float(run(events).split()[0])
        events = max(1, int(rate * seconds / subscribers))
    return rate


def measure(command: list[str], port: int, seconds: float) -> dict[str, float]:
    """Start a hub, put every load on it, and end it."""
    url, began = f"http://127.0.0.1:{port}", time.perf_counter()
    with running(command, port, sign_in) as pid:
        figures = {"start to first answer": time.perf_counter() - began}
        # The batch comes first, while the hub's memory holds nothing yet: it is kept in memory by every hub.
        batch = json.loads(load("batch_load.py", url, "--rounds", 1, "--pid", pid))
        figures |= {"batch upload": batch["up_MBps"], "batch download": batch["down_MBps"]}
        figures |= {"batch upload, by processor time": batch["up_cpu_MBps"]}
        figures |= {"batch end to end": batch["end_to_end_MBps"]}
        found = json.loads(load("hub_load.py", url, "--subs", "1,100", "--files", 1, "--size", 1000, "--pid", pid))
        one, hundred = found["fanout"]
        figures |= {"peak memory": found["peak_MB"], "one event to 1, median": one["lat_p50_ms"]}
        figures |= {"one event to the last of 100, median": hundred["lat_p50_ms"]}
        figures |= {"one event to the last of 100, p99": hundred["lat_p99_ms"]}
        figures |= {f"request to 10, {word}": found["request"][1][key] for word, key in _PERCENTILES}
        for subscribers in (100, 500):
            figures[f"fan-out to {subscribers}"] = fan_out(
                lambda events, count=subscribers: load("fan.py", "hub", url, pid, count, events, 16),
                subscribers,
                seconds,
            )
        return figures


_PERCENTILES = (("median", "p50_ms"), ("p99", "p99_ms"))


def measure_nats(port: int, seconds: float) -> dict[str, float]:
    """The same fan-out through NATS and its own WebSocket."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "nats.conf"
        web_socket = f'websocket {{ host: "127.0.0.1", port: {port + 1}, no_tls: true }}'
        settings.write_text(f"host: 127.0.0.1\nport: {port}\n{web_socket}\nmax_pending: 512MB\n")
        with running(["nats-server", "-c", str(settings)], port + 1, connects) as pid:
            for subscribers in (100, 500):
                figures[f"fan-out to {subscribers}"] = fan_out(
                    lambda events, count=subscribers: load(
                        "fan.py", "nats", f"{port + 1}:{port}", pid, count, events, 16
                    ),
                    subscribers,
                    seconds,
                )
    return figures


@contextmanager
def running(command: list[str], port: int, answers: Callable[[int], None]) -> Iterator[int]:
    """A server on the hub's core, ended afterwards; yields its process id when ``answers(port)`` raises no OSError."""
    began = time.perf_counter()
    process = pinned(command, HUB_CORE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                answers(port)
                break
            except OSError:
                if time.perf_counter() - began > MAX_START:
                    raise SystemExit(f"{command[0]} did not answer on port {port}") from None
                time.sleep(0.005)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def sign_in(port: int) -> None:
    body = json.dumps({"user_name": "x", "topic": "x"}).encode()
    url = f"http://127.0.0.1:{port}/oauth/authorize"
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=5):
        pass


def connects(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def free_ports() -> int:
    """The first of two free ports that lie side by side."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def report(ours: list[dict[str, float]], peers: dict[str, list[dict[str, float]]]) -> None:
    """Print the table: a line a figure and peer."""
    print(
        f"{'':38}{'this hub':>12}{'peer':>12}{'ratio':>8}{'bar':>7}   (medians; ratio within pairs, over 1 is better)"
    )
    for name, figure in FIGURES.items():
        for peer, runs in peers.items():
            pairs = [(here[name], there[name]) for here, there in zip(ours, runs, strict=True) if name in there]
            if not pairs:
                continue
            ratio = statistics.median(a / b if figure.more_is_better else b / a for a, b in pairs)
            here, there = (statistics.median(side) for side in zip(*pairs, strict=True))
            bar = figure.bars.get(peer)
            verdict = "" if bar is None else "reached" if ratio >= bar * NOISE else "MISSED"
            wanted = "" if bar is None else f"{bar:.2f}x"
            line = f"{name:38}{shown(here):>12}{shown(there):>12}{ratio:7.2f}x{wanted:>7}"
            print(f"{line}   {figure.unit}, beside {peer}  {verdict}".rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.5, help="of each fan-out")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {LOAD_CORE})
    ours: list[dict[str, float]] = []
    peers: dict[str, list[dict[str, float]]] = {SKETCH: []}
    if shutil.which("nats-server"):
        peers[NATS] = []
    with tempfile.TemporaryDirectory() as state:
        for pair in range(args.pairs):
            port = free_ports()
            hub = [sys.executable, "-m", "CastHubLib", "--state", state, "--log-level", "warning", "--port", str(port)]
            ours.append(measure(hub, port, args.seconds))
            port = free_ports()
            sketch = [sys.executable, str(HERE / "sketch_hub.py"), str(port), "--uvloop"]
            peers[SKETCH].append(measure(sketch, port, args.seconds))
            if NATS in peers:
                peers[NATS].append(measure_nats(free_ports(), args.seconds))
            print(f"pair {pair + 1} of {args.pairs} done", file=sys.stderr)
    report(ours, peers)


if __name__ == "__main__":
    main()

"""This hub beside the sketch, run after run in turn: prints medians and the ratios within pairs.

Usage: compare_hubs.py [--pairs 5] [--deliveries 1000000]

The hub has one core and the load another (Linux; elsewhere the system places them). Runs of under two seconds scatter
by a third, so look at the ratios of five pairs or more and at nothing smaller than a tenth. The needed packages are
those of the tests: aiohttp, uvloop, picows.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from hub_process import package_environment  # noqa: E402

HUB_CORE, LOAD_CORE = 0, 1
START_MOST = 20.0  # seconds

#: figure, unit, whether more is better
FIGURES = {
    "fan-out to 100": ("deliveries/s", True),
    "fan-out to 500": ("deliveries/s", True),
    "one event to the last of 100": ("ms", False),
    "one event to 1": ("ms", False),
    "request to 10": ("ms", False),
    "batch upload": ("MB/s", True),
    "batch end to end": ("MB/s", True),
    "peak memory": ("MB", False),
    "start to first answer": ("s", False),
}


def pinned(command: list[str], core: int, **options: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen(command, text=True, env=package_environment(), **options)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return process


def load(script: str, *arguments: object) -> str:
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    process = pinned(command, LOAD_CORE, stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=300)
    if process.returncode:
        raise SystemExit(f"{script} failed")
    return out


def measure(command: list[str], port: int, deliveries: int) -> dict[str, float]:
    """Start a hub, put every load on it, and end it."""
    url, began = f"http://127.0.0.1:{port}", time.perf_counter()
    hub = pinned(command, HUB_CORE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(url, began)
        figures = {"start to first answer": time.perf_counter() - began}
        found = json.loads(load("hub_load.py", url, "--subs", "1,100", "--pid", hub.pid))
        one, hundred = found["fanout"]
        figures |= {"one event to 1": one["lat_p50_ms"], "one event to the last of 100": hundred["lat_p50_ms"]}
        figures |= {"request to 10": found["request"][1]["p50_ms"], "batch upload": found["binary"]["up_MBps"]}
        figures |= {"batch end to end": found["binary"]["end_to_end_MBps"], "peak memory": found["peak_MB"]}
        for subscribers in (100, 500):
            line = load("fanout_load.py", url, subscribers, deliveries // subscribers, 16)
            figures[f"fan-out to {subscribers}"] = float(line.split()[0])
        return figures
    finally:
        hub.terminate()
        hub.wait()


def wait_for(url: str, began: float) -> None:
    body = json.dumps({"user_name": "x", "topic": "x"}).encode()
    request = urllib.request.Request(f"{url}/oauth/authorize", body, {"Content-Type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except OSError:
            if time.perf_counter() - began > START_MOST:
                raise SystemExit(f"no hub answered at {url}") from None
            time.sleep(0.005)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--deliveries", type=int, default=1_000_000, help="of each fan-out")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {LOAD_CORE})
    ours: list[dict[str, float]] = []
    sketch: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as state:
        for pair in range(args.pairs):
            for runs, command in (
                (ours, ["-m", "CastHubLib", "--state", state, "--log-level", "warning", "--port"]),
                (sketch, [str(HERE / "sketch_hub.py"), "--uvloop"]),
            ):
                port = free_port()
                place = len(command) if runs is ours else 1
                command = [sys.executable, *command[:place], str(port), *command[place:]]
                runs.append(measure(command, port, args.deliveries))
            print(f"pair {pair + 1} of {args.pairs} done", file=sys.stderr)
    print(f"{'':30}{'this hub':>14}{'sketch':>14}{'ratio':>9}   (medians; ratio within pairs, over 1 is better)")
    for name, (unit, more_is_better) in FIGURES.items():
        pairs = [(a[name], b[name]) for a, b in zip(ours, sketch, strict=True)]
        ratio = statistics.median(a / b if more_is_better else b / a for a, b in pairs)
        here, there = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{name:30}{shown(here):>14}{shown(there):>14}{ratio:8.2f}x   {unit}")


if __name__ == "__main__":
    main()

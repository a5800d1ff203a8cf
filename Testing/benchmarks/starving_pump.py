"""How the client fares where Python's threads starve, as they do inside Slicer: latency of small frames, transfers.

Qt's event loop inside Slicer keeps the interpreter lock between Python callbacks. Here ``usleep`` called through
``ctypes.PyDLL`` does: the main thread holds the lock for ``--hold`` milliseconds, then calls ``Pump.drain`` as a QTimer
would. A publisher and the hub are processes of their own. Prints, asserts nothing.

    python Testing/benchmarks/starving_pump.py [--hold 10 20] [--frames 500] [--seconds 5] [--megabytes 256]
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support")]

from hub_process import PACKAGE_FOLDERS, HubProcess, package_environment  # noqa: E402

sys.path[1:1] = map(str, PACKAGE_FOLDERS)

from CastLib.client import Pump, Session, SessionSettings  # noqa: E402
from CastLib.message import Message  # noqa: E402

TOPIC = "starving"
EVENT = "tick-now"

PUBLISHER = """
import sys, time
from CastLib.client import Pump, Session, SessionSettings
hub, topic, event, rate, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5])
session = Session(SessionSettings(hub=hub, user=topic, product="PUBLISHER"), Pump())
session.publish(event, {"sent": time.time()})
began = time.perf_counter()
for count in range(int(rate * seconds)):
    time.sleep(max(0.0, began + count / rate - time.perf_counter()))
    session.publish(event, {"sent": time.time()})
print(count / (time.perf_counter() - began))
"""


def hold_lock(seconds: float) -> None:
    """Sleep and keep the interpreter lock."""
    if seconds > 0:
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))


def drive(pump: Pump, hold: float, until: Callable[[], bool]) -> float:
    """Be a host whose event loop starves threads; return the part of the time that was spent in the pump."""
    began, in_pump = time.perf_counter(), 0.0
    while not until():
        entered = time.perf_counter()
        pump.drain()
        in_pump += time.perf_counter() - entered
        hold_lock(hold)
    return in_pump / (time.perf_counter() - began)


class Timed(Session):
    """Notes when the network side has an event."""

    def __init__(self, settings: SessionSettings, pump: Pump) -> None:
        super().__init__(settings, pump)
        self.network: list[float] = []

    def _take(self, message: Message) -> None:
        self.network.append(time.time() - message.context_dict()["sent"])
        super()._take(message)


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] * 1000


def frames(hub: str, hold: float, rate: float, seconds: float) -> None:
    """Measure the way of small events from their publisher to the network side and to the main thread."""
    pump = Pump()
    session = Timed(SessionSettings(hub=hub, user=TOPIC, product="STARVING", announce=False), pump)
    arrived: list[float] = []
    session.on_event(lambda message: arrived.append(time.time() - message.context_dict()["sent"]))
    session.start()
    began = time.perf_counter()
    drive(pump, hold, lambda: session.state.kind == "online")
    connected = time.perf_counter() - began
    command = [sys.executable, "-c", PUBLISHER, hub, TOPIC, EVENT, str(rate), str(seconds)]
    publisher = subprocess.Popen(command, env=package_environment(), stdout=subprocess.PIPE, text=True)
    in_pump = drive(pump, hold, lambda: publisher.poll() is not None)
    drive(pump, hold, until_quiet(arrived))
    assert publisher.stdout is not None
    print(
        f"hold {hold * 1000:.0f} ms: connected in {connected * 1000:.0f} ms; {len(arrived)} frames at "
        f"{float(publisher.stdout.read()):.0f}/s; to the network side p50 {percentile(session.network, 0.5):.1f} "
        f"p99 {percentile(session.network, 0.99):.1f} ms; to the main thread p50 {percentile(arrived, 0.5):.1f} "
        f"p99 {percentile(arrived, 0.99):.1f} ms; in the pump {in_pump:.0%}, "
        f"longest callback {pump.main_thread.longest * 1000:.1f} ms"
    )
    session.close()


def until_quiet(values: list[float]) -> Callable[[], bool]:
    end = time.perf_counter() + 0.3
    return lambda: time.perf_counter() > end


def transfer(hub: str, hold: float, megabytes: int, files: int) -> None:
    """Measure a batch up and down on a background thread."""
    pump = Pump()
    session = Session(SessionSettings(hub=hub, user=TOPIC + "2", product="STARVING", announce=False), pump)
    received: list[Message] = []
    session.on_event(received.append)
    session.start()
    drive(pump, hold, lambda: session.state.kind == "online")
    sender = Session(SessionSettings(hub=hub, user=TOPIC + "2", product="SENDER"), pump)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for index in range(files):
            path = Path(folder) / f"{index}.dcm"
            path.write_bytes(os.urandom(1024) * (megabytes * 1024 // files))
            paths.append(path)
        up = in_background(pump, hold, lambda: sender.send_files("dicom-send", paths))
        drive(pump, hold, lambda: bool(received))
        down = in_background(pump, hold, lambda: session.fetch_files(received[0], Path(folder) / "fetched"))
        print(
            f"hold {hold * 1000:.0f} ms: {megabytes} MB in {files} files: "
            f"up {megabytes / up:.0f} MB/s, down {megabytes / down:.0f} MB/s"
        )
    session.close()
    sender.close()


def in_background(pump: Pump, hold: float, work: Callable[[], object]) -> float:
    """Run ``work`` on a thread while the main thread starves it; return the seconds it took."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    began = time.perf_counter()
    thread = threading.Thread(target=run)
    thread.start()
    drive(pump, hold, lambda: not thread.is_alive())
    if failed:
        raise failed[0]
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold", type=float, nargs="+", default=[10, 20], help="milliseconds between two drains")
    parser.add_argument("--frames", type=float, default=500, help="small events a second")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--files", type=int, default=64)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hub = HubProcess(Path(folder))
        try:
            for hold in args.hold:
                frames(hub.url, hold / 1000, args.frames, args.seconds)
            for hold in args.hold:
                transfer(hub.url, hold / 1000, args.megabytes, args.files)
        finally:
            hub.stop()


if __name__ == "__main__":
    main()

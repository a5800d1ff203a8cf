"""Minutes of traffic with the three panels open: nothing grows.

Ten minutes with ``--long``, of which one is for warming up; a minute otherwise, of which a quarter. What is compared is
measured before and after the traffic, when everything is at rest.
"""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from hub_process import package_environment
from interface_parts import PATIENCE, InterfacePart
from panel_parts import HubPart, ProviderPart, empty

TRAFFIC = Path(__file__).resolve().parents[1] / "support" / "soak_traffic.py"
REMEMBERED = 16_384  # ids that a session remembers of what it received: so many events fill its memory
STANDING = ("MainThread", "The hub", "cast")  # how the threads are called that last; others do one thing and end
TURN = 2.0  # seconds until another panel is chosen
# Connections to the hub that may come to be after the warm-up: a session keeps as many as it ever used at once, and two
# of them answer on four threads each.
MORE_CONNECTIONS = 6
M_ARENA_MAX = -8  # of glibc's malloc.h
# Otherwise glibc gives each thread an arena and keeps what was freed there: some 250 MB here, whatever the product
# does. Now, before there are threads.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
if hasattr(LIBC, "mallopt"):
    LIBC.mallopt(M_ARENA_MAX, 1)

SERVICE = "def onMessage(message, context):\n    context.send_files(context.files(), event='nifti-send')\n"


@dataclass(frozen=True)
class Measure:
    """What may not grow, of this process alone."""

    rss: float  # MB
    threads: tuple[str, ...]  # of Python, and so all of the product's; those of Qt's pool come and go
    descriptors: int  # but for those of connections
    connections: int
    files: tuple[str, ...]  # in the folder for temporary ones
    objects: int  # of Python's that can hold others
    nodes: int  # in the scene


def draw_views() -> None:
    """Draw what is shown now, as Slicer's own views do after a change: until then Mesa keeps what it drew (35 MB)."""
    import slicer

    manager = slicer.app.layoutManager()
    for name in manager.sliceViewNames():
        manager.sliceWidget(name).sliceView().forceRender()
    for index in range(manager.threeDViewCount):
        manager.threeDWidget(index).threeDView().forceRender()


def measure(host: Any) -> Measure:
    """Measure when nothing happens."""
    import slicer
    from slicer_host.app import state

    host.spin(lambda: all(thread.name.startswith(STANDING) for thread in threading.enumerate()), PATIENCE)
    draw_views()
    host.spin(None, 0.5)
    gc.collect()
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)  # what was freed and is only kept by the allocator: it comes and goes
    process = psutil.Process()
    descriptors = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    connections = len(process.net_connections("inet"))
    files = sorted(str(path.relative_to(state.temporary_path)) for path in Path(state.temporary_path).rglob("*"))
    return Measure(
        process.memory_info().rss / 1e6,
        tuple(sorted(thread.name for thread in threading.enumerate())),
        descriptors - connections,
        connections,
        tuple(files),
        len(gc.get_objects()),
        slicer.mrmlScene.GetNumberOfNodes(),
    )


class Soak:
    """One Slicer with its three panels, each with something to show."""

    def __init__(self, host: Any, folder: Path) -> None:
        self.host, self.folder = host, folder
        hub = HubPart(host)
        self.hub = hub.start()
        self.display = InterfacePart(host)
        self.display.connect(self.hub, "soak")
        for section in ("ask", "send", "messages"):
            self.display.open_section(section)
        self.provider = empty(ProviderPart(host))
        script = folder / "SoakService.py"
        script.write_text(SERVICE)
        self.provider.add(script)
        self.provider.start(self.hub)

    def traffic(self, seconds: float, burst: int = 0) -> dict[str, int]:
        """Be busy for so long, so many events at once first, one panel after the other; how much there was of each."""
        command = [sys.executable, str(TRAFFIC), self.hub, "soak", self.display.logic.name, "SoakService"]
        process = subprocess.Popen(
            [*command, str(self.folder / "files"), str(seconds), str(burst)],
            env=package_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        names, turn = ("CastInterface", "CastServiceProvider", "CastHub"), 0
        end = time.monotonic() + seconds + 90
        while not self.host.spin(lambda: process.poll() is not None, TURN):
            assert time.monotonic() < end, "the traffic does not end"
            turn += 1
            self.host.select(names[turn % 3])
        said, errors = process.communicate()
        assert process.returncode == 0, errors
        self.host.select("CastInterface")
        service = self.provider.logic.services.all()[0]
        self.display.until(lambda: all(record.over for record in service.records.all()))
        self.display.until(lambda: self.display.ui.studyLabel.text.startswith("Nothing is open."))
        self.display.until(lambda: len(self.display.logic.peers.all()) == 1)
        counts: dict[str, int] = json.loads(said)
        return counts


def test_nothing_grows(starving_host: Any, tmp_path: Path, long: bool) -> None:
    # A view's first pictures of each kind cost Mesa memory that it keeps: a minute sees them all, a quarter of it
    # not. So the short run's bar for memory is a coarse one, and Python's own objects are counted beside it.
    warm_up, minutes, megabytes = (60.0, 540.0, 5.0) if long else (15.0, 45.0, 50.0)
    for number in range(400_000):
        sys.intern(f"name {number}")  # the interpreter's table of names doubles at some moment (4 MB): now
    soak = Soak(starving_host, tmp_path)
    soak.traffic(warm_up, REMEMBERED if long else 0)
    before = measure(starving_host)
    counts = soak.traffic(minutes)
    after = measure(starving_host)
    print(f"{counts}\n{before}\n{after}")
    assert counts["events"] > minutes and counts["STATUS"] > 0 and counts["opened"] > 0 and counts["batches"] > 0
    assert after.files == before.files
    assert after.descriptors <= before.descriptors
    assert after.connections <= before.connections + MORE_CONNECTIONS
    assert len(after.threads) <= len(before.threads), (after.threads, before.threads)
    assert after.nodes == before.nodes
    assert after.objects - before.objects < 5000
    assert after.rss - before.rss < megabytes

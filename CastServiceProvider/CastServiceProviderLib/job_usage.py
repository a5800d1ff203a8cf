"""What a job uses of its machine: memory of all its processes, and the disk under its folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from CastServiceProviderLib.job_keeper import descendants

_PS = 5.0  # seconds for `ps`


def used_memory(head: int, most: int) -> int:
    """Return the bytes of memory that the descendants of process ``head`` hold; 0 where it cannot be known.

    What native libraries only reserve does not count. On Linux pages that several processes share are told apart only
    when all together seem to be more than ``most``: looking takes its time.
    """
    system: str = sys.platform
    if system == "linux":
        pids = descendants(head)
        seeming = sum(map(_resident, pids))
        return seeming if seeming <= most else sum(map(_proportional, pids))
    if system == "darwin":
        return _by_ps(head)
    return 0  # Windows has a limit of its own: see `job_limits`


def used_disk(folder: Path) -> int:
    """Return the bytes on disk of all files under a folder; what vanishes meanwhile does not count."""
    total, waiting = 0, [str(folder)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    status = entry.stat(follow_symlinks=False)
                    total += getattr(status, "st_blocks", 0) * 512 or status.st_size
    return total


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _proportional(pid: int) -> int:
    """What is shared by several counts in parts (proc(5), smaps_rollup)."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Pss:", "SwapPss:")))
    return _resident(pid)


def _by_ps(head: int) -> int:
    command = ["ps", "-A", "-o", "pid=,ppid=,pgid=,rss="]
    try:
        lines = subprocess.run(command, capture_output=True, timeout=_PS, text=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(int(rss) for _pid, _ppid, group, rss in map(str.split, lines) if int(group) == head) * 1024

"""The keeper of one job on Linux: whatever a script starts, however that hides, ends with its job.

    python -I -S job_keeper.py CONTROL FOLDER COMMAND…

A process of its own between provider and job, as only a parent is told of daemons: children that left the job's group
and session come to the keeper when their own parents end (PR_SET_CHILD_SUBREAPER), and it ends them. It has never held
the provider's secret, and its children cannot read the memory of processes that hide theirs (no CAP_SYS_PTRACE, which
a provider run by root would pass on). When its provider closes the socket CONTROL, or is gone, all is ended and FOLDER
removed. It ends as the job did, by the same code or signal; before, it writes to CONTROL how many processes were left.

It uses the standard library alone and imports little: a job waits for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import sys
import time

_PR_CAPBSET_DROP, _CAP_SYS_PTRACE = 24, 19
_PR_SET_CHILD_SUBREAPER = 36
_LEAVE = 0.5  # seconds in which helpers of libraries see that their job has ended, and end too
_KILL = 5.0  # seconds for killing what does not stop to start others
_LOOK = 0.01


def main() -> None:
    """Start the job, wait for its end or its provider's, and leave nothing of it."""
    control, folder, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    os.set_inheritable(control, False)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_CAPBSET_DROP, _CAP_SYS_PTRACE, 0, 0, 0)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    job = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
    _let_go_of_pipes()

    status: int | None = None
    gone = False
    while status is None and not gone:
        ready = select.select([woken, control], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
        status = _reap().get(job)
        gone = status is None and control in ready
    left = 0 if gone else _left_after_a_while()
    ended = _end_all()
    if gone:
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.write(control, str(left).encode())
    _end_like(ended.get(job, signal.SIGKILL) if status is None else status)


def _let_go_of_pipes() -> None:
    """They are the job's: its provider must see them closed when it ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _reap() -> dict[int, int]:
    """Take the statuses of children that have ended."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    return ended


def _left_after_a_while() -> int:
    end = time.monotonic() + _LEAVE
    while (left := descendants(os.getpid())) and time.monotonic() < end:
        time.sleep(_LOOK)
        _reap()
    return len(left)


def _end_all() -> dict[int, int]:
    """Kill every descendant; what one starts before it dies comes to this process and is killed in the next round."""
    ended: dict[int, int] = {}
    end = time.monotonic() + _KILL
    while time.monotonic() < end and (alive := descendants(os.getpid())):
        for pid in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended |= _reap()
        time.sleep(_LOOK)
    return ended


def descendants(head: int) -> list[int]:
    """Return the processes that another has started, and those that they have."""
    found: list[int] = []
    waiting = [head]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    """Also those that other threads of it have started (proc(5), task)."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                children += map(int, file.read().split())
    return children


def _end_like(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)  # not of SIGKILL
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)


if __name__ == "__main__":
    main()

"""Work on what is too long for the loop, on a thread beside it: one piece of work at a time, the loop in between.

A thread of Python stands still while another runs, but only for a few milliseconds each time it wants to. Only what is
one long step inside C holds all the others: so long values are read, written and let go in many short ones.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from CastHubLib.incoming import Incoming
from CastLib.errors import CastError

_STEP = 2000  # values that are written in one go
MAX_AT_ONCE = 64 * 1024  # bytes of JSON that are read or written on the loop: of the worst kind 20 milliseconds

T = TypeVar("T")


class Aside:
    """The thread. It is started when it is first needed."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._thread = ThreadPoolExecutor(1, "cast-hub-aside")

    async def run(self, size: int, work: Callable[[], T]) -> T:
        """Return what ``work``, on a value of ``size`` bytes, returns; raises what it raises."""
        if size <= MAX_AT_ONCE:
            return work()
        with self._incoming.counted(size):
            loop = asyncio.get_running_loop()
            done: T | CastError = await loop.run_in_executor(self._thread, _uncollected, work)
        if isinstance(done, CastError):
            raise done
        return done

    def close(self) -> None:
        """Take no more work."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _uncollected(work: Callable[[], T]) -> T | CastError:
    """The collector would go through every part of a long value, again and again, in steps that nobody interrupts."""
    gc.disable()
    try:
        return work()
    except CastError as error:
        error.__context__ = None
        return error.with_traceback(None)  # whose frames hold the long value
    finally:
        gc.enable()


def let_go(value: Any) -> None:
    """Empty a long value part by part: let go as a whole, it would go in one step."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting.extend(inner for inner in each.values() if isinstance(inner, (dict, list)))
            each.clear()
        elif isinstance(each, list):
            while each:
                inner = each.pop()
                if isinstance(inner, (dict, list)):
                    waiting.append(inner)


def long_json(value: Any) -> bytes:
    """Return JSON like ``json.dumps``, written in steps of no more than ``_STEP`` values."""
    return "".join(_pieces(value)).encode()


def _pieces(value: Any) -> Iterator[str]:
    if _is_small(value):
        yield _dumps(value)
    elif isinstance(value, dict):
        begin = "{"
        for key, inner in value.items():
            yield f"{begin}{_dumps(key)}:"
            yield from _pieces(inner)
            begin = ","
        yield "}"
    else:
        begin = "["
        for inner in value:
            yield begin
            yield from _pieces(inner)
            begin = ","
        yield "]"


def _is_small(value: Any) -> bool:
    waiting, left = [value], _STEP
    while waiting:
        each = waiting.pop()
        if isinstance(each, (dict, list)):
            left -= len(each)
            if left < 0:
                return False
            waiting.extend(each.values() if isinstance(each, dict) else each)
    return True


_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

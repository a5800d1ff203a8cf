"""The last messages of a connection, for a person who looks for what was sent. Kept in memory, written nowhere."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from CastLib.fields import shortened
from CastLib.message import Message

MOST = 500
LONGEST_TEXT = 400  # characters of a text in the JSON shown; pictures are a million
MAX_VALUES = 1000  # values of a message that are kept; one with a thousand files has fifty thousand

RECEIVED, SENT = "in", "out"


@dataclass(frozen=True, slots=True)
class Record:
    """One message: ``number`` rises by one from record to record, ``at`` is the local time of day.

    ``wire`` is cut: its long texts, and what goes beyond `MAX_VALUES` values.
    """

    number: int
    at: str
    direction: str
    event: str
    sender: str
    target: str
    topic: str
    wire: dict[str, Any]

    def matches(self, text: str) -> bool:
        """Whether every word of ``text`` stands in one of the columns, in any case."""
        columns = "\n".join((self.at, self.direction, self.event, self.sender, self.target, self.topic)).casefold()
        return all(word in columns for word in text.casefold().split())

    def as_json(self) -> str:
        """The message as a person reads it, long texts cut."""
        return json.dumps(self.wire, indent=2, ensure_ascii=False)


def cut(value: Any, most: int | None = None) -> Any:
    """A JSON value with its long texts cut, and without what goes beyond ``most`` values."""
    return _cut(value, [sys.maxsize if most is None else most])


def _cut(value: Any, left: list[int]) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{shortened(value, LONGEST_TEXT + 1)} ({len(value):,} characters)"
    if isinstance(value, dict):
        shown = min(len(value), left[0])
        left[0] -= shown  # before what is inside of them, so that all of an object's own values are kept
        kept = {key: _cut(one, left) for key, one in itertools.islice(value.items(), shown)}
        return kept if shown == len(value) else {**kept, "…": f"{len(value) - shown:,} more"}
    if isinstance(value, list):
        items: list[Any] = []
        for one in value:
            if left[0] <= 0:
                return [*items, f"… {len(value) - len(items):,} more"]
            left[0] -= 1
            items.append(_cut(one, left))
        return items
    return value


class MessageLog:
    """The newest `MOST` messages. ``last_number`` is the number of the newest, 0 when there never was one."""

    def __init__(self, most: int = MOST) -> None:
        self._records: deque[Record] = deque(maxlen=most)
        self._numbers = itertools.count(1)
        self.last_number = 0

    def add(self, direction: str, message: Message) -> Record:
        """Keep a message."""
        target = message.target
        record = Record(
            next(self._numbers),
            time.strftime("%H:%M:%S"),
            direction,
            message.event,
            message.sender.name or message.sender.product,
            target.name or target.product or target.actor,
            message.topic,
            cut(message.wire, MAX_VALUES),
        )
        self._records.append(record)
        self.last_number = record.number
        return record

    def records(self, after: int = 0) -> list[Record]:
        """The messages kept whose number is higher than ``after``, oldest first."""
        newer = itertools.takewhile(lambda record: record.number > after, reversed(self._records))
        return list(newer)[::-1]

    def find(self, number: int) -> Record | None:
        """The message with this number, None when it is gone."""
        return next((record for record in self._records if record.number == number), None)

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self._records.clear()

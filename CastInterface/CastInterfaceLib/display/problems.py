"""What went wrong or is odd with what is open, for STATUS and the panel: told once, counted, never dropped silently.

Written on the main thread, read on any.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from CastInterfaceLib.display.status import problem_item

# Told one by one, the newest; of earlier ones only how many of each kind.
MAX_PROBLEMS = 20


class Problems:
    """The problems of what is open, oldest first."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._items: tuple[dict[str, Any], ...] = ()
        self._since = ""

    def add(self, item: dict[str, Any]) -> None:
        """Tell one more; the same again is counted."""
        key = (str(item["value"]), str(item["message"]), str(item["studyInstanceUID"]))
        count = self._counts.pop(key, 0) + 1
        self._counts[key] = count  # the newest last
        self._items = self._all()

    def mark(self, since: str) -> None:
        """Tell since when (local time) what is shown is not confirmed by the hub; "" when it is."""
        self._since = since

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self._counts.clear()
        self._items, self._since = (), ""

    def items(self, study_uid: str) -> list[dict[str, Any]]:
        """What STATUS tells while a study is open, "" for none. Any thread."""
        told, since = list(self._items), self._since
        if since:
            sentence = f"What is shown is not confirmed by the hub since {since}: the connection was lost."
            told.append(problem_item("not-confirmed", sentence, study_uid))
        return told

    def _all(self) -> tuple[dict[str, Any], ...]:
        each = list(self._counts.items())
        earlier, newest = each[:-MAX_PROBLEMS], each[-MAX_PROBLEMS:]
        folded: Counter[tuple[str, str]] = Counter()
        for (word, _, uid), count in earlier:
            folded[word, uid] += count
        items = [
            problem_item(word, f"{count} more of this kind came before these.", uid)
            for (word, uid), count in folded.items()
        ]
        for (word, sentence, uid), count in newest:
            items.append(problem_item(word, sentence + (f" ({count} times)" if count > 1 else ""), uid))
        return tuple(items)

"""What a script has printed, as lines that a person reads."""

from __future__ import annotations

from collections import deque

_LONGEST = 400  # characters: a line of 64 KiB would hold a window


def printed_lines(text: str, most: int) -> list[str]:
    """Return the last ``most`` lines; of one that was written over (a progress bar) what stood there last.

    Long ones are broken, and controls, as those that colour a terminal, become blanks.
    """
    lines: deque[str] = deque(maxlen=most)
    for line in text.replace("\r\n", "\n").rstrip().split("\n"):
        shown = next((part for part in reversed(line.split("\r")) if part.strip()), "")
        shown = "".join(character if character.isprintable() or character == "\t" else " " for character in shown)
        for start in range(0, len(shown) or 1, _LONGEST):
            lines.append(shown[start : start + _LONGEST].rstrip())
    return list(lines) if any(lines) else []

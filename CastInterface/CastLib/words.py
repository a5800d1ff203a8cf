"""Words from outside: what stands around one is no part of it."""

from __future__ import annotations

#: Controls with NUL, blanks of every width with the no-break one, and marks that take no place.
_AROUND = "".join(
    map(chr, (*range(0x21), *range(0x7F, 0xA1), 0x1680, *range(0x2000, 0x2010), *range(0x2028, 0x2030), 0x205F, 0x2060))
)
_AROUND += "\u3000\ufeff"


def trimmed(text: str) -> str:
    """Return a text without blanks, controls and invisible marks at its ends."""
    return text.strip(_AROUND)

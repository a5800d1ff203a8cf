"""Text that is read from the right, put into the order in which it is drawn from the left. Standard library only.

A plain reading of Unicode's bidirectional algorithm (UAX #9) for one line without embeddings: words of one direction
stay together, numbers keep theirs, brackets are mirrored. Arabic letters are joined by their presentation forms, of
which Unicode's own table tells which letter has which.
"""

from __future__ import annotations

import functools
import itertools
import unicodedata

_RIGHT = ("R", "AL")
_LEFT = ("L", "EN", "AN")  # drawn from the left; numbers too
_MIRRORED = dict(zip("()[]{}<>«»", ")(][}{><»«", strict=True))
_FORMS = ("<isolated>", "<final>", "<initial>", "<medial>")
_LAM = "\u0644"


def in_visual_order(text: str) -> str:
    """The characters of a line from left to right."""
    kinds = [unicodedata.bidirectional(one) for one in text]
    if not any(kind in _RIGHT for kind in kinds):
        return text
    first = next(kind for kind in kinds if kind in (*_RIGHT, "L"))
    if first in _RIGHT:
        return _from_right(text)
    # A line that is read from the left: each stretch from its first to its last letter of the other kind is turned.
    parts, start = [], 0
    while start < len(text):
        if kinds[start] not in _RIGHT:
            parts.append(text[start])
            start += 1
            continue
        stop = next((i for i in range(start, len(text)) if kinds[i] == "L"), len(text))
        while kinds[stop - 1] not in (*_RIGHT, "EN", "AN", "NSM"):
            stop -= 1
        parts.append(_from_right(text[start:stop]))
        start = stop
    return "".join(parts)


def _from_right(text: str) -> str:
    pieces: list[tuple[bool, str]] = []  # whether it is drawn from the left, and what
    for one in _joined(text):
        kind = unicodedata.bidirectional(one)
        from_left = kind in _LEFT or (kind in ("ES", "CS", "ET") and bool(pieces) and pieces[-1][0])
        if pieces and pieces[-1][0] == from_left:
            pieces[-1] = (from_left, pieces[-1][1] + one)
        elif kind == "NSM" and pieces:
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + one)
        else:
            pieces.append((from_left, one))
    # Blanks between two words that are drawn from the left belong to them.
    merged: list[tuple[bool, str]] = []
    for index, (from_left, piece) in enumerate(pieces):
        between = 0 < index < len(pieces) - 1 and not piece.strip()
        if merged and merged[-1][0] and (from_left or (between and _has_word(merged[-1][1], pieces[index + 1][1]))):
            merged[-1] = (True, merged[-1][1] + piece)
        else:
            merged.append((from_left, piece))
    return "".join(piece if from_left else _turned(piece) for from_left, piece in reversed(merged))


def _has_word(*pieces: str) -> bool:
    return all(any(unicodedata.bidirectional(one) == "L" for one in piece) for piece in pieces)


def _turned(piece: str) -> str:
    """The piece from its end; marks stay behind the letters they stand on."""
    letters: list[str] = []
    for one in piece:
        if letters and unicodedata.bidirectional(one) == "NSM":
            letters[-1] += one
        else:
            letters.append(_MIRRORED.get(one, one))
    return "".join(reversed(letters))


@functools.lru_cache(maxsize=1)
def _presentation_forms() -> dict[str, dict[str, str]]:
    """Of each Arabic letter, or lam with alef, its forms by name."""
    forms: dict[str, dict[str, str]] = {}
    for code in itertools.chain(range(0xFB50, 0xFBB2), range(0xFE80, 0xFEFD)):
        kind, *letters = unicodedata.decomposition(chr(code)).split() or ("",)
        if kind in _FORMS:
            forms.setdefault("".join(chr(int(letter, 16)) for letter in letters), {})[kind] = chr(code)
    return forms


def _joined(text: str) -> str:
    """The text with each Arabic letter in the form that its neighbours ask for."""
    forms = _presentation_forms()
    letters: list[str] = []
    for one in text:
        if letters and letters[-1] == _LAM and _LAM + one in forms:
            letters[-1] = _LAM + one  # lam and alef are always drawn as one
        else:
            letters.append(one)
    places = [i for i, one in enumerate(letters) if unicodedata.bidirectional(one[0]) != "NSM"]
    shaped = list(letters)
    for here, place in enumerate(places):
        own = forms.get(letters[place], {})
        before = forms.get(letters[places[here - 1]], {}) if here else {}
        after = forms.get(letters[places[here + 1]], {}) if here + 1 < len(places) else {}
        joins_before = "<initial>" in before and "<final>" in own
        joins_after = "<initial>" in own and "<final>" in after
        kind = _FORMS[joins_before + 2 * joins_after]
        shaped[place] = own.get(kind, letters[place])
    return "".join(shaped)

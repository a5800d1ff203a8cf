"""Words for directions in the patient: letters at the edge of a slice, names of planes and of viewing directions.

Vectors are in RAS, Slicer's patient coordinates: x grows to the patient's right, y to anterior, z to superior.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))
_NAMES = {"R": "Right", "L": "Left", "A": "Anterior", "P": "Posterior", "S": "Superior", "I": "Inferior"}

_PLANES = {"S": "Axial", "I": "Axial", "A": "Coronal", "P": "Coronal", "R": "Sagittal", "L": "Sagittal"}

# Degrees from which on a slice counts as oblique.
_TURNED = 1.0

# A component below this share of the vector (about 14 degrees) is not worth a second letter.
_SECOND_LETTER = 0.25


def direction_letters(direction: Sequence[float]) -> str:
    """The letters of a direction, strongest first: ``"L"``, or ``"AL"`` when it is oblique; ``""`` for no direction."""
    length = math.sqrt(sum(component * component for component in direction))
    if length == 0:
        return ""
    parts = sorted(
        (
            (abs(component) / length, pair[0] if component > 0 else pair[1])
            for component, pair in zip(direction, _LETTERS, strict=True)
        ),
        reverse=True,
    )
    return "".join(letter for share, letter in parts if share >= _SECOND_LETTER)


def direction_name(direction: Sequence[float]) -> str:
    """The name of the strongest component: ``"Superior"``; ``""`` for no direction."""
    letters = direction_letters(direction)
    return _NAMES[letters[0]] if letters else ""


def plane_name(normal: Sequence[float]) -> str:
    """The plane that a slice with this normal is nearest to: ``"Axial"``, ``"Coronal"``, ``"Sagittal"``."""
    letters = direction_letters(normal)
    return _PLANES[letters[0]] if letters else ""


def is_oblique(normal: Sequence[float]) -> bool:
    """Whether a slice with this normal is visibly turned out of its plane."""
    length = math.sqrt(sum(component * component for component in normal))
    return max(abs(component) for component in normal) < math.cos(math.radians(_TURNED)) * length


def position_text(coordinate_ras: Sequence[float], normal_ras: Sequence[float]) -> str:
    """Where a slice lies along its normal, as read at a console: ``"S 12.5 mm"``, ``"L 3.0 mm"``.

    Args:
        coordinate_ras: a point of the slice, in mm.
        normal_ras: the slice's normal, of unit length.
    """
    offset = sum(point * component for point, component in zip(coordinate_ras, normal_ras, strict=True))
    sign = -1.0 if offset < 0 else 1.0
    letters = direction_letters([sign * component for component in normal_ras])
    return f"{letters} {abs(offset):.1f} mm"

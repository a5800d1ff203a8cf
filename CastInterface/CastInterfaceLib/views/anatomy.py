"""Words for directions in the patient: letters at the edge of a slice, names of planes and of viewing directions.

Vectors are in RAS, Slicer's patient coordinates: x grows to the patient's right, y to anterior, z to superior.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

_LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))
_NAMES = {"R": "Right", "L": "Left", "A": "Anterior", "P": "Posterior", "S": "Superior", "I": "Inferior"}

_PLANES = {"S": "Axial", "I": "Axial", "A": "Coronal", "P": "Coronal", "R": "Sagittal", "L": "Sagittal"}

# What each plane's slices look like when they are not turned, as Slicer has them: the patient axis to the right of the
# picture and the one upward (0, 1, 2 for R, A, S), and their signs. One looks from the feet, the front, the left.
_LOOKS = {
    "Axial": ((0, -1), (1, 1), (2, 1)),
    "Coronal": ((0, -1), (2, 1), (1, 1)),
    "Sagittal": ((1, -1), (2, 1), (0, 1)),
}

# Decides between ways to name three directions that are as good: it tells any two lines apart.
_LOT = np.array([1.0, 0.37, 0.61])
_CLEARLY = 0.1  # from this component on, the first such one decides which way along a line is taken

# Directions within this many degrees of a right angle are taken for perpendicular.
_RIGHT_ANGLE = 1.0

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


def plane_names(normals: Sequence[Sequence[float]]) -> list[str]:
    """What slices are called that are seen beside each other.

    Three that are perpendicular to each other are three planes, also where two of them lie as near to the same one: an
    image turned by 45 degrees. Any others are called after the plane that each is nearest to.
    """
    names = [plane_name(normal) for normal in normals]
    different: list[Sequence[float]] = []
    kinds: list[int] = []
    for normal in normals:
        same = next((i for i, other in enumerate(different) if _share(normal, other) > 0.999), len(different))
        kinds.append(same)
        if same == len(different):
            different.append(normal)
    most = math.sin(math.radians(_RIGHT_ANGLE))
    if len(different) != 3 or any(_share(one, other) > most for one, other in itertools.combinations(different, 2)):
        return names
    planes = [_PLANES["RAS"[axis]] for axis in _nearest_axes(np.array(different, float))]
    return [planes[kind] for kind in kinds]


def _share(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two lines."""
    return float(abs(np.dot(one, other)) / (np.linalg.norm(one) * np.linalg.norm(other) or 1.0))


def _nearest_axes(directions: np.ndarray) -> tuple[int, int, int]:
    """Which of R, A and S (0, 1, 2) each of three directions stands for, no two for the same one."""
    units = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    signs = [np.sign(unit[np.argmax(np.abs(unit) > _CLEARLY)]) for unit in units]
    lots = [float(sign * unit @ _LOT) for sign, unit in zip(signs, units, strict=True)]

    def fit(axes: tuple[int, ...]) -> tuple[float, float]:
        # Rounded: of two ways that are as good the same one is taken, in whatever order the directions come.
        together = sum(abs(float(units[i, axis])) for i, axis in enumerate(axes))
        return round(together, 6), sum(axis * lot for axis, lot in zip(axes, lots, strict=True))

    one, two, three = max(itertools.permutations(range(3)), key=fit)
    return one, two, three


def turned_planes(ijk_to_ras: np.ndarray) -> dict[str, np.ndarray]:
    """The three planes of an image along its own axes.

    Args:
        ijk_to_ras: 3x3 or 4x4, mm; columns are the directions of rising columns, rows, slices.

    Returns:
        of "Axial", "Coronal" and "Sagittal" the 3x3 matrix whose columns are unit vectors in RAS: to the right of the
        picture, upward, along the normal. They are three different planes whatever the image's directions.
    """
    columns, rows, slices = np.asarray(ijk_to_ras, float)[:3, :3].T
    normal = np.cross(columns, rows)  # of slices that were acquired aslant too
    directions = np.array([columns, rows, normal if normal @ slices > 0 else -normal])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    of_patient = np.empty((3, 3))  # rows: the image's direction that stands for R, A, S
    for direction, axis in zip(directions, _nearest_axes(directions), strict=True):
        of_patient[axis] = direction if direction[axis] >= 0 else -direction
    return {plane: np.column_stack([sign * of_patient[axis] for axis, sign in look]) for plane, look in _LOOKS.items()}


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

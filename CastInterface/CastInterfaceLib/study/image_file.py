"""A NIfTI or NRRD file as numpy has it, without any engine and without any native reader.

What comes over the wire is read here in pure Python: a native reader ends the process by a crash, or opens whatever
local file a header names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from CastLib.errors import CastError

#: Sides of an image in voxels; no scanner makes more, and VTK counts them in 32 bits.
MAX_SIDE = 65_535

#: Voxels that one file may have.
MAX_VOXELS = 1 << 29


@dataclass(frozen=True, slots=True)
class Place:
    """One of the places that a file tells for its voxels: ``name`` is the header's word for it (``sform``).

    ``ijk_to_ras`` is 4x4, voxel (column, row, slice) to RAS in mm.
    """

    name: str
    ijk_to_ras: np.ndarray


@dataclass(frozen=True, slots=True)
class ImageFile:
    """What a file holds.

    Attributes:
        name: the file's name.
        volumes: each (slices, rows, columns), or (slices, rows, columns, 3) uint8 for colour; at least one.
        places: where it says that the voxels lie; none when it does not say.
        no_place: why ``places`` is empty, for a sentence.
        slope, intercept: what makes values of the voxels.
        says_labels: the header itself says that the voxels are labels.
        keys: the key/value pairs of a NRRD header.
        warnings: what is odd about it, as parts of a sentence about "it".
    """

    name: str
    volumes: tuple[np.ndarray, ...]
    places: tuple[Place, ...]
    no_place: str = ""
    slope: float = 1.0
    intercept: float = 0.0
    says_labels: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def is_color(self) -> bool:
        """Whether a voxel is red, green and blue."""
        return self.volumes[0].ndim == 4

    def values(self, plane: np.ndarray) -> np.ndarray:
        """The values that stored voxels stand for."""
        return plane if self.slope == 1 and self.intercept == 0 else plane * self.slope + self.intercept


def read_image_file(path: Path) -> ImageFile:
    """Read a NIfTI or NRRD file; which one it is, is told by its bytes and not by its name. Any thread.

    Raises:
        CastError: it is neither, is damaged or not whole, is too large, or refers to another file.
    """
    from CastInterfaceLib.study.nifti_reading import read_nifti
    from CastInterfaceLib.study.nrrd_reading import MAGIC, read_nrrd

    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
        return read_nrrd(path) if start == MAGIC else read_nifti(path)
    except OSError as error:
        raise CastError(f"{path.name} cannot be read: {(error.strerror or 'no reason told').lower()}.") from None
    except MemoryError:
        raise CastError(f"{path.name} is too large for this machine's memory.") from None


def checked_sides(name: str, sides: list[int]) -> None:
    """Raise CastError for sizes that no image has, or that are more than this display takes."""
    if not sides or min(sides) < 1 or max(sides) > MAX_SIDE:
        raise CastError(f"{name} is damaged: its header tells sizes that no image has ({' x '.join(map(str, sides))}).")
    if math.prod(sides) > MAX_VOXELS:
        raise CastError(f"{name} is not shown: it has more voxels than this display takes ({MAX_VOXELS}).")


def drawable(array: np.ndarray, name: str) -> np.ndarray:
    """An array in a kind that VTK can draw, in this machine's byte order, contiguous; ``name`` is the file's.

    64-bit whole numbers become 32-bit where they fit and doubles where they do not; halves become floats, extended
    precision doubles, truth values bytes. Raises CastError for complex numbers and all else.
    """
    kind, size = array.dtype.kind, array.dtype.itemsize
    target: np.dtype
    if kind == "b":
        target = np.dtype(np.uint8)
    elif kind in "iu" and size == 8:
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
        target = np.dtype(np.int32 if -(2**31) <= low and high < 2**31 else np.float64)
    elif kind == "f" and size not in (4, 8):
        target = np.dtype(np.float32 if size == 2 else np.float64)
    elif kind in "iuf":
        target = array.dtype.newbyteorder("=")
    else:
        raise CastError(f"{name} is not shown: its voxels are no single numbers ({array.dtype.name}).")
    return np.ascontiguousarray(array, dtype=target)

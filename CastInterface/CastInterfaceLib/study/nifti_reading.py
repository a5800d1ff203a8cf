"""NIfTI files, version 1 and 2, packed by gzip or not, either byte order.

Source: the NIfTI-1 and NIfTI-2 headers (nifti.nimh.nih.gov). The header's fields are decoded by nibabel, which is pure
Python; the voxels are taken from the bytes here, bounded by what has come. A header with its image in another file
(``.hdr`` and ``.img``) is refused.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from CastInterfaceLib.study.image_file import ImageFile, Place, checked_sides
from CastInterfaceLib.study.packed_bytes import GZIP, GZIP_MAGIC, RAW, PackedBytes
from CastLib.errors import CastError

#: Bytes before the voxels; what stands there beside the header are extensions, which are not read.
MAX_HEADER = 16 << 20

_HEADER_SIZES = {348: (b"n+1\0", b"ni1\0", 344), 540: (b"n+2\0", b"ni2\0", 4)}  # magic, of a pair, where it stands
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units & 7: not told, metres, millimetres, micrometres
_LABELS = 1002  # NIFTI_INTENT_LABEL
_VECTOR_AXIS = 4  # the fifth holds the components of one voxel


def read_nifti(path: Path) -> ImageFile:
    """Read a file.

    Raises:
        CastError: it is none, is damaged or not whole, is too large, or its voxels are in another file.
    """
    with path.open("rb") as file:
        packing = GZIP if file.read(2) == GZIP_MAGIC else RAW
    with PackedBytes(path, packing) as data:
        start = data.read_up_to(348)
        size, order = _header_size(start, path.name)
        header = _decoded(start + data.read_up_to(size - 348), size, order, path.name)
        dtype, sides, offset = _layout(header, path.name)
        if not size <= offset <= MAX_HEADER:
            raise CastError(f"{path.name} is damaged: its header tells that the voxels begin at byte {offset}.")
        data.read(offset - size)
        count = math.prod(sides)
        voxels = np.frombuffer(data.read(count * dtype.itemsize), dtype)
        data.check_end()
    return _image(path.name, header, voxels, sides)


def _header_size(start: bytes, name: str) -> tuple[int, str]:
    for order in "<>":
        size = struct.unpack_from(order + "i", start)[0] if len(start) == 348 else 0
        if size in _HEADER_SIZES:
            single, pair, at = _HEADER_SIZES[size]
            magic = start[at : at + 4]
            if magic == pair:
                raise CastError(f"{name} has its voxels in another file (.hdr and .img); send one .nii file.")
            if magic == single:
                return size, order
    raise CastError(f"{name} cannot be read as an image: it is neither a NIfTI nor a NRRD file.")


def _decoded(binary: bytes, size: int, order: str, name: str) -> Any:
    from nibabel.nifti1 import Nifti1Header  # a third of a second: only who gets one pays it
    from nibabel.nifti2 import Nifti2Header

    try:
        return (Nifti1Header if size == 348 else Nifti2Header)(binary, endianness=order, check=False)
    except Exception:  # whatever the bytes lead to
        raise CastError(f"{name} is damaged: its NIfTI header is not whole.") from None


def _layout(header: Any, name: str) -> tuple[np.dtype, list[int], int]:
    """The type of a voxel, the sizes without trailing ones, where the voxels begin."""
    dim = [int(side) for side in header["dim"]]
    if not 1 <= dim[0] <= 7:
        raise CastError(f"{name} is damaged: its header tells of {dim[0]} dimensions.")
    sides = dim[1 : dim[0] + 1]
    checked_sides(name, sides)
    while len(sides) > 1 and sides[-1] == 1:
        sides.pop()
    try:
        dtype = header.get_data_dtype()
        offset = int(header["vox_offset"])
    except Exception:
        raise CastError(f"{name} is damaged: its header tells an unknown kind of voxels.") from None
    if dtype.itemsize == 0 or dtype.hasobject:
        raise CastError(f"{name} is not shown: its voxels are of a kind that is not read (code {header['datatype']}).")
    return dtype, sides, offset


def _image(name: str, header: Any, voxels: np.ndarray, sides: list[int]) -> ImageFile:
    sides = sides + [1] * (3 - len(sides))
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope) or not math.isfinite(intercept):
        slope, intercept = 1.0, 0.0
    if voxels.dtype.names:  # RGB and RGBA: a structure of bytes
        parts = len(voxels.dtype.names)
        pixels = voxels.view(np.uint8).reshape(*sides[::-1], parts)[..., :3]
        piles = pixels.reshape(-1, *sides[2::-1], 3)
        slope, intercept = 1.0, 0.0
    else:
        piles = voxels.reshape(-1, *sides[2::-1])
    places, no_place, warnings = _places(header)
    vector = len(sides) > _VECTOR_AXIS and math.prod(sides[3:]) == sides[_VECTOR_AXIS]
    if len(piles) > 1:
        what = "components" if vector else "volumes"
        warnings.append(f"it holds {len(piles)} {what}, of which the first is shown")
    return ImageFile(
        name=name,
        volumes=tuple(piles),
        places=places,
        no_place=no_place,
        slope=slope,
        intercept=intercept,
        says_labels=int(header["intent_code"]) == _LABELS,
        warnings=tuple(warnings),
    )


def _places(header: Any) -> tuple[tuple[Place, ...], str, list[str]]:
    """The places of sform and qform, as far as their codes say that they are any."""
    unit = _MILLIMETRES.get(int(header["xyzt_units"]) & 7)
    if unit is None:
        return (), "it tells lengths in an unknown unit", []
    scale = np.diag([unit, unit, unit, 1.0])
    found, broken = [], []
    for form in ("sform", "qform"):
        if int(header[f"{form}_code"]) <= 0:
            continue
        try:
            matrix = scale @ getattr(header, f"get_{form}")()
        except Exception:  # nibabel's own refusal of a quaternion that is none
            matrix = np.full((4, 4), np.nan)
        if np.isfinite(matrix).all() and abs(np.linalg.det(matrix[:3, :3])) > 0:
            found.append(Place(form, matrix))
        else:
            broken.append(form)
    if broken and not found:
        return (), f"its {' and '.join(broken)} {'is' if len(broken) == 1 else 'are'} damaged", []
    warnings = [f"its {form} is damaged, and its {found[0].name} is used" for form in broken]
    return tuple(found), "" if found else "neither its sform nor its qform has a code", warnings

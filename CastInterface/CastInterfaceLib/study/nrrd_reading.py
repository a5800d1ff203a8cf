"""NRRD files with their voxels in them.

Source: the definition of the NRRD file format (teem.sourceforge.net/nrrd/format.html), and of the keys in
``.seg.nrrd`` what Slicer writes. A strict reader of its own: a header may name any local file as the one with the
voxels, which must never be opened for somebody who sent a header. Nothing but this one file is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from CastInterfaceLib.study.image_file import ImageFile, Place, checked_sides
from CastInterfaceLib.study.packed_bytes import BZIP2, GZIP, RAW, PackedBytes
from CastLib.errors import CastError

MAGIC = b"NRRD"

#: Bytes of a header; Slicer writes some 500 for each segment.
MAX_HEADER = 4 << 20

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_TYPE_CODES = {name: code for code, names in _TYPES.items() for name in names}
_ENCODINGS = {"raw": RAW, "gz": GZIP, "gzip": GZIP, "bz2": BZIP2, "bzip2": BZIP2}
_ORDERS = {"little": "<", "big": ">"}

# What turns each anatomical space into RAS; others (scanner-xyz …) do not say where in the patient something lies.
_SPACES = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
}
_SHORT_SPACES = {"ras": "right-anterior-superior", "las": "left-anterior-superior", "lps": "left-posterior-superior"}
_MILLIMETRES = {"": 1.0, "mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001}

# Fields that lead to bytes elsewhere.
_DETACHED = ("data file", "datafile")
_SKIPS = ("line skip", "lineskip", "byte skip", "byteskip")


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields by name in lower case, the key/value pairs, and the header's length in bytes."""

    fields: Mapping[str, str]
    keys: Mapping[str, str]
    length: int

    def get(self, name: str) -> str:
        """A field, also when its name is written in one word; "" when it is absent."""
        return self.fields.get(name, self.fields.get(name.replace(" ", ""), ""))


def read_nrrd(path: Path) -> ImageFile:
    """Read a file.

    Raises:
        CastError: it is none, is damaged or not whole, is too large, or refers to another file.
    """
    name = path.name
    with path.open("rb") as file:
        header = _read_header(file.read(MAX_HEADER), name)
    if any(header.get(field) for field in _DETACHED):
        raise CastError(f"{name} has its voxels in another file, which is not opened; send one file with all in it.")
    if any(header.get(field) not in ("", "0") for field in _SKIPS):
        raise CastError(f"{name} is not read: its header has bytes or lines skipped; send one file without that.")
    packing = _ENCODINGS.get(header.get("encoding").lower())
    if packing is None:
        word = header.get("encoding")[:40] or "none"
        raise CastError(f"{name} is not read: its encoding is {word}; raw, gzip and bzip2 are read.")
    dtype, sides = _layout(header, name)
    with PackedBytes(path, packing, header.length) as data:
        voxels = np.frombuffer(data.read(math.prod(sides) * dtype.itemsize), dtype)
        data.check_end()
    return _image(name, header, voxels, sides)


def _read_header(start: bytes, name: str) -> _Header:
    lines = re.finditer(rb"([^\n]*)\n", start)
    magic = next(lines, None)
    if magic is None or not re.fullmatch(rb"NRRD000[1-5]\r?", magic[1]):
        raise CastError(f"{name} is damaged: it does not begin as a NRRD file does.")
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    for line in lines:
        text = line[1].rstrip().decode("utf-8", "replace")
        if not text:
            return _Header(fields, keys, line.end())
        if text.startswith("#"):
            continue
        found = re.match(r"([^:]*):(=?)(.*)", text, re.DOTALL)
        if found is None:
            raise CastError(f"{name} is damaged: a line of its header is none of a NRRD file.")
        into, key = (keys, found[1]) if found[2] else (fields, found[1].strip().lower())
        if key in into:
            raise CastError(f"{name} is damaged: its header tells {key[:40]!r} twice.")
        into[key] = _unescaped(found[3]) if found[2] else found[3].strip()
    raise CastError(f"{name} is damaged: its header does not end.")


def _unescaped(value: str) -> str:
    return re.sub(r"\\(n|\\)", lambda found: "\n" if found[1] == "n" else "\\", value)


def _layout(header: _Header, name: str) -> tuple[np.dtype, list[int]]:
    code = _TYPE_CODES.get(header.get("type").lower())
    if code is None:
        raise CastError(f"{name} is not read: its voxels are of the kind {header.get('type')[:40] or 'none'!r}.")
    order = _ORDERS.get(header.get("endian").lower())
    if order is None and not code.endswith("1"):
        raise CastError(f"{name} is damaged: its header does not tell the order of bytes (endian).")
    try:
        sides = [int(side) for side in header.get("sizes").split()]
    except ValueError:
        raise CastError(f"{name} is damaged: its header's sizes are no numbers.") from None
    if header.get("dimension") != str(len(sides)) or not 2 <= len(sides) <= 4:
        raise CastError(f"{name} is not read: it has {header.get('dimension')[:9]} dimensions; 2 to 4 are read.")
    checked_sides(name, sides)
    return np.dtype((order or "") + code), sides


def _image(name: str, header: _Header, voxels: np.ndarray, sides: list[int]) -> ImageFile:
    kinds = header.get("kinds").lower().split() or [""] * len(sides)
    vectors = re.findall(r"\([^)]*\)|none", header.get("space directions").lower())
    if vectors and len(vectors) != len(sides):
        raise CastError(f"{name} is damaged: its space directions do not fit its {len(sides)} dimensions.")
    spatial = [axis for axis in range(len(sides)) if not vectors or vectors[axis] != "none"]
    if not vectors and len(sides) == 4:  # without directions the last axis, as ITK has it
        spatial = [0, 1, 2]
    others = [axis for axis in range(len(sides)) if axis not in spatial]
    if len(others) > 1 or not 2 <= len(spatial) <= 3:
        raise CastError(f"{name} is not read: {len(spatial)} of its {len(sides)} dimensions lie in space, not three.")
    array = voxels.reshape(sides[::-1])
    warnings = []
    if others:
        axis = others[0]
        array = np.moveaxis(array, len(sides) - 1 - axis, 0)
    else:
        array = array[np.newaxis]
    if len(spatial) == 2:
        array = array[:, np.newaxis]
    color = (
        bool(others) and sides[others[0]] in (3, 4) and "color" in (kinds[others[0]] if others[0] < len(kinds) else "")
    )
    if color and voxels.dtype == np.uint8:
        array = np.moveaxis(array[:3], 0, -1)[np.newaxis]
    if len(array) > 1:
        warnings.append(f"it holds {len(array)} volumes, of which the first is shown")
    matrix, why = _matrix(header, [vectors[axis] for axis in spatial] if vectors else [], spatial)
    return ImageFile(
        name=name,
        volumes=tuple(array),
        places=() if matrix is None else (Place("header", matrix),),
        no_place=why,
        keys=header.keys,
        warnings=tuple(warnings),
    )


def _matrix(header: _Header, vectors: list[str], spatial: list[int]) -> tuple[np.ndarray | None, str]:
    """Voxel (column, row, slice) to RAS in mm; or None, and why."""
    space = header.get("space").lower().removesuffix("-time")
    signs = _SPACES.get(_SHORT_SPACES.get(space.removesuffix("t") if len(space) == 4 else space, space))
    if signs is None:
        return None, f"its space, {space[:40]}, is not the patient's" if space else "it names no space"
    try:
        units = [_MILLIMETRES[unit.strip().lower()] for unit in re.findall(r'"([^"]*)"', header.get("space units"))[:3]]
        columns = [_vector(vector) for vector in vectors]
        origin = _vector(header.get("space origin")) if header.get("space origin") else None
    except (KeyError, ValueError):
        return None, "its space directions, origin or units are not understood"
    if not columns or origin is None:
        return None, "it tells no space directions or no space origin"
    if len(columns) == 2:  # a single slice is as thick as it is said to be
        normal = np.cross(columns[0], columns[1])
        thick = re.findall(r"[0-9.eE+-]+", header.get("thicknesses"))
        length = float(np.linalg.norm(normal)) or 1.0
        columns.append(normal / length * (float(thick[0]) if len(thick) == 1 else 1.0))
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack(columns, axis=1)
    matrix[:3, 3] = origin
    if units:
        matrix[:3] *= np.array(units + [1.0] * (3 - len(units)))[:, np.newaxis]
    return np.diag([*signs, 1.0]) @ matrix, ""


def _vector(text: str) -> np.ndarray:
    vector = np.array([float(part) for part in text.strip().strip("()").split(",")])
    if vector.shape != (3,):
        raise ValueError(text)
    return vector

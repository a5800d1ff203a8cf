"""The head stored in whatever form a test wants, and read: what the tests of pixels and values share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import head_phantom
import numpy as np
from pydicom.dataset import Dataset

from CastInterfaceLib.study.voxels import Voxels, read_voxels
from CastLib.dicom.series import read_series

SIZE, SPACING = (6, 40, 32), (12.0, 5.0, 4.0)
HU = head_phantom.head(*SIZE, SPACING)

Edit = Callable[[Dataset, np.ndarray], None]


def slices_with(name: str, edit: Edit, **more: Any) -> list[Dataset]:
    more = {"window": None, **more}
    slices = head_phantom.series(name, HU, SPACING, **more)
    for data, plane in zip(slices, HU, strict=True):
        edit(data, plane)
    return slices


def read(folder: Path, edit: Edit, **more: Any) -> Voxels:
    head_phantom.save(folder, slices_with("values", edit, **more))
    return read_voxels(read_series([folder])[0])


def store(data: Dataset, pixels: np.ndarray, **attributes: Any) -> None:
    """Store pixels with attributes, and no slope nor intercept unless they are among them."""
    bits = pixels.dtype.itemsize * 8
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit, data.PixelRepresentation = bits - 1, int(pixels.dtype.kind == "i")
    for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
        delattr(data, keyword)
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OB" if bits == 8 else "OW"


def eight(plane: np.ndarray) -> np.ndarray:
    return ((plane.astype(int) + 1000) * 255 // 3000).astype(np.uint8)

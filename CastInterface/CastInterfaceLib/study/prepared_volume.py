"""A decoded series in VTK's hands, ready for a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk

from CastInterfaceLib.study.look import Look
from CastInterfaceLib.study.modality_values import drawable
from CastInterfaceLib.study.voxels import Voxels


@dataclass(frozen=True, slots=True)
class PreparedVolume:
    """A decoded series in VTK's hands, which no scene knows yet; ``ijk_to_ras`` in mm, 4x4."""

    image: Any
    ijk_to_ras: np.ndarray
    look: Look
    warnings: tuple[str, ...]
    missing: tuple[int, ...]
    mark: str


def prepare_volume(voxels: Voxels) -> PreparedVolume:
    """Copy voxels to where VTK wants them, which may take long. Any thread."""
    array = drawable(voxels.array)
    color = array.ndim == 4
    image = vtk.vtkImageData()
    image.SetDimensions(*array.shape[2::-1])
    flat = array.reshape(-1, 3) if color else array.reshape(-1)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(flat), deep=True))
    return PreparedVolume(image, voxels.ijk_to_ras, voxels.look, voxels.warnings, voxels.missing, voxels.mark)

"""An image that comes back as a result, laid over the volume it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
import vtk

from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.scene.volumes import set_look
from CastInterfaceLib.study.grids import Fit, Grid, check_other_grid
from CastInterfaceLib.study.image_file import ImageFile, drawable
from CastInterfaceLib.study.label_reading import stem
from CastInterfaceLib.study.look import look_of
from CastInterfaceLib.study.prepared_volume import PreparedVolume, prepare_volume
from CastInterfaceLib.study.voxels import Voxels
from CastLib.errors import CastError
from CastSlicerLib.slow_calls import slow_call

OVERLAY_OPACITY = 0.5

_LATTICE = 8  # points along each side of an image's box by which it is seen where it lies


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image in VTK's hands, which no scene knows yet."""

    name: str
    volume: PreparedVolume
    warnings: tuple[str, ...]


def prepare_image(image: ImageFile, fit: Fit, source: Grid) -> PreparedImage:
    """Everything of it that takes time: values, a kind that VTK can draw, window and level. Any thread.

    Raises:
        CastError: its voxels are of a kind that cannot be drawn, or it lies elsewhere.
    """
    warnings = [*fit.warnings, *image.warnings]
    if not fit.is_source:
        warnings += check_other_grid(image.name, fit.grid, source, [(lattice(fit.grid), 1.0)])
    array = fit.turn.apply(image.volumes[0])
    if image.is_color:
        array = np.ascontiguousarray(array)
    else:
        array = drawable(image.values(array), image.name)
        if array.dtype.kind == "f":
            finite = np.isfinite(array)
            if not finite.all():
                if not finite.any():
                    raise CastError(f"{image.name} is not shown: none of its voxels is a number.")
                low, high = float(array[finite].min()), float(array[finite].max())
                array = np.nan_to_num(array, copy=False, nan=low, posinf=high, neginf=low)
                lost = finite.size - np.count_nonzero(finite)
                warnings.append(f"{lost} of its voxels are no numbers, and shown like its lowest or highest ones")
    voxels = Voxels(array, fit.grid.ijk_to_ras, look_of(array, pydicom.Dataset()), ())
    return PreparedImage(stem(image.name), prepare_volume(voxels), tuple(warnings))


def add_image(viewer: Viewer, image: PreparedImage, in_views: bool) -> Any:
    """A volume node of it, half seen through in the foreground of the slice views where its volume is in them."""
    color = image.volume.image.GetNumberOfScalarComponents() == 3
    node = viewer.scene.AddNewNodeByClass(f"vtkMRML{'Vector' if color else 'Scalar'}VolumeNode", image.name)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(image.volume.ijk_to_ras.ravel())
    node.SetIJKToRASMatrix(matrix)
    node.CreateDefaultDisplayNodes()
    set_look(node, image.volume.look)  # before the image, which the display node would else look through for a window
    node.SetAndObserveImageData(image.volume.image)
    with slow_call("Slicer's logics lay an image over a volume"):
        for view in viewer.slice_views if in_views else ():
            composite = view.logic.GetSliceCompositeNode()
            composite.SetForegroundVolumeID(node.GetID())
            composite.SetForegroundOpacity(OVERLAY_OPACITY)
    return node


def lattice(grid: Grid) -> np.ndarray:
    """Points (n, 3) all over a grid as (column, row, slice)."""
    axes = [np.linspace(0, side - 1, _LATTICE) for side in grid.shape[::-1]]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

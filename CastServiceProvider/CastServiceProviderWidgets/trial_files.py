"""A loaded volume that came from no DICOM files, as a DICOM series for a service that is tried on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vtkmodules.util.numpy_support import vtk_to_numpy

from CastInterfaceLib.scene.volume_files import NodeFiles
from CastInterfaceLib.scene.volumes import FRAME_OF_REFERENCE, SERIES, STUDY, geometry_of
from CastInterfaceLib.study.dicom_writing import SeriesUids, series_paths, write_series
from CastLib.events import DICOM_SEND


def can_be_written(volume: Any) -> bool:
    """Whether a volume node has an image with one value a voxel."""
    image = volume.GetImageData() if volume is not None else None
    return image is not None and image.GetNumberOfScalarComponents() == 1 and min(image.GetDimensions()) > 0


def files_to_write(volume: Any, folder: Path) -> tuple[NodeFiles, Callable[[], object]]:
    """The files of a series that is yet to be written, and what writes them, on any thread. Main thread only.

    A volume without UIDs gets some, so that a result is known to belong to it.
    """
    uids = _uids(volume)
    image = volume.GetImageData()
    # No copy: numpy's view keeps the voxels as they are now alive, and Slicer then gives the volume others.
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    ijk_to_ras, name = geometry_of(volume), volume.GetName() or "Volume"
    files = NodeFiles(DICOM_SEND, tuple(series_paths(folder, len(array))), {})
    return files, lambda: write_series(folder, array, ijk_to_ras, name, uids)


def _uids(volume: Any) -> SeriesUids:
    new = SeriesUids()
    found = []
    for attribute, uid in ((STUDY, new.study), (SERIES, new.series), (FRAME_OF_REFERENCE, new.frame_of_reference)):
        if not volume.GetAttribute(attribute):
            volume.SetAttribute(attribute, uid)
        found.append(volume.GetAttribute(attribute))
    return SeriesUids(*found)

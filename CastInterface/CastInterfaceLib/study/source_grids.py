"""The grids of the series that a result may be of: what a reader of results has to know of them. No engine."""

from __future__ import annotations

from typing import NamedTuple

from CastInterfaceLib.study.grids import Grid
from CastInterfaceLib.study.slice_places import places_of
from CastInterfaceLib.study.voxels import ijk_to_ras
from CastLib.dicom.series import Series


class Source(NamedTuple):
    """A series: its UID, its frame of reference, and the grid on which its volume is shown."""

    series_uid: str
    frame_of_reference_uid: str
    grid: Grid


def source_of(series: Series) -> Source:
    """The source that a series is. Raises FieldError when it is no volume."""
    geometry = series.volume
    places = places_of(geometry)
    grid = Grid((places.count, geometry.rows, geometry.columns), ijk_to_ras(geometry, places.spacing))
    return Source(series.uid, series.frame_of_reference_uid, grid)

"""A study's volumes and segmentations in the scene: how they get there, and how they go. Main thread only.

It is the sink of `study_reading`; a piece for a study that is no longer open is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from CastInterfaceLib.host import Host
from CastInterfaceLib.known_files import forget_files, note_files
from CastInterfaceLib.open_study import OpenStudy, ShownSeries
from CastInterfaceLib.segmentation_display import PreparedSegmentation, show_segmentation
from CastInterfaceLib.segmentation_source import odd_about, volume_for
from CastInterfaceLib.slices_in_3d import box_corners, hide_slices_in_3d
from CastInterfaceLib.status import problem_item, segmentation_item
from CastInterfaceLib.study_loading import (
    PreparedVolume,
    add_volume,
    geometry_of,
    is_shown,
    remove_node,
    remove_nodes,
    show_volume,
)
from CastInterfaceLib.study_source import NotShown
from CastLib.dicom_series import Series
from CastLib.errors import CastError
from CastLib.message import Message

log = logging.getLogger("cast.display")

ToldResult = Callable[[Message, Sequence[str], str], object]


class StudyScene:
    """Puts pieces of the open study into the scene.

    Args:
        host: where to show them.
        is_open: whether a study is the one that is open.
        told_problem: takes what STATUS shall tell.
        refuse: takes a message of which nothing is shown, why, and the study's UID.
        told_result: takes a message and the names of what came of it.
    """

    def __init__(
        self,
        host: Host,
        is_open: Callable[[OpenStudy], bool],
        told_problem: Callable[[dict[str, Any]], object],
        refuse: Callable[[Message, NotShown, str], object],
        told_result: ToldResult,
    ) -> None:
        self._host = host
        self._is_open = is_open
        self._told_problem = told_problem
        self._refuse = refuse
        self._told_result = told_result

    def name_study(self, study: OpenStudy, uid: str, files: tuple[Path, ...]) -> None:
        """The study is found: its UID and its files."""
        study.study_uid, study.files = uid, files

    def add_problem(self, study: OpenStudy, sentence: str) -> None:
        """Tell in STATUS that something of the study could not be read, or is odd."""
        if self._is_open(study):
            log.warning("STATUS tells what could not be read or is odd")
            self._told_problem(problem_item("unreadable", sentence, study.study_uid))

    def add_series(self, study: OpenStudy, series: Series, came: PreparedVolume) -> None:
        """Show a series that was decoded on a thread."""
        if not self._is_open(study):
            return
        volume = add_volume(self._host.scene, series, came)
        study.nodes.append(volume)
        body = box_corners(geometry_of(volume), came.look.body)
        replaced = study.series.pop(series.uid, None)
        study.series[series.uid] = ShownSeries(series, volume, body)
        note_files(series)
        if replaced is not None and replaced.volume in study.nodes:
            study.nodes.remove(replaced.volume)
            remove_node(self._host.scene, replaced.volume)
        if replaced is not None or len(study.series) == 1:
            show_volume(self._host, volume, body)
        for warning in (*series.warnings, *came.warnings):
            self.add_problem(study, f"Series {series.uid}: {warning}.")

    def add_segmentation(self, study: OpenStudy, message: Message, prepared: PreparedSegmentation) -> None:
        """Show a decoded SEG over the series it references, or refuse it."""
        segmentation = prepared.segmentation
        if not self._is_open(study) or segmentation.sop_instance_uid in study.instances():
            return
        try:
            volume = volume_for([one.volume for one in study.series.values()], segmentation)
        except CastError as error:
            self._refuse(message, NotShown(409, "other-study", str(error)), segmentation.study_uid)
            return
        shown = next(one for one in study.series.values() if one.volume is volume)
        if not is_shown(self._host, volume):
            show_volume(self._host, volume, shown.body)
        node = show_segmentation(self._host, prepared, volume, shown.body)
        study.nodes.append(node)
        study.results.append((node, segmentation_item(segmentation, shown.series.uid)))
        for warning in odd_about(segmentation, volume):
            self._told_problem(problem_item("warning", warning, study.study_uid))
        self._told_result(message, [segment.label for segment in segmentation.segments], "")

    def forget_removed(self, study: OpenStudy) -> None:
        """Leave out what somebody else has taken out of the scene."""
        for shown in study.forget_removed():
            forget_files(shown.series)

    def remove(self, study: OpenStudy) -> None:
        """Take out what was shown for a study; a volume of the user's stays, with the results that he got for it."""
        for shown in study.series.values():
            forget_files(shown.series)
        if not study.adopted:
            remove_nodes(self._host.scene, reversed(study.nodes))
            hide_slices_in_3d(self._host)

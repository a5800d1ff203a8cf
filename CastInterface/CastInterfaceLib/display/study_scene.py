"""A study's volumes and segmentations in the scene: how they get there, and how they go. Main thread only.

It is the sink of `study.reader`; a piece for a study that is no longer open is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from CastInterfaceLib.display.problems import Problems
from CastInterfaceLib.display.sent_images import SentImages
from CastInterfaceLib.display.status import problem_item, segmentation_item
from CastInterfaceLib.scene.foreign_nodes import leave_views, note_what_is_there, take_views
from CastInterfaceLib.scene.known_files import forget_files, note_files
from CastInterfaceLib.scene.segmentation_source import odd_about, volume_for
from CastInterfaceLib.scene.segmentations import show_segmentation
from CastInterfaceLib.scene.slices_in_3d import hide_slices_in_3d
from CastInterfaceLib.scene.unsaved_work import unsaved_work
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.scene.volumes import add_volume, geometry_of, is_shown, remove_node, remove_nodes, show_volume
from CastInterfaceLib.study.grids import box_corners
from CastInterfaceLib.study.left_out import name_some
from CastInterfaceLib.study.open_study import OpenStudy, ShownSeries
from CastInterfaceLib.study.prepared_segmentation import PreparedSegmentation
from CastInterfaceLib.study.prepared_volume import PreparedVolume
from CastInterfaceLib.study.sources import NotShown, unknown_series
from CastLib.dicom.series import Series
from CastLib.errors import CastError
from CastLib.message import Message

log = logging.getLogger("cast.display")

#: On a volume node: the local time since when the hub has not confirmed that it is open, "" when it has.
NOT_CONFIRMED_SINCE = "Cast.NotConfirmedSince"


class StudyScene:
    """Puts pieces of the open study into the scene.

    Args:
        viewer: where to show them.
        is_open: whether a study is the one that is open.
        problems: takes what STATUS shall tell.
        refuse: takes a message of which nothing is shown, why, and the study's UID.
        sent: who sends images out.
    """

    def __init__(
        self,
        viewer: Viewer,
        is_open: Callable[[OpenStudy], bool],
        problems: Problems,
        refuse: Callable[[Message, NotShown, str], object],
        sent: SentImages,
    ) -> None:
        self._viewer = viewer
        self._is_open = is_open
        self._problems = problems
        self._refuse = refuse
        self._sent = sent
        self._not_confirmed_since = ""

    def name_study(self, study: OpenStudy, uid: str, files: tuple[Path, ...]) -> None:
        """The study is found: its UID and its files."""
        study.study_uid, study.files = uid, files

    def add_problem(self, study: OpenStudy, word: str, sentence: str) -> None:
        """Tell in STATUS that something of the study is not shown, or is odd."""
        if self._is_open(study):
            log.warning("STATUS tells what is not shown or is odd: %s", word)
            self._problems.add(problem_item(word, sentence, study.study_uid))

    def refuse(self, study: OpenStudy, message: Message, why: NotShown) -> None:
        """A message brought something that is not the study's."""
        if self._is_open(study):
            self._refuse(message, why, study.study_uid)

    def add_series(self, study: OpenStudy, series: Series, came: PreparedVolume) -> None:
        """Show a series that was decoded on a thread."""
        if not self._is_open(study):
            return
        volume = add_volume(self._viewer.scene, series, came)
        study.nodes.append(volume)
        body = box_corners(geometry_of(volume), came.look.body)
        replaced = study.series.pop(series.key, None)
        study.series[series.key] = ShownSeries(series, volume, body, volume.GetID())
        self._mark_volume(volume)
        note_files(series)
        if replaced is not None and replaced.volume in study.nodes:
            study.nodes.remove(replaced.volume)
            remove_node(self._viewer.scene, replaced.volume)
        if not study.in_views:
            self.keep_apart(study)  # once: what the user has shown again since is his will, and named
        if replaced is not None or len(study.series) == 1:
            show_volume(self._viewer, volume, body)
        for warning in (*series.warnings, *came.warnings):
            self.add_problem(study, "warning", f"Series {series.description or series.uid}: {warning}.")

    def drop_series(self, study: OpenStudy, key: str) -> None:
        """A series has no images any more: newer ones that took their place are of another series."""
        shown = study.series.pop(key, None) if self._is_open(study) else None
        if shown is not None and shown.volume in study.nodes:
            study.nodes.remove(shown.volume)
            remove_node(self._viewer.scene, shown.volume)

    def keep_apart(self, study: OpenStudy) -> None:
        """Have nothing of another study drawn with this one, and tell what was hidden."""
        if not study.in_views:
            study.in_views = True
            note_what_is_there(self._viewer.scene)
        hidden = take_views(self._viewer, study.study_uid, study.patient)
        if hidden:
            names = name_some(hidden)
            self.add_problem(study, "warning", f"Hidden, since it is not of the study that is shown: {names}.")

    def mark(self, study: OpenStudy | None, since: str) -> None:
        """Note on a study's volumes since when the hub has not confirmed them; "" when it has."""
        self._not_confirmed_since = since
        for shown in study.series.values() if study is not None else ():
            self._mark_volume(shown.volume)

    def _mark_volume(self, volume: Any) -> None:
        if (volume.GetAttribute(NOT_CONFIRMED_SINCE) or "") != self._not_confirmed_since:
            volume.SetAttribute(NOT_CONFIRMED_SINCE, self._not_confirmed_since)

    def bring_up(self, study: OpenStudy, series_uids: Sequence[str]) -> None:
        """Have one of some series in the views. Raises NotShown when the study has none of them."""
        if not series_uids:
            return
        shown = next((one for one in study.series.values() if one.series.uid in series_uids), None)
        if shown is None:
            raise unknown_series(series_uids[0], study.study_uid)
        if not is_shown(self._viewer, shown.volume):
            show_volume(self._viewer, shown.volume, shown.body)

    def add_segmentation(self, study: OpenStudy, message: Message, path: Path, prepared: PreparedSegmentation) -> None:
        """Show a decoded SEG over the series it references, or refuse it; it takes the place of one it corrects."""
        segmentation = prepared.segmentation
        if not self._is_open(study):
            return
        try:
            volume = volume_for([one.volume for one in study.series.values()], segmentation)
        except CastError as error:
            self._refuse(message, NotShown(409, "other-study", str(error)), segmentation.study_uid)
            return
        self._replace_segmentation(study, segmentation.sop_instance_uid)
        shown = next(one for one in study.series.values() if one.volume is volume)
        if not is_shown(self._viewer, volume):
            show_volume(self._viewer, volume, shown.body)
        node = show_segmentation(self._viewer, prepared, volume, shown.body)
        study.add_result(node, segmentation_item(segmentation, shown.series.uid))
        study.result_files[segmentation.sop_instance_uid] = path
        for warning in odd_about(segmentation, volume):
            self._problems.add(problem_item("warning", warning, study.study_uid))
        self._sent.on_result(message, [segment.label for segment in segmentation.segments], "")

    def _replace_segmentation(self, study: OpenStudy, instance_uid: str) -> None:
        for node, told in list(study.results):
            if told.get("sopInstanceUID") == instance_uid:
                study.results.remove((node, told))
                if not study.is_changed(node):
                    study.nodes.remove(node)
                    remove_node(self._viewer.scene, node)

    def forget_removed(self, study: OpenStudy) -> None:
        """Leave out what somebody else has taken out of the scene."""
        for shown in study.forget_removed():
            forget_files(shown.series)

    def unsaved(self, study: OpenStudy) -> list[Any]:
        """The nodes with what the user has made over a study, or changed of its results, and not saved."""
        if study.adopted or not study.in_views:
            return []
        return unsaved_work(self._viewer.scene, study.study_uid, study.nodes, study.is_changed)

    def remove(self, study: OpenStudy, *, discard: bool = False) -> None:
        """Take out what was shown for a study; a volume of the user's stays, with the results that he got for it.

        What the user made over the study, or changed of its results, is kept in the scene, hidden; that is told.
        With ``discard`` what of it is not saved goes too.
        """
        for shown in study.series.values():
            forget_files(shown.series)
        if study.adopted:
            note_what_is_there(self._viewer.scene, study.study_uid, study.patient)
            return
        going = [node for node in study.nodes if not study.is_changed(node)]
        going += self.unsaved(study) if discard else []
        hidden = leave_views(self._viewer, study.study_uid, study.patient, going) if study.in_views else []
        remove_nodes(self._viewer.scene, reversed(going))
        hide_slices_in_3d(self._viewer)
        if hidden:
            sentence = f"Hidden and kept, since the study it was made on is closed: {name_some(hidden)}."
            self._problems.add(problem_item("warning", sentence, study.study_uid))

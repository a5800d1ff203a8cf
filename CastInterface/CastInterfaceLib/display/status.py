"""What a display answers to STATUS. Plain data, no engine; read on any thread.

Beside the protocol's keys: a ``job`` item carries ``message`` and ``progress`` (0 to 1, when it can be told), a
``problem`` item its word as ``value``, a sentence as ``message`` and the ``studyInstanceUID`` it is about. Of a
study's ``series``, at the top, ``onScreen`` tells whether a view draws it. The ``scene`` item of the context names the
nodes that a ``scene-update`` can change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from CastInterfaceLib.scene.image_words import person_name
from CastInterfaceLib.study.label_maps import Segmentation
from CastInterfaceLib.study.left_out import name_some
from CastInterfaceLib.study.local_studies import LocalStudy
from CastInterfaceLib.study.open_study import SHOWN, OpenStudy
from CastSlicerLib.jobs import Job

# Studies told in one answer; a longer list would crowd out the scene view.
MAX_STUDIES = 200

# The folders of a path in a sentence: whoever asks is not told where on this machine something lies.
_FOLDERS = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:)?[\\/](?:[^\s\\/:;,\"'<>|][^\\/:;,\"'<>|\n]*[\\/])+")


def make_status(
    product: str,
    job: Job | None,
    problems: Iterable[dict[str, Any]],
    study: OpenStudy | None,
    local_studies: Sequence[LocalStudy],
    scene_view: dict[str, Any],
) -> dict[str, Any]:
    """The data of a STATUS answer."""
    return {
        "source": "status",
        "product": product,
        "items": [
            {"key": "availability", "value": "online"},
            _job_item(job),
            *problems,
            *in_no_view(study, scene_view),
        ],
        **_open(study, scene_view),
        "studies": [_local_study(one) for one in local_studies[:MAX_STUDIES]],
        "sceneview": scene_view,
    }


def problem_item(word: str, sentence: str, study_uid: str) -> dict[str, Any]:
    """One thing that went wrong or is odd, for `make_status`.

    Args:
        word: ``unreadable`` (damaged, cannot be decoded), ``not-shown`` (intact, but not on the screen), ``warning``
            (shown, but odd), ``not-confirmed``, ``other-study``, ``other-patient``, ``study-not-found`` …
        sentence: of a path in it only the file's name is told.
        study_uid: what it is about.
    """
    return {
        "key": "problem",
        "value": word,
        "message": _FOLDERS.sub("", sentence),
        "studyInstanceUID": study_uid,
    }


def in_no_view(study: OpenStudy | None, scene_view: dict[str, Any]) -> list[dict[str, Any]]:
    """The problem that series of a study are loaded and drawn in no view, if any are."""
    if study is None or study.state != SHOWN or not scene_view:
        return []
    on_screen = _drawn(scene_view)
    hidden = [one for one in list(study.series.values()) if one.node_id not in on_screen]
    if not hidden:
        return []
    are = "series is" if len(hidden) == 1 else "series are"
    sentence = f"{len(hidden)} {are} loaded, but in no view: {name_some(one.title for one in hidden)}."
    return [problem_item("not-shown", sentence, study.study_uid)]


def _drawn(scene_view: dict[str, Any]) -> set[str]:
    return {str(viewport.get("dataID")) for viewport in scene_view.get("viewports", ())}


def segmentation_item(segmentation: Segmentation, source_series: str) -> dict[str, Any]:
    """What STATUS tells of a SEG that is shown over a series; volumes in cubic millimetres."""
    return {
        "sopInstanceUID": segmentation.sop_instance_uid,
        "seriesInstanceUID": segmentation.series_uid,
        **label_map_item(segmentation, source_series),
    }


def label_map_item(segmentation: Segmentation, source_series: str) -> dict[str, Any]:
    """The same of the labels in a NIfTI or NRRD file; one that holds none says so: that is a finding too."""
    item: dict[str, Any] = {
        "sourceSeriesInstanceUID": source_series,
        "fileName": segmentation.file_name,
        "modality": segmentation.modality,
        "segments": [
            {
                "number": segment.number,
                "label": segment.label,
                "color": [round(part, 4) for part in segment.color],
                "terminology": terminology(segment.terminology),
                "voxelCount": segment.voxels,
                "volumeMm3": round(segment.voxels * segmentation.voxel_volume, 3),
            }
            for segment in segmentation.segments
        ],
    }
    if not segmentation.segments:
        item["message"] = "Nothing was found."
    return item


def terminology(entry: str) -> dict[str, dict[str, str] | None]:
    """Slicer's terminology entry (seven fields between ``~``) as the codes of category, type, its modifier and region.

    Each is ``{scheme, value, meaning}``, or None where it is not said.
    """
    fields = [*entry.split("~"), *[""] * 7]
    names = {"category": 1, "type": 2, "typeModifier": 3, "region": 5}
    return {name: _code(fields[place]) for name, place in names.items()}


def _code(triple: str) -> dict[str, str] | None:
    scheme, value, meaning = [*triple.split("^"), "", "", ""][:3]
    return {"scheme": scheme, "value": value, "meaning": meaning} if value else None


def _job_item(job: Job | None) -> dict[str, Any]:
    if job is None:
        return {"key": "job", "value": "idle"}
    item: dict[str, Any] = {"key": "job", "value": "running", "message": job.text}
    if job.total:
        item["progress"] = round(min(1.0, job.done / job.total), 3)
    return item


def _open(study: OpenStudy | None, scene_view: dict[str, Any]) -> dict[str, Any]:
    """What is open: worklists adopt it by ``context.type``, which stands there only while a study is open.

    The study is told in the words of its open, by which its opener knows it again; its ``studyInstanceUID`` and its
    ``series`` stand beside it.
    """
    if study is None or study.state != SHOWN:
        return {"context": []}
    drawn = _drawn(scene_view)
    series = [
        {
            "uid": shown.series.uid,
            "description": shown.series.description,
            "numberOfInstances": len(shown.series.files),
            "onScreen": shown.node_id in drawn,
        }
        for shown in list(study.series.values())
    ]
    return {
        "context.type": "ImagingStudy",
        "context": study_context(study),
        "studyInstanceUID": study.study_uid,
        "series": series,
    }


def study_context(study: OpenStudy) -> list[dict[str, Any]]:
    """What is open, its segmentations, and the nodes of the scene that can be changed. Any thread."""
    segmentations = study.segmentations
    nodes: dict[str, dict[str, str]] = {
        shown.node_id: {"type": "volume", "seriesInstanceUID": shown.series.uid}
        for shown in list(study.series.values())
    }
    nodes |= {one["nodeID"]: {"type": "segmentation"} for one in segmentations}
    return [
        {"key": "study", "resource": study.resource},
        {"key": "segmentation", "resource": {"segmentations": segmentations}},
        {"key": "scene", "resource": {"nodes": nodes}},
    ]


def _local_study(study: LocalStudy) -> dict[str, Any]:
    description = study.description or "Study"
    words = (description, study.date, study.accession)
    return {
        "id": f"slicer-dicom:{study.study_uid}",
        "name": f"{person_name(study.patient_name) or 'Unnamed'} — {description}",
        "description": " ".join(word for word in words if word),
        "organization": "3d-slicer",
        "studyInstanceUID": study.study_uid,
        "modalities": sorted(study.modalities - {""}),
        "format": "DICOM",
        "openMode": "local-dicom",
    }

"""What is open now, as a value for a panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from CastInterfaceLib.display.image_display import ImageDisplay
from CastInterfaceLib.study.open_study import AWAITED, OpenStudy


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a segmentation shown: its label, ``#rrggbb`` and volume in ml."""

    label: str
    color: str
    millilitres: float


@dataclass(frozen=True, slots=True)
class OpenNow:
    """What is open.

    Attributes:
        study_uid: of the study that is open or being opened, "" when there is none.
        title: of that study for a person: patient, date and description, as far as they are known.
        awaited: it was asked for, but its images are not here.
        series: description, number of images, and node ID of the volume of each series shown.
        segments: of all segmentations shown.
        doing: what is under way, "" when nothing is.
        fraction: how far it is, 0 to 1, or None when it cannot be told.
        problems: sentences, newest last.
        unsaved: what is not saved of the user's work, while he is asked what becomes of it.
    """

    study_uid: str = ""
    title: str = ""
    awaited: bool = False
    series: tuple[tuple[str, int, str], ...] = ()
    segments: tuple[Segment, ...] = ()
    doing: str = ""
    fraction: float | None = None
    problems: tuple[str, ...] = ()
    unsaved: tuple[str, ...] = ()


def open_now(display: ImageDisplay | None) -> OpenNow:
    """What a display has open."""
    if display is None:
        return OpenNow()
    study, job = display.study, display.job
    doing, fraction = "", None
    if job is not None and study is not None and job is study.job and study.busy:
        doing, fraction = job.text, min(1.0, job.done / job.total) if job.total else None
    if study is None:
        return OpenNow(problems=tuple(display.problems))
    return OpenNow(
        study.study_uid or study.reference.accession or study.reference.resource_id,
        _title(study),
        study.state == AWAITED,
        tuple((shown.volume.GetName(), len(shown.series.files), shown.node_id) for shown in study.series.values()),
        tuple(_segment(one) for shown in study.segmentations for one in shown["segments"]),
        doing,
        fraction,
        tuple(display.problems),
        display.unsaved,
    )


def _title(study: OpenStudy) -> str:
    patients = (study.patient, *(claim.patient for claim in study.claims))
    names = (" ".join(one.name.split("=")[0].replace("^", " ").split()) or one.id for one in patients)
    who = next(filter(None, names), "")
    day = next((one.series.study_date for one in study.series.values() if one.series.study_date), "")
    if len(day) == len("YYYYMMDD") and day.isdigit():
        day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    described = study.resource.get("description")
    return ", ".join(part for part in (who, day, described if isinstance(described, str) else "") if part)


def _segment(told: dict[str, Any]) -> Segment:
    color = "#" + "".join(f"{round(part * 255):02x}" for part in told["color"])
    return Segment(str(told["label"]), color, float(told["volumeMm3"]) / 1000)

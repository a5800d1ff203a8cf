"""What the demo leaves in its folder, and the table it ends with."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from CastCLI.contact_sheet import SegmentLine, write_contact_sheet
from CastLib.errors import CastError

if TYPE_CHECKING:
    from CastCLI.demo_worklist import Played
    from CastCLI.output import Output, Steps
    from CastLib.dicom.series import Series


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's outcome: the folder, the study and the segments of the result."""

    folder: Path
    study: str
    segments: tuple[SegmentLine, ...]

    def as_json(self, times: list[tuple[str, float]]) -> dict[str, Any]:
        """Return the outcome as one JSON value; volumes in millilitres, times in seconds."""
        return {
            "study": self.study,
            "segments": [{"label": line.label, "volumeMl": round(line.volume_ml, 1)} for line in self.segments],
            "steps": [{"step": sentence, "seconds": round(seconds, 3)} for sentence, seconds in times],
            "folder": str(self.folder.resolve()),
        }

    def show(self, output: Output, times: list[tuple[str, float]]) -> None:
        """Print the tables for a person."""
        output.say("")
        output.table(
            self.study,
            ["segment", "volume (ml)"],
            [[line.label, f"{line.volume_ml:,.1f}"] for line in self.segments],
        )
        output.say("")
        rows = [[sentence, f"{seconds:.2f}"] for sentence, seconds in times]
        rows.append(["all", f"{sum(seconds for _, seconds in times):.2f}"])
        output.table("", ["step", "time (s)"], rows)
        output.say(f"\nPictures, segmentation and scene view are in {self.folder}; begin with contact-sheet.png.")


def write_report(folder: Path, played: Played, steps: Steps) -> Report:
    """Write the views, the contact sheet, the segmentation and the scene views to ``folder``."""
    with steps.step("writing the pictures"):
        rows = [
            ("As opened", _write_views(folder, "before", played.before)),
            ("With the segmentation that came back", _write_views(folder, "after", played.after)),
        ]
        shutil.copyfile(played.segmentation, folder / "segmentation.dcm")
        segments = read_segments(played.segmentation)
        report = Report(folder, _study_line(played.series), segments)
        write_contact_sheet(
            folder / "contact-sheet.png",
            title="Cast: hub, image display and service provider",
            subtitle=report.study,
            rows=rows,
            segments=segments,
        )
    return report


def _write_views(folder: Path, when: str, scene_view: dict[str, Any]) -> list[bytes]:
    """Write a scene view, each picture as PNG, the rest as JSON that names them; return the full pictures, 3D last."""
    views: list[bytes] = []
    for viewport in sorted(scene_view["viewports"], key=lambda one: one.get("type") == "3D"):
        picture = viewport.get("picture")
        if not isinstance(picture, dict) or picture.get("contentType") != "image/png":
            raise CastError(f"the view {viewport.get('name')} has no PNG at full size")
        for size, suffix in (("picture", ""), ("thumbnail", "-thumbnail")):
            data = base64.b64decode(viewport[size]["data"])
            path = folder / f"{when}-{viewport['orientation'].lower()}{suffix}.png"
            path.write_bytes(data)
            viewport[size]["data"] = path.name
            if size == "picture":
                views.append(data)
    text = json.dumps(scene_view, indent=1, ensure_ascii=False)
    (folder / f"scene-view-{when}.json").write_text(text, encoding="utf-8")
    return views


def _study_line(series: Series) -> str:
    columns, rows = series.columns, series.rows
    x, y, z = series.spacing
    return (
        f"{series.description or 'study'}: {series.modality}, {len(series.files)} slices of {columns} x {rows}, "
        f"voxels of {x:g} x {y:g} x {z:g} mm"
    )


def read_segments(path: Path) -> tuple[SegmentLine, ...]:
    """Return each segment of a DICOM SEG with its colour and its volume, counted from its own pixels."""
    from CastInterfaceLib.study.segmentation_file import read_segmentation

    segmentation = read_segmentation(path)
    voxel_ml = segmentation.voxel_volume / 1000.0
    return tuple(
        SegmentLine(
            segment.label,
            (round(255 * segment.color[0]), round(255 * segment.color[1]), round(255 * segment.color[2])),
            segment.voxels * voxel_ml,
        )
        for segment in segmentation.segments
    )

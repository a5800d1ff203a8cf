"""The files of one SeriesInstanceUID as the volumes they make: one, mostly; and what is in none, each with why.

A series is one patient's, has one frame of reference, and its slices one orientation, size and spacing (PS3.3 A.1.2.3,
C.7.4.1). Where that does not hold, what belongs together is one volume, so that a localizer, an odd slice or another
patient's images cost nothing but themselves.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydicom.uid import UID

from CastLib.dicom.headers import SEG_CLASSES, number_of, text_of, uid_of
from CastLib.dicom.phases import grouped, tell_apart
from CastLib.dicom.repeats import LeftOut, without_copies
from CastLib.dicom.slice_grid import PLACE_TOLERANCE, PLACES_PER_SLICE
from CastLib.dicom.stack import Geometry, Slice, aside, locate, make_stack
from CastLib.errors import FieldError
from CastLib.patient import Patient

ORIENTATION_TOLERANCE = 1e-3  # of a unit vector's component; scanners write 6 digits, old ones 4
#: How far slices may be shifted sideways: a share of a pixel, and for what rounded directions add up to, of the length.
SIDEWAYS_PIXELS, SIDEWAYS_LENGTH = 0.1, 1e-4
#: Volumes that one series may make; more than these are told, not shown.
MAX_VOLUMES = 32
_COMPARED = 4 * MAX_VOLUMES

_AXES = ("sagittal", "coronal", "axial")


@dataclass(slots=True)
class Part:
    """Files of a series that belong together.

    ``label`` says in a few words which part of the series it is, ``nature`` why files that are none of an image stack
    make no volume; see `series.Series` for the others.
    """

    slices: list[Slice]
    label: str = ""
    geometry: Geometry | None = None
    problem: str = ""
    nature: str = ""
    warnings: list[str] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=list)


def parts_of(files: Sequence[Slice]) -> list[Part]:
    """Return what the files of one series make, the largest volume first; all files are in a part or left out."""
    parts: list[Part] = []
    ordered = sorted(files, key=lambda one: one.path.name)
    groups = _split_patients(ordered)
    for group in groups:
        inner = _of_one_patient(group)
        if len(groups) > 1:
            for part in inner:
                who = Patient.of(part.slices[0].header)
                part.label = _joined(f"patient {who.id or who.name or 'without a name'}", part.label)
                part.warnings.append(f"its series holds images of different patients: {_contradiction(groups)}")
        parts += inner
    parts.sort(key=lambda part: (part.geometry is None, -len(part.slices)))
    return _few(parts)


def _few(parts: list[Part]) -> list[Part]:
    """The parts as they are shown: each says that there are others; too many become one that says so."""
    volumes = [part for part in parts if part.geometry is not None]
    others = [part for part in parts if part.geometry is None]
    total = sum(len(part.slices) for part in volumes)
    if len(volumes) > MAX_VOLUMES:
        main = [part for part in volumes[:1] if len(part.slices) > total / 2]
        rest = volumes[len(main) :]
        problem = f"its {total} files make {len(volumes)} volumes, more than the {MAX_VOLUMES} of one series at most"
        gathered = Part([one for part in rest for one in part.slices], "the others", problem=problem)
        gathered.left_out = [entry for part in rest for entry in part.left_out]
        volumes, others = main, [gathered, *others]
    if len(volumes) > 1:
        for part in volumes:
            part.warnings.insert(
                0,
                f"its series makes {len(volumes)} volumes; this one has {len(part.slices)} of {total} files "
                f"({part.label or 'the others differ'})",
            )
    if volumes and len(volumes[0].slices) > total / 2:
        volumes[0].label = ""
    return volumes + others


def _split_patients(files: Sequence[Slice]) -> list[list[Slice]]:
    """Files of people who contradict each other apart; what says too little to be told is nobody else's."""
    by_patient: dict[Patient, list[Slice]] = {}
    for one in files:
        by_patient.setdefault(Patient.of(one.header), []).append(one)
    groups: list[tuple[list[Patient], list[Slice]]] = []
    unsaid: list[list[Slice]] = []
    for patient in sorted(by_patient, key=lambda who: -sum(map(bool, (who.id, who.issuer, who.name, who.birth_date)))):
        fitting = [group for group in groups if not any(patient.contradiction(other) for other in group[0])]
        if len(fitting) == 1:
            fitting[0][0].append(patient)
            fitting[0][1].extend(by_patient[patient])
        elif fitting:
            unsaid.append(by_patient[patient])
        else:
            groups.append(([patient], by_patient[patient]))
    return [members for _, members in groups] + unsaid


def _contradiction(groups: Sequence[Sequence[Slice]]) -> str:
    people = [Patient.of(group[0].header) for group in groups]
    told = (one.contradiction(other) for one, other in itertools.combinations(people, 2))
    return next(filter(None, told), "some do not say whose they are")


def _of_one_patient(files: Sequence[Slice]) -> list[Part]:
    left_out: LeftOut = []
    warnings: list[str] = []
    files = without_copies(files, left_out, warnings)
    planes: list[Slice] = []
    flat: dict[str, Part] = {}
    broken: list[tuple[Slice, str]] = []
    for one in files:
        nature, problem = _nature_of(one)
        if nature:
            part = flat.setdefault(problem or nature, Part([], nature=nature, problem=problem))
            part.slices.append(one)
            continue
        try:
            planes.append(locate(one))
        except FieldError as error:
            broken.append((one, str(error)))
    parts = [part for group, label in _split_frames(planes, warnings) for part in _of_one_frame(group, label)]
    parts += [_counted(part) for part in flat.values()]
    if broken and not parts:
        parts = [Part([one for one, _ in broken], problem=broken[0][1])]
    elif broken:
        left_out += [(one.path, why) for one, why in broken]
    largest = max(parts, key=lambda part: (part.geometry is not None, len(part.slices)))
    largest.left_out = left_out + largest.left_out
    for part in parts:
        part.warnings = warnings + part.warnings
    return parts


def _nature_of(one: Slice) -> tuple[str, str]:
    """Why a file is no slice of a stack, and when it is an image that could be expected here, the problem with it."""
    header = one.header
    modality = text_of(header, "Modality").upper()
    if uid_of(header, "SOPClassUID") in SEG_CLASSES:  # the class decides: some images carry the modality of their use
        return "it is a segmentation", ""
    if not header.get("Rows"):
        return f"it holds no image ({modality or 'of no modality'})", ""
    frames = number_of(header, "NumberOfFrames") or 1
    kind = str(UID(uid_of(header, "SOPClassUID")).name)
    if frames > 1:
        return "it is a multi-frame image", "multi-frame"
    if "Enhanced" in kind:
        return "it is an enhanced image", "enhanced"
    if header.get("ImagePositionPatient") is None:
        what = "a screen capture or other picture" if "Secondary Capture" in kind else "an image"
        return f"it is {what} without a position in space ({modality or kind})", ""
    return "", ""


def _counted(part: Part) -> Part:
    """A part with its problem as a sentence, where it has one."""
    files = "one file" if len(part.slices) == 1 else f"{len(part.slices)} files"
    if part.problem == "multi-frame":
        frames = sum(int(number_of(one.header, "NumberOfFrames") or 1) for one in part.slices)
        part.problem = f"multi-frame images ({frames} frames in {files}) are not read"
    elif part.problem == "enhanced":
        part.problem = f"enhanced images ({files} with the geometry in functional groups) are not read"
    return part


def _split_frames(planes: list[Slice], warnings: list[str]) -> list[tuple[list[Slice], str]]:
    """Slices by frame of reference, those that name none with the others when there is only one."""
    groups = grouped(planes, lambda one: uid_of(one.header, "FrameOfReferenceUID"))
    named = [uid for uid in groups if uid]
    if len(named) > 2 and len(named) == len(planes):
        warnings.append("every image names a frame of reference of its own; they are taken for one")
        return [(planes, "")]
    if len(named) <= 1:
        return [(planes, "")] if planes else []
    warnings.append(f"its images lie in {len(named)} frames of reference, between which no position can be compared")
    return [(members, f"frame of reference {number}") for number, members in enumerate(groups.values(), 1)]


def _of_one_frame(planes: list[Slice], frame: str) -> list[Part]:
    """Volumes of located slices: of one orientation, size and pixel spacing, on one line, one at each place."""
    parts = []
    kinds = _alike(planes)
    for kind in kinds:
        kind_label = _joined(frame, _difference(kind, kinds))
        lines = _lines(kind)
        if lines is None:
            parts.append(Part(kind, kind_label, problem=f"geometry: {_tilted(kind)}"))
            continue
        for number, line in enumerate(lines, 1):
            label = _joined(kind_label, f"stack {number}" if len(lines) > 1 else "")
            parts += _of_one_line(line, label)
    return parts


def _of_one_line(line: list[Slice], label: str) -> list[Part]:
    left_out: LeftOut = []
    warnings: list[str] = []
    parts = []
    for phase in tell_apart(line, left_out, warnings):
        blocks = _blocks(list(phase.slices))
        for number, block in enumerate(blocks, 1):
            part = Part(block, _joined(label, phase.label, f"block {number}" if len(blocks) > 1 else ""))
            try:
                part.geometry, part.slices = make_stack(block, part.warnings)
            except FieldError as error:
                part.problem = str(error)
            parts.append(part)
    parts[0].left_out, parts[0].warnings = left_out, warnings + parts[0].warnings
    return parts


def _alike(planes: Iterable[Slice]) -> list[list[Slice]]:
    """Slices of one orientation, size and pixel spacing together, the most first."""
    groups: list[list[Slice]] = []
    for one in planes:
        # More kinds than volumes are not shown anyway: a hostile pile is not compared each with each.
        group = next((group for group in groups[:_COMPARED] if _same_kind(one, group[0])), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return sorted(groups, key=len, reverse=True)


def _same_kind(one: Slice, other: Slice) -> bool:
    return (
        (one.rows, one.columns) == (other.rows, other.columns)
        and _near(one.orientation, other.orientation, ORIENTATION_TOLERANCE)
        and _near(one.pixel_spacing, other.pixel_spacing, ORIENTATION_TOLERANCE * min(other.pixel_spacing))
    )


def _near(ours: Sequence[float], theirs: Sequence[float], tolerance: float) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(ours, theirs, strict=True))


def _difference(kind: list[Slice], kinds: Sequence[list[Slice]]) -> str:
    """What tells slices from those of the other kinds of their series."""
    if len(kinds) == 1:
        return ""
    one, others = kind[0], [other[0] for other in kinds if other is not kind]
    told = []
    if not all(_near(one.orientation, other.orientation, ORIENTATION_TOLERANCE) for other in others):
        axis = max(range(3), key=lambda index: abs(one.normal[index]))
        told.append(_AXES[axis] if abs(one.normal[axis]) > 1 - ORIENTATION_TOLERANCE else f"oblique {_AXES[axis]}")
    if any((one.rows, one.columns) != (other.rows, other.columns) for other in others):
        told.append(f"{one.columns} x {one.rows} pixels")
    if any(not _near(one.pixel_spacing, other.pixel_spacing, 1e-3 * min(one.pixel_spacing)) for other in others):
        told.append(f"pixels of {one.pixel_spacing[1]:.4g} x {one.pixel_spacing[0]:.4g} mm")
    return ", ".join(told)


def _lines(kind: list[Slice]) -> list[list[Slice]] | None:
    """Parallel slices by the line on which they are piled, the most first; None when each is shifted anew."""
    heights = sorted(one.height for one in kind)
    gaps = [after - before for before, after in itertools.pairwise(heights)]
    within = max(
        SIDEWAYS_PIXELS * min(kind[0].pixel_spacing),
        SIDEWAYS_LENGTH * (heights[-1] - heights[0]),
        PLACE_TOLERANCE * statistics.median(gaps or [0.0]),
    )
    lines: list[list[Slice]] = []
    for one in sorted(kind, key=lambda one: one.height):
        line = next((line for line in lines if aside(one, line[0]) <= within), None)
        if line is None:
            lines.append([one])
            if len(lines) > _COMPARED:
                return None
        else:
            line.append(one)
    lines.sort(key=len, reverse=True)
    return lines if len(lines) == 1 or len(lines) <= len(kind) / 2 else None


def _tilted(kind: list[Slice]) -> str:
    first = kind[0]
    name = max(kind, key=lambda one: aside(one, first)).path.name
    return f"its slices are shifted sideways, as with a tilted gantry ({name})"


def _blocks(slices: list[Slice]) -> list[list[Slice]]:
    """Slices cut where a gap is so wide that most of what lies between the first and the last would be missing."""
    ordered = sorted(slices, key=lambda one: one.height)
    gaps = [after.height - before.height for before, after in itertools.pairwise(ordered)]
    if not gaps or sum(gaps) <= PLACES_PER_SLICE * len(ordered) * statistics.median_low(gaps):
        return [ordered]
    cut = gaps.index(max(gaps)) + 1
    if len(ordered) == 2 or statistics.median_low(gaps) <= 0:
        return [ordered]
    return sorted(_blocks(ordered[:cut]) + _blocks(ordered[cut:]), key=len, reverse=True)


def _joined(*labels: str) -> str:
    return ", ".join(filter(None, labels))

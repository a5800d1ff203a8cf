"""Several images at one place in one series: the phases, echoes or b-values they are, or a slice acquired again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from CastLib.dicom.folder_files import shown_name
from CastLib.dicom.headers import KIND_TAGS, TIME_TAGS, number_of, text_of
from CastLib.dicom.repeats import LeftOut, later_of
from CastLib.dicom.slice_grid import find_grid
from CastLib.dicom.stack import Slice, same_place

#: Up to this share of its places a volume may hold slices that were acquired again; more than that is a second volume.
AGAIN_SHARE = 0.25

_WORDS = {
    "EchoNumbers": "echo",
    "EchoTime": "echo time",
    "InversionTime": "inversion time",
    "FlipAngle": "flip angle",
    "DiffusionBValue": "b-value",
    "DiffusionGradientOrientation": "direction",
    "SequenceName": "sequence",
    "ImageType": "image type",
    "StackID": "stack",
    "ConvolutionKernel": "kernel",
    "EnergyWindowNumber": "energy window",
    "TemporalPositionIdentifier": "time position",
    "TriggerTime": "trigger time",
    "AcquisitionNumber": "acquisition",
    "AcquisitionTime": "acquisition time",
    "ContentTime": "content time",
}
#: Tags whose values differ from slice to slice within one phase: their order at each place tells the phases apart.
_RANKED = ("TriggerTime", "AcquisitionDateTime", "AcquisitionTime", "ContentTime", "InstanceNumber")


@dataclass(frozen=True, slots=True)
class Phase:
    """Slices that belong to one volume, and in a few words what tells them from the others of their series."""

    slices: tuple[Slice, ...]
    label: str = ""


def tell_apart(slices: Sequence[Slice], left_out: LeftOut, warnings: list[str]) -> list[Phase]:
    """Return located slices of one line as phases that hold one slice a place.

    Slices acquired again are left out but for the last. What nothing tells apart stays together, with several slices
    at a place.
    """
    phases = [Phase(tuple(slices))]
    for keyword in KIND_TAGS:
        phases = [part for phase in phases for part in _split(phase, keyword)]
    parts: list[Phase] = []
    for phase in phases:
        parts += _by_time(phase, left_out, warnings)
    if len(parts) == 1:
        return _interleaved(parts[0])
    return parts


def _by_time(phase: Phase, left_out: LeftOut, warnings: list[str]) -> list[Phase]:
    if not _acquired_again(phase):
        parts = [phase]
        for keyword in TIME_TAGS:
            parts = [one for part in parts for one in _split(part, keyword)]
        parts = [one for part in parts for one in _ranked(part)]
    else:
        parts = [phase]
    return [_latest(part, left_out, warnings) if _acquired_again(part) else part for part in parts]


def grouped(slices: Iterable[Slice], value_of: Callable[[Slice], str]) -> dict[str, list[Slice]]:
    """Return slices by a value, in the order in which the values come."""
    groups: dict[str, list[Slice]] = {}
    for one in slices:
        groups.setdefault(value_of(one), []).append(one)
    return groups


def places_of(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Return slices of one line by place, rising."""
    ordered = sorted(slices, key=lambda one: one.height)
    lowest = ordered[0].height
    offsets = [one.height - lowest for one in ordered]
    within = same_place(offsets)
    places = [[ordered[0]]]
    for before, after, one in zip(offsets, offsets[1:], ordered[1:], strict=False):
        if after - before > within:
            places.append([])
        places[-1].append(one)
    return places


def _most(slices: Sequence[Slice]) -> int:
    """How many slices lie at one place at most."""
    return max(map(len, places_of(slices)))


def _acquired_again(phase: Phase) -> bool:
    places = places_of(phase.slices)
    return 0 < sum(len(place) > 1 for place in places) <= AGAIN_SHARE * len(places)


def _latest(phase: Phase, left_out: LeftOut, warnings: list[str]) -> Phase:
    """The phase with the last slice acquired at each place."""
    kept = []
    for place in places_of(phase.slices):
        last, known = later_of(place)
        kept.append(last)
        others = [one for one in place if one is not last]
        for one in others:
            left_out.append((one.path, f"the slice was acquired again, as {shown_name(last.path)}"))
        if others:
            names = ", ".join(shown_name(one.path) for one in others)
            why = "the last one is used" if known else "nothing in them tells which is the last"
            warnings.append(f"a slice was acquired more than once; {why}: {shown_name(last.path)} and not {names}")
    return replace(phase, slices=tuple(kept))


def _split(phase: Phase, keyword: str) -> list[Phase]:
    """The phase split by the values of an attribute, when that leaves fewer slices at one place."""
    groups = _by_value(phase.slices, keyword)
    most = _most(phase.slices) if len(groups) > 1 else 1
    if not 1 < len(groups) <= most or max(map(_most, groups.values())) >= most:
        return [phase]
    ordered = sorted(groups.items(), key=lambda item: (number_of(item[1][0].header, keyword) or 0.0, item[0]))
    labels = _labels(keyword, [value for value, _ in ordered])
    return [
        Phase(tuple(members), ", ".join(filter(None, (phase.label, label))))
        for label, (_, members) in zip(labels, ordered, strict=True)
    ]


def _ranked(phase: Phase) -> list[Phase]:
    """The phase split by the order in time, or of instance numbers, at each place."""
    places = places_of(phase.slices)
    count = len(places[0])
    if count == 1 or any(len(place) != count for place in places):
        return [phase]
    for keyword in _RANKED:
        ordered = [sorted(place, key=lambda one: _rank(one, keyword)) for place in places]
        values = [[_rank(one, keyword) for one in place] for place in ordered]
        if any(len(set(place)) < count or place[0] is None for place in values):
            continue
        if keyword == "InstanceNumber" and not (len(places) > 1 and _regular(values)):
            continue
        label = f"{phase.label}, " if phase.label else ""
        return [Phase(tuple(members), f"{label}number {n}") for n, members in enumerate(zip(*ordered, strict=True), 1)]
    return [phase]


def _rank(one: Slice, keyword: str) -> float:
    number = number_of(one.header, keyword)
    return float("-inf") if number is None else number


def _regular(values: Sequence[Sequence[float]]) -> bool:
    """Whether instance numbers run through one phase after the other, or through one place after the other."""
    by_phase = list(zip(*values, strict=True))
    return all(max(before) < min(after) for before, after in itertools.pairwise(by_phase)) or _blocks(
        sorted(map(tuple, values))
    )


def _blocks(blocks: Sequence[Sequence[float]]) -> bool:
    return all(max(before) < min(after) for before, after in itertools.pairwise(blocks))


def _interleaved(phase: Phase) -> list[Phase]:
    """One slice a place, but two even stacks pushed into each other: split by what tells them apart."""
    if len(phase.slices) < 4 or _most(phase.slices) > 1 or _is_even(phase.slices):
        return [phase]
    for keyword in (*KIND_TAGS, *TIME_TAGS):
        groups = _by_value(phase.slices, keyword)
        members = list(groups.values())
        if 1 < len(members) <= len(phase.slices) / 2 and all(len(one) > 1 and _is_even(one) for one in members):
            if _overlap(members):
                labels = _labels(keyword, list(groups))
                return [Phase(tuple(one), label) for one, label in zip(members, labels, strict=True)]
    return [phase]


def _by_value(slices: Sequence[Slice], keyword: str) -> dict[str, list[Slice]]:
    return grouped(slices, lambda one: text_of(one.header, keyword))


def _is_even(slices: Sequence[Slice]) -> bool:
    heights = sorted(one.height for one in slices)
    return find_grid([height - heights[0] for height in heights]) is not None


def _overlap(groups: Sequence[Sequence[Slice]]) -> bool:
    """Whether every stack lies within the extent of another one at least by half."""
    spans = sorted((min(one.height for one in group), max(one.height for one in group)) for group in groups)
    return all(before[1] - after[0] > (after[1] - after[0]) / 2 for before, after in itertools.pairwise(spans))


def _labels(keyword: str, values: Sequence[str]) -> list[str]:
    """A few words for each value; of values with several parts, the parts that differ."""
    word = _WORDS.get(keyword, keyword)
    parts = [value.split("\\") for value in values]
    common = set(parts[0]).intersection(*parts[1:])
    return [f"{word} {' '.join(_short(part) for part in one if part not in common) or 'none'}" for one in parts]


def _short(part: str) -> str:
    try:
        return f"{float(part):.10g}" if "." in part else part
    except ValueError:
        return part

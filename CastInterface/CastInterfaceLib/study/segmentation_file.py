"""DICOM SEG files decoded into label maps, without any engine: what a worker thread does before the scene is touched.

Source: DICOM PS3.3 A.51 (Segmentation IOD) and C.8.20. Frames are put into the shared arrays as they are read, so that
a hundred organs take the memory of one.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from CastInterfaceLib.study.label_maps import (
    MAX_SEGMENTS,
    LabelLayers,
    Segmentation,
    SegmentMask,
    color_number,
    count_labels,
    reading,
)
from CastInterfaceLib.study.segmentation_frames import FRACTIONAL, LABELMAP, Frames
from CastInterfaceLib.study.segmentation_places import FramePlaces, place_frames
from CastLib.dicom.headers import SEG_CLASSES
from CastLib.dicom.reading import read_whole
from CastLib.errors import CastError
from CastLib.patient import Patient

#: Layers that segments which overlap may need; each is as large as the volume.
MAX_LAYERS = 64


def read_segmentation(path: Path, spacings: Sequence[float] = ()) -> Segmentation:
    """Decode a BINARY, FRACTIONAL or LABELMAP SEG.

    Args:
        path: the file.
        spacings: mm between the slices of the series that it may be of, where they are known: a SEG leaves out empty
            frames, and what it says of its own spacing may be wrong.

    Raises:
        CastError: it is no SEG, is broken, or its frames do not make a volume.
    """
    with reading(path.name, "a DICOM SEG"):
        return _read(path, spacings)


def _read(path: Path, spacings: Sequence[float]) -> Segmentation:
    name = path.name
    data = read_whole(path)
    if data.get("SOPClassUID") not in SEG_CLASSES:
        raise CastError(f"{name} cannot be read as a DICOM SEG: it is another kind of object.")
    items = [item for item in data.get("SegmentSequence") or () if item.SegmentNumber]
    described = {int(item.SegmentNumber): item for item in items}
    if not described:
        raise CastError(f"{name} holds no segment.")
    if len(described) < len(items):
        raise CastError(f"{name} is not shown: it describes several segments under one number, so none has a name.")
    if len(described) > MAX_SEGMENTS:
        raise CastError(f"{name} is not shown: it has {len(described)} segments, more than {MAX_SEGMENTS}.")
    frames = Frames(data, name)
    places = place_frames(data, frames.count, frames.rows, frames.columns, name, spacings)
    shape = (places.slices, frames.rows, frames.columns)
    if frames.kind == LABELMAP:
        layers, values = _label_layer(frames, places, shape)
        frames_of = {0: list(range(frames.count))}
        values.pop(int(data.get("PixelPaddingValue") or 0), None)  # in no segment
    else:
        frames_of = _frames_of(data, frames.count, name)
        layers, values = _layers(frames, places, shape, frames_of, name)
    numbers = sorted({*described, *values})
    counts = [
        count_labels(layer, [value for at, value in values.values() if at == number])
        for number, layer in enumerate(layers)
    ]
    empty = (np.zeros(shape[0], np.int64), np.zeros(shape[1], np.int64), np.zeros(shape[2], np.int64))
    segments = []
    for number in numbers:
        at, value = values.get(number, (0, 0))
        segments.append(
            SegmentMask(
                number=number,
                label=str(_told(described, number, "SegmentLabel") or "") or f"Segment {number}",
                color=_color(described[number], number) if number in described else color_number(number - 1),
                terminology=_terminology(described[number]) if number in described else "",
                layer=layers[at],
                value=value,
                counts=counts[at][value] if value else empty,
            )
        )
    return Segmentation(
        sop_instance_uid=str(data.SOPInstanceUID),
        series_uid=str(data.SeriesInstanceUID),
        study_uid=str(data.StudyInstanceUID),
        frame_of_reference_uid=str(data.get("FrameOfReferenceUID", "")),
        source_series=_source_series(data),
        description=str(data.get("SeriesDescription", "")) or str(data.get("ContentDescription", "")),
        ijk_to_ras=places.ijk_to_ras,
        shape=shape,
        segments=tuple(segments),
        file_name=name,
        source_instances=_source_instances(data),
        patient=Patient.of(data),
        warnings=(
            *places.warnings,
            *_on_one_another(frames_of.values(), places),
            *_odd_segments(segments, described, values if frames.kind == FRACTIONAL else ()),
        ),
    )


def _on_one_another(frames_of: Iterable[list[int]], places: FramePlaces) -> list[str]:
    """Whether frames of one segment lie at one place: all are drawn there, and another slice may be without its own."""
    twice = sum(len(own) - len({places.of_frame[frame] for frame in own}) for own in frames_of)
    if not twice:
        return []
    return [f"{twice} of its frames {'lies' if twice == 1 else 'lie'} at the place of another one of the same segment"]


def _odd_segments(segments: Iterable[SegmentMask], described: Container[int], fractional: Container[int]) -> list[str]:
    """What is odd about segments, as parts of a sentence about "it"; ``fractional``: those with frames of fractions."""
    told = []
    for one in segments:
        if one.number not in described:
            told.append(f"it does not say what segment {one.number} is")
        if one.number in fractional and not one.voxels:
            told.append(f"{one.label} is shown empty, as all its fractions are below one half")
    return told


def _told(described: dict[int, Any], number: int, keyword: str) -> Any:
    return described[number].get(keyword) if number in described else None


def _frames_of(data: Any, count: int, name: str) -> dict[int, list[int]]:
    """The frames of each segment, by its number."""
    shared = (data.get("SharedFunctionalGroupsSequence") or [{}])[0]
    common = shared.get("SegmentIdentificationSequence")
    found: dict[int, list[int]] = {}
    for frame, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        items = group.get("SegmentIdentificationSequence") or common
        number = int(items[0].get("ReferencedSegmentNumber") or 0) if items else 0
        if number < 1:
            raise CastError(f"{name} is damaged: frame {frame + 1} does not tell its segment.")
        found.setdefault(number, []).append(frame)
    if len(found) > MAX_SEGMENTS:
        raise CastError(f"{name} is not shown: it has {len(found)} segments, more than {MAX_SEGMENTS}.")
    return found


def _label_layer(
    frames: Frames, places: FramePlaces, shape: tuple[int, int, int]
) -> tuple[list[np.ndarray], dict[int, tuple[int, int]]]:
    """The one layer of a label map, and the values in it, by segment number."""
    layer = None
    for plane, slices in zip(frames.planes(), places.of_frame, strict=True):
        if layer is None:
            layer = np.zeros(shape, np.uint8 if plane.dtype.itemsize == 1 else np.uint16)
        for k in slices:
            target = layer[k].reshape(-1)
            np.copyto(target, plane, where=plane != 0)
    assert layer is not None
    present = np.zeros(int(np.iinfo(layer.dtype).max) + 1, bool)
    for plane in layer:
        present[plane] = True
    return [layer], {int(value): (0, int(value)) for value in np.flatnonzero(present) if value}


def _layers(
    frames: Frames, places: FramePlaces, shape: tuple[int, int, int], frames_of: dict[int, list[int]], name: str
) -> tuple[list[np.ndarray], dict[int, tuple[int, int]]]:
    """The layers, and each segment's layer and value in it."""
    made = LabelLayers(name, "segments", shape, len(frames_of), MAX_LAYERS)

    def pieces(own: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        for frame in own:
            present = frames.present(frame)
            for k in places.of_frame[frame]:
                yield k, present

    values: dict[int, tuple[int, int]] = {}
    for value, (number, own) in enumerate(sorted(frames_of.items()), 1):
        made.put(value, partial(pieces, own))
        values[number] = (made.layer_of[value], value)
    return made.layers, values


def _color(description: Any, number: int) -> tuple[float, float, float]:
    lab = description.get("RecommendedDisplayCIELabValue")
    if not lab:
        return color_number(number - 1)
    from highdicom.color import CIELabColor  # half a second: only who gets a SEG pays it

    try:
        red, green, blue = CIELabColor.from_dicom_value([int(part) for part in lab]).to_rgb()
    except (TypeError, ValueError):
        return color_number(number - 1)
    return red / 255, green / 255, blue / 255


def _code(item: Any, keyword: str) -> str:
    sequence = item.get(keyword)
    if not sequence:
        return "^^"
    code = sequence[0]
    parts = (code.get("CodingSchemeDesignator", ""), code.get("CodeValue", ""), code.get("CodeMeaning", ""))
    return "^".join(str(part) for part in parts)


def _terminology(description: Any) -> str:
    """Slicer's seven fields: context, category, type, modifier, anatomic context, region, its modifier."""
    kind = _code(description, "SegmentedPropertyTypeCodeSequence")
    if kind == "^^":
        return ""
    kinds = description.get("SegmentedPropertyTypeCodeSequence")
    regions = description.get("AnatomicRegionSequence")
    return "~".join(
        (
            "Segmentation category and type - DICOM master list",
            _code(description, "SegmentedPropertyCategoryCodeSequence"),
            kind,
            _code(kinds[0], "SegmentedPropertyTypeModifierCodeSequence"),
            "Anatomic codes - DICOM master list",
            _code(description, "AnatomicRegionSequence"),
            _code(regions[0], "AnatomicRegionModifierSequence") if regions else "^^",
        )
    )


def _source_series(seg: Any) -> tuple[str, ...]:
    """SeriesInstanceUIDs under Referenced Series Sequence (PS3.3 C.12.2 Common Instance Reference)."""
    items = seg.get("ReferencedSeriesSequence") or []
    return tuple(str(item.SeriesInstanceUID) for item in items if item.get("SeriesInstanceUID"))


def _source_instances(seg: Any) -> frozenset[str]:
    """SOPInstanceUIDs of the images it was made from.

    They stand under Referenced Series Sequence; where that is missing, under Derivation Image Sequence of each frame
    (PS3.3 C.7.6.16.2.6), which takes long to look through.
    """
    found: set[str] = set()
    for series in seg.get("ReferencedSeriesSequence") or ():
        for image in series.get("ReferencedInstanceSequence") or ():
            found.add(str(image.get("ReferencedSOPInstanceUID") or ""))
    if not seg.get("ReferencedSeriesSequence"):
        shared = seg.get("SharedFunctionalGroupsSequence") or ()
        for group in (*shared, *(seg.get("PerFrameFunctionalGroupsSequence") or ())):
            for derivation in group.get("DerivationImageSequence") or ():
                for image in derivation.get("SourceImageSequence") or ():
                    found.add(str(image.get("ReferencedSOPInstanceUID") or ""))
    return frozenset(found - {""})

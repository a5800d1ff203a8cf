"""What a segmenter sought and did not find: a finding too, which stands in its result."""

from __future__ import annotations

from pathlib import Path

from CastLib.dicom.reading import read_header

#: What the description of a segment without a voxel says (PS3.3 C.8.20.4).
NOTHING_FOUND = "Nothing was found."


def empty_segments(path: Path) -> list[str]:
    """Return the labels of the segments of a DICOM file of which nothing was found."""
    items = read_header(path, ["SegmentSequence"]).get("SegmentSequence") or ()
    return [str(item.SegmentLabel) for item in items if item.get("SegmentDescription") == NOTHING_FOUND]

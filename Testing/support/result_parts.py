"""What the tests of results share: the head open in a display, files of labels over it, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import head_phantom
import highdicom
import nibabel
import numpy as np
import pydicom
from display_desk import Desk
from display_parts import color_at, decode
from pydicom.sr.codedict import codes

SPACING = (5.0, 2.0, 2.0)
VOXEL = 20.0  # cubic mm

HU = head_phantom.head()
MARKER = (HU == 2000).astype(np.uint8)  # slices, rows, columns
BOTH = MARKER + 2 * (HU == 5).astype(np.uint8)
MARKER_MM3 = float(MARKER.sum()) * VOXEL
VENTRICLE_MM3 = float((HU == 5).sum()) * VOXEL

#: Voxel (column, row, slice) of the head to LPS mm, and to RAS mm.
LPS = np.eye(4)
LPS[:3, :3] = np.diag(SPACING[::-1])
LPS[:3, 3] = head_phantom.origin()
RAS = np.diag([-1.0, -1.0, 1.0, 1.0]) @ LPS

#: Where the marker is seen in an axial view: mm to the right of the picture's middle and above it.
MARKER_SEEN = (50.0, 60.0)


@dataclass
class Outcome:
    """What came of a result: the names told, why something was not shown, what STATUS tells."""

    names: list[str]
    refused: str
    item: dict[str, Any]
    sentences: list[str]

    @property
    def volumes(self) -> list[float]:
        return [segment["volumeMm3"] for segment in self.item.get("segments", ())]

    @property
    def labels(self) -> list[str]:
        return [segment["label"] for segment in self.item.get("segments", ())]


class Head:
    """The head, open in a display."""

    def __init__(self, desk: Desk, folder: Path, **more: Any) -> None:
        self.desk = desk
        self.slices = head_phantom.series("results", HU, SPACING, **more)
        self.uid = head_phantom.save(folder / "head", self.slices)
        desk.open(self.uid)
        desk.until_shown(self.uid)
        assert desk.items("problem") == []

    def send(self, *files: Path, event: str = "", **more: Any) -> Outcome:
        """Send files as one result of the head's study, and wait for what comes of it."""
        self.desk.sent.came.clear()
        before = len(self.desk.items("problem"))
        kind = event or ("nrrd-send" if files[0].name.endswith("nrrd") else "nifti-send")
        kind = "dicom-send" if files[0].name.endswith(".dcm") else kind
        known = len(self.desk.segmentations())
        named = {} if kind == "dicom-send" else {"studyInstanceUID": self.uid}
        self.desk.send_files(kind, list(files), **named, **more)
        self.desk.until(lambda: self.desk.sent.came and self.desk.items("job")[0]["value"] == "idle")
        self.desk.session.refused.clear()
        items = self.desk.segmentations()
        sentences = [problem["message"] for problem in self.desk.items("problem")][before:]
        names = [name for names, _problem in self.desk.sent.came for name in names]
        refused = " ".join(problem for _names, problem in self.desk.sent.came if problem)
        return Outcome(names, refused, items[-1] if len(items) > known else {}, sentences)

    def is_green(self, place: tuple[float, float] = MARKER_SEEN) -> bool:
        """Whether a place in the axial view is coloured as the first segment is, and its mirror images are not."""
        view = next(one for one in self.desk.viewports() if one["orientation"] == "Axial")
        pixels = decode(view["picture"])
        x, y = place

        def colored(x: float, y: float) -> bool:
            red, green, _blue = color_at(pixels, (x, y), view["fieldOfView"][0])
            return bool(green > red + 8)

        return colored(x, y) and not any(colored(*mirror) for mirror in ((-x, y), (x, -y), (-x, -y)))


def nifti(
    path: Path,
    array: np.ndarray,
    affine: np.ndarray = RAS,
    *,
    sform: int = 1,
    qform: int = 1,
    qaffine: np.ndarray | None = None,
    version: int = 1,
    change: Any = lambda header: None,
) -> Path:
    """Write an array (slices, rows, columns) as NIfTI; ``affine`` is voxel to RAS mm."""
    kind = nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image
    image = kind(array.transpose(), affine, dtype=array.dtype)
    image.set_sform(affine if sform else None, sform)
    if qform:
        image.set_qform(affine if qaffine is None else qaffine, qform)
    else:
        image.set_qform(None, 0)
    change(image.header)
    plain = path.with_name("plain.nii") if path.name.endswith(".png") else path
    nibabel.save(image, plain)
    return path


def nrrd(
    path: Path,
    array: np.ndarray,
    *,
    space: str = "left-posterior-superior",
    affine: np.ndarray = LPS,
    encoding: str = "gzip",
    lines: tuple[str, ...] = (),
    data: bytes | None = None,
    **fields: str,
) -> Path:
    """Write an array (slices, rows, columns[, layers]) as NRRD, with any fields as they are told."""
    import bz2
    import gzip

    names = {"i": "int", "u": "uint", "f": {4: "float", 8: "double"}.get(array.dtype.itemsize, "")}
    kind = names[array.dtype.kind] + (str(8 * array.dtype.itemsize) if array.dtype.kind in "iu" else "")
    vectors = ["(" + ",".join(f"{x!r}" for x in affine[:3, axis].tolist()) + ")" for axis in range(3)]
    layered = array.ndim == 4
    told = {
        "type": kind,
        "dimension": str(array.ndim),
        "space": space,
        "sizes": " ".join(str(side) for side in array.shape[::-1]),
        "space directions": " ".join(["none", *vectors] if layered else vectors),
        "kinds": " ".join(["list"] * layered + ["domain"] * 3),
        "endian": "little",
        "encoding": encoding,
        "space origin": "(" + ",".join(f"{x!r}" for x in affine[:3, 3].tolist()) + ")",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }
    header = "NRRD0004\n" + "".join(f"{name}: {value}\n" for name, value in told.items() if value)
    raw = array.tobytes() if data is None else data
    packed = {"gzip": gzip.compress, "bzip2": bz2.compress}.get(encoding, bytes)(raw)
    path.write_bytes((header + "".join(f"{line}\n" for line in lines) + "\n").encode() + packed)
    return path


def seg(
    path: Path,
    mask: np.ndarray,
    slices: list[pydicom.Dataset],
    *,
    kind: str = "BINARY",
    labels: tuple[str, ...] = ("lesion",),
    change: Any = lambda data: None,
    **more: Any,
) -> Path:
    """Write a SEG of an array (slices, rows, columns[, segments]) over the slices it was made from."""
    described = [
        highdicom.seg.SegmentDescription(
            number,
            label,
            codes.SCT.MorphologicallyAbnormalStructure,
            codes.SCT.Lesion,
            highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in enumerate(labels, 1)
    ]
    made = highdicom.seg.Segmentation(
        slices,
        mask,
        getattr(highdicom.seg.SegmentationTypeValues, kind),
        described,
        head_phantom.uid(path.name, "series"),
        100,
        head_phantom.uid(path.name, "instance"),
        1,
        "Invented",
        "Invented",
        "1",
        "1",
        **more,
    )
    change(made)
    pydicom.dcmwrite(path, made, enforce_file_format=True)
    return path

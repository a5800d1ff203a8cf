"""Real data of every binary family: how it is made, and what shows that it has arrived as it was."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from hub_process import ROOT
from PIL import Image

VOXELS = np.arange(24 * 30 * 40, dtype=np.int16).reshape(24, 30, 40)
PIXELS = np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3)
DICOM = sorted((ROOT / "Resources" / "SampleStudy" / "DICOM").glob("*.dcm"))[:3]


def of_itk(suffix: str, folder: Path) -> bytes:
    image = SimpleITK.GetImageFromArray(VOXELS)
    image.SetSpacing((0.5, 0.6, 3.0))
    path = folder / f"volume{suffix}"
    SimpleITK.WriteImage(image, str(path))
    return path.read_bytes()


def check_itk(suffix: str, data: bytes, folder: Path) -> None:
    path = folder / f"received{suffix}"
    path.write_bytes(data)
    image = SimpleITK.ReadImage(str(path))
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), VOXELS)
    assert image.GetSpacing() == pytest.approx((0.5, 0.6, 3.0))


def of_pillow(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind)
    return out.getvalue()


def check_pillow(kind: str, data: bytes) -> None:
    image = Image.open(io.BytesIO(data))
    assert image.format == kind and image.size == (64, 48)
    assert kind == "JPEG" or np.array_equal(np.asarray(image), PIXELS)


def check_dicom(data: bytes) -> None:
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert dataset.Modality == "MR" and dataset.pixel_array.size > 0


#: A composition in openEHR's canonical JSON (BASE and RM 1.1.0, composition package).
COMPOSITION: dict[str, Any] = {
    "_type": "COMPOSITION",
    "name": {"_type": "DV_TEXT", "value": "Imaging examination report \u00e4"},
    "archetype_node_id": "openEHR-EHR-COMPOSITION.report.v1",
    "language": {"terminology_id": {"value": "ISO_639-1"}, "code_string": "en"},
    "territory": {"terminology_id": {"value": "ISO_3166-1"}, "code_string": "CH"},
    "category": {"value": "event", "defining_code": {"terminology_id": {"value": "openehr"}, "code_string": "433"}},
    "composer": {"_type": "PARTY_IDENTIFIED", "name": "Dr. Reader"},
    "content": [
        {
            "_type": "OBSERVATION",
            "name": {"_type": "DV_TEXT", "value": "Imaging examination result"},
            "archetype_node_id": "openEHR-EHR-OBSERVATION.imaging_exam_result.v0",
            "data": {
                "events": [
                    {
                        "_type": "POINT_EVENT",
                        "time": {"_type": "DV_DATE_TIME", "value": "2026-01-01T10:00:00Z"},
                        "data": {
                            "items": [
                                {
                                    "_type": "ELEMENT",
                                    "name": {"value": "Volume"},
                                    "value": {"_type": "DV_QUANTITY", "magnitude": 12.345678901234567, "units": "cm3"},
                                }
                            ]
                        },
                    }
                ]
            },
        }
    ],
}


def of_openigtlink() -> bytes:
    """A stream of two packed messages: a transform and an image."""
    pyigtl = pytest.importorskip("pyigtl")
    matrix = np.eye(4)
    matrix[:3, 3] = 1, 2, 3
    transform = pyigtl.TransformMessage(matrix, device_name="NeedleToTracker", timestamp=12.5)
    image = pyigtl.ImageMessage(VOXELS, device_name="Ultrasound")
    packed: bytes = transform.pack() + image.pack()
    return packed


def check_openigtlink(data: bytes) -> None:
    from pyigtl.messages import MessageBase

    messages = []
    while data:
        header = MessageBase.parse_header(data[: MessageBase.IGTL_HEADER_SIZE])
        body = data[MessageBase.IGTL_HEADER_SIZE :][: header["body_size"]]
        message = MessageBase.create_message(header["message_type"])
        message.unpack(header, body)
        messages.append(message)
        data = data[MessageBase.IGTL_HEADER_SIZE + header["body_size"] :]
    transform, image = messages
    assert transform.is_valid and transform.device_name == "NeedleToTracker"
    assert transform.matrix[:3, 3].tolist() == [1, 2, 3]
    assert image.is_valid and np.array_equal(image.image.squeeze(), VOXELS)


def of_mrb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("Scene/Scene.mrml", "<MRML></MRML>")
        bundle.writestr("Scene/Data/noise.bin", secrets.token_bytes(5_000_000))
    return out.getvalue()


def check_mrb(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        assert bundle.testzip() is None and bundle.read("Scene/Scene.mrml") == b"<MRML></MRML>"


STL = b"cube".ljust(80) + (1).to_bytes(4, "little") + bytes(50)

#: Event, file name, media type, what makes the data, and what shows that it is the same.
Maker, Checker = Callable[[Path], bytes], Callable[[bytes, Path], None]
FAMILIES: dict[str, tuple[str, str, str, Maker, Checker]] = {
    "DICOM": (
        "dicom-send", "slice.dcm", "application/dicom",
        lambda folder: DICOM[0].read_bytes(), lambda data, folder: check_dicom(data),
    ),
    "NIfTI": (
        "nifti-send", "volume.nii.gz", "application/vnd.unknown.nifti-1",
        lambda folder: of_itk(".nii.gz", folder), lambda data, folder: check_itk(".nii.gz", data, folder),
    ),
    "NRRD": (
        "nrrd-send", "volume.nrrd", "application/octet-stream",
        lambda folder: of_itk(".nrrd", folder), lambda data, folder: check_itk(".nrrd", data, folder),
    ),
    "PNG": (
        "png-send", "view.png", "image/png",
        lambda folder: of_pillow("PNG"), lambda data, folder: check_pillow("PNG", data),
    ),
    "JPEG": (
        "jpg-send", "view.jpeg", "image/jpeg",
        lambda folder: of_pillow("JPEG"), lambda data, folder: check_pillow("JPEG", data),
    ),
    "openEHR": (
        "openehr-send", "report.json", "application/json",
        lambda folder: json.dumps(COMPOSITION, ensure_ascii=False).encode(),
        lambda data, folder: _same(json.loads(data), COMPOSITION),
    ),
    "OpenIGTLink": (
        "openigtlink-send", "stream.igtl", "application/octet-stream",
        lambda folder: of_openigtlink(), lambda data, folder: check_openigtlink(data),
    ),
    "MRB": (
        "mrb-send", "scene.mrb", "application/octet-stream",
        lambda folder: of_mrb(), lambda data, folder: check_mrb(data),
    ),
    "scene": (
        "scene-update", "sha256-0f.bin", "application/octet-stream",
        lambda folder: secrets.token_bytes(70_000), lambda data, folder: None,
    ),
    "STL": ("stl-send", "cube.stl", "model/stl", lambda folder: STL, lambda data, folder: _same(data, STL)),
}  # fmt: skip


def _same(one: Any, other: Any) -> None:
    assert one == other

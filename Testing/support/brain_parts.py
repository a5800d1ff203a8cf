"""The sample brain on a coarse grid, changed by numpy and written as an MR series; and one who asks ``BrainTissue.py``.

The script is run as a job runs it, with the real context; only the pipe to the provider is a list here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import head_phantom
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from CastLib.dicom.series import read_series
from CastLib.errors import CastError
from CastLib.message import make_message
from CastServiceProviderLib.job_pipe import JobPipe
from CastServiceProviderLib.script import load_on_message
from CastServiceProviderLib.script_context import ScriptContext

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "CastServiceProvider" / "Resources" / "Scripts" / "BrainTissue.py"
SAMPLE = ROOT / "Resources" / "SampleStudy" / "DICOM"
STEP = 2.0  # millimetres of the coarse grid


@functools.cache
def coarse_sample() -> np.ndarray:
    """The sample in steps of 2 mm: (slices from below, rows from the front, columns from the right), zero outside."""
    files = [str(file) for file in read_series([SAMPLE])[0].files]
    image = sitk.ReadImage(files, sitk.sitkFloat32)
    size = [int(count // STEP) for count in image.GetSize()]
    coarse = sitk.Resample(
        image, size, sitk.Transform(), sitk.sitkLinear, image.GetOrigin(), [STEP] * 3, image.GetDirection()
    )
    voxels = sitk.GetArrayFromImage(coarse)
    voxels.setflags(write=False)
    return voxels


def ball(shape: tuple[int, ...], middle: tuple[int, int, int], millilitres: float) -> np.ndarray:
    """Where a ball lies about a voxel of the coarse grid."""
    places = np.indices(shape) - np.reshape(middle, (3, 1, 1, 1))
    radius = (millilitres * 1000 * 3 / 4 / np.pi) ** (1 / 3)
    return np.asarray((places**2).sum(0) * STEP**2 < radius**2)


def save(
    folder: Path,
    voxels: np.ndarray,
    name: str = "brain",
    *,
    axes: tuple[tuple[float, ...], tuple[float, ...]] = ((1, 0, 0), (0, 1, 0)),
    spacing: tuple[float, float, float] = (STEP, STEP, STEP),
    leave_out: tuple[int, ...] = (),
    **header: Any,
) -> list[Path]:
    """Write voxels (slices, rows, columns) as one MR series with ``axes`` of rows and columns; return its files.

    ``spacing`` is that of slices, rows and columns. ``header`` are attributes that differ; None takes one away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    normal = np.cross(*axes)
    stored = np.clip(np.rint(voxels), 0, 65535).astype(np.uint16)
    paths = []
    for number, plane in enumerate(stored):
        if number in leave_out:
            continue
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = head_phantom.MR
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = head_phantom.uid(name, number)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = head_phantom.uid("brain study"), head_phantom.uid(name)
        ds.FrameOfReferenceUID = head_phantom.uid("brain frame")
        ds.PatientID, ds.PatientName, ds.PatientBirthDate = "P1", "Doe^Jane", "19700101"
        ds.Modality, ds.SeriesDescription, ds.SeriesNumber = "MR", "T1 mprage", "1"
        ds.ImagePositionPatient = [round(float(part), 4) for part in normal * number * spacing[0]]
        ds.ImageOrientationPatient = [float(part) for axis in axes for part in axis]
        ds.PixelSpacing, ds.SliceThickness = [spacing[1], spacing[2]], spacing[0]
        ds.Rows, ds.Columns = plane.shape
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.PixelData = plane.tobytes()
        for keyword, value in header.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
        paths.append(folder / f"{name}-{number:03d}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths


@dataclass
class Answer:
    """What came of asking: ``told`` the lines of progress, ``error`` the refusal, ``result`` the segmentation."""

    told: list[str] = field(default_factory=list)
    error: str = ""
    result: pydicom.Dataset | None = None

    @property
    def volumes(self) -> tuple[float, ...]:
        """Fluid, grey and white matter in millilitres, as told."""
        assert self.result is not None, self.error
        parts = self.told[-1].partition(";")[0].split(", ")
        return tuple(float(part.split()[-2]) for part in parts)


@dataclass
class _Pipe:
    files: list[Path]
    answer: Answer

    def call(self, name: str, **values: Any) -> Any:
        if name == "files":
            return [str(self.files[index]) for index in values["entries"]]
        (path,) = values["paths"]
        self.answer.result = pydicom.dcmread(path)
        return "id"

    def send(self, name: str, **values: Any) -> None:
        self.answer.told.append(values["message"])


def ask(paths: list[Path], folder: Path, metadata: list[dict[str, Any]] | None = None, **context: Any) -> Answer:
    """Run the script on files, with ``context`` beside them and ``metadata`` in their manifest."""
    answer = Answer()
    files = [
        {"fileName": path.name, "payloadIds": [str(index)], **({"dicomMetadata": metadata[index]} if metadata else {})}
        for index, path in enumerate(paths)
    ]
    message = make_message("dicom-send", "topic", {**context, "files": files})
    job = dict.fromkeys(("hub_name", "product_version", "description", "script"), "1")
    job = {**job, "product_name": "BrainTissue", "message": message}
    folder.mkdir(exist_ok=True)
    try:
        load_on_message(SCRIPT)(message, ScriptContext(job, folder, cast(JobPipe, _Pipe(paths, answer))))
    except (CastError, ValueError) as error:
        answer.error = str(error)
    assert bool(answer.error) != (answer.result is not None), "either a result or a refusal"
    return answer

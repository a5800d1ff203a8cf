"""Time and memory of a SEG of 104 organs, as a segmenter of whole bodies sends it.

Usage: hundred_segments.py [FILE] [--slices 150] [--size 512] [--segments 104]

Without a file one is made, with an organ in each of as many boxes. Prints seconds for reading and for what is made for
the scene, and the most memory that the process had, each beside what the engine takes by itself.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--slices", type=int, default=150)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--segments", type=int, default=104)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = chosen.file or write(Path(folder), chosen.slices, chosen.size, chosen.segments)
        measure(file)


def write(folder: Path, slices: int, size: int, segments: int) -> Path:
    """Made by a process of its own, whose memory does not count."""
    import multiprocessing

    file = folder / "seg.dcm"
    maker = multiprocessing.get_context("spawn").Process(target=make, args=(file, slices, size, segments))
    maker.start()
    maker.join()
    return file


def make(file: Path, slices: int, size: int, segments: int) -> None:
    import highdicom
    import numpy as np
    import pydicom
    from pydicom.sr.codedict import codes

    series = []
    for number in range(slices):
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.1.{number + 1}"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = "1.2.3.2", "1.2.3.3", "1.2.3.4"
        one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "Invented^", "1", "", ""
        one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "20260101", "120000", "1", "1"
        one.ReferringPhysicianName, one.Modality, one.InstanceNumber = "", "CT", number + 1
        one.PixelSpacing, one.SliceThickness = [0.8, 0.8], 3.0
        one.ImagePositionPatient, one.ImageOrientationPatient = [0, 0, 3.0 * number], [1, 0, 0, 0, 1, 0]
        one.Rows = one.Columns = size
        series.append(one)
    labels = np.zeros((slices, size, size), np.uint16)
    side = size // 12
    for number in range(1, segments + 1):
        k, j, i = (number * 7) % max(1, slices - 24), (number % 11) * side, (number // 11) * side
        labels[k : k + 20, j : j + side - 6, i : i + side - 6] = number
    described = [
        highdicom.seg.SegmentDescription(
            number,
            f"organ {number}",
            codes.SCT.AnatomicalStructure,
            codes.SCT.Organ,
            highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, segments + 1)
    ]
    kind = highdicom.seg.SegmentationTypeValues.BINARY
    who = ("Invented", "Invented", "1", "1")
    highdicom.seg.Segmentation(series, labels, kind, described, "1.2.3.5", 100, "1.2.3.6", 1, *who).save_as(file)


def measure(file: Path) -> None:
    from CastInterfaceLib.display_command import load_engine

    host = load_engine()("four-up", (512, 512))
    from CastInterfaceLib.study.prepared_segmentation import prepare_segments
    from CastInterfaceLib.study.segmentation_file import read_segmentation

    print(f"engine loaded                     {peak():7.0f} MB")
    began = time.perf_counter()
    segmentation = read_segmentation(file)
    layers = f"{len(segmentation.segments)} segments in {len(segmentation.layers)} layers"
    print(f"read: {layers:<28s}{peak():7.0f} MB {time.perf_counter() - began:7.2f} s")
    began = time.perf_counter()
    prepare_segments(segmentation)
    print(f"surfaces and images               {peak():7.0f} MB {time.perf_counter() - began:7.2f} s")
    host.close()


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

"""What a manifest tells of a DICOM file before it is fetched, and what it never tells."""

from __future__ import annotations

import sys

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from CastLib.client.upload import manifest_context
from CastLib.dicom.metadata import dicom_metadata
from CastLib.errors import TransferError
from CastLib.manifest import parse_manifest
from CastSample import folder

SAMPLE = sorted(folder().glob("*.dcm"))
STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"


def test_a_manifest_tells_which_instance_each_file_is():
    paths = SAMPLE[:3]
    entries = parse_manifest(manifest_context(paths, None)[0])
    for path, entry in zip(paths, entries, strict=True):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        told = {tag: entry.dicom_metadata[tag]["Value"] for tag in (STUDY, SERIES, INSTANCE)}
        assert told == {
            STUDY: [header.StudyInstanceUID],
            SERIES: [header.SeriesInstanceUID],
            INSTANCE: [header.SOPInstanceUID],
        }


def test_nothing_of_the_patient_is_told(tmp_path):
    header = pydicom.dcmread(SAMPLE[0])
    header.PatientName, header.PatientID, header.AccessionNumber = "PLANTED^NAME", "PLANTED-ID", "PLANTED-ACC"
    header.SeriesDescription = header.StudyDescription = "PLANTED words"
    header.save_as(tmp_path / "a.dcm")
    assert "PLANTED" not in str(manifest_context([tmp_path / "a.dcm"], None))


def test_other_files_and_damaged_ones_have_no_metadata(tmp_path):
    for name, data in [("a.nii", b"x"), ("no.dcm", b"no DICOM"), ("cut.dcm", SAMPLE[0].read_bytes()[:140])]:
        (tmp_path / name).write_bytes(data)
        assert "dicomMetadata" not in manifest_context([tmp_path / name], None)[0]["files"][0]


@given(damage=st.binary(min_size=1, max_size=12), place=st.integers(132, 1500))
def test_damage_is_no_error(damage, place, tmp_path_factory):
    whole = SAMPLE[0].read_bytes()
    path = tmp_path_factory.getbasetemp() / "damaged.dcm"
    path.write_bytes(whole[:place] + damage + whole[place + len(damage) :])
    parse_manifest(manifest_context([path], None)[0])
    dicom_metadata(path)


def test_without_pydicom_a_client_sends_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "CastLib.dicom.metadata", None)
    entry = manifest_context(SAMPLE[:1], None)[0]["files"][0]
    assert "dicomMetadata" not in entry and entry["byteLength"] > 0


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(TransferError, match=r"none\.dcm cannot be read"):
        manifest_context([tmp_path / "none.dcm"], None)

"""A result says whose it is in every alphabet of DICOM (segmentation_result; PS3.3 C.12.1.1.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import head_phantom
import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from CastLib.patient import Patient
from CastServiceProviderLib.segmentation_result import TISSUE, Code, SegmentDescription, write_segmentation

NAMES = {
    "latin": ("ISO_IR 100", "Müller^Renée", "Hôpital Nord"),
    "central europe": ("ISO_IR 101", "Wałęsa^Łukasz", "Szpital Łódź"),
    "turkish": ("ISO_IR 148", "Çelik^Işıl", "Göğüs"),
    "cyrillic": ("ISO_IR 144", "Люкceмбypг^Иван", "Больница"),
    "arabic": ("ISO_IR 127", "قباني^لنزار", "مستشفى"),
    "greek": ("ISO_IR 126", "Διονυσιος^Σολωμός", "Νοσοκομείο"),
    "hebrew": ("ISO_IR 138", "שרון^דבורה", "בית חולים"),
    "thai": ("ISO_IR 166", "นามสกุล^ชื่อต้น", "โรงพยาบาล"),
    "japanese": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", "東京病院"),
    "japanese kana": (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", "東京"),
    "japanese, more kanji": (["", "ISO 2022 IR 87", "ISO 2022 IR 159"], "Morita^A=森田^丂", "森"),
    "korean": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", "서울병원"),
    "chinese, all of it": ("GB18030", "Wang^XiaoDong=王^小东", "北京医院"),
    "chinese, as Windows has it": ("GBK", "Wang^XiaoDong=王^小东", "北京"),
    "every alphabet": ("ISO_IR 192", "Wang^Xiao=王^小東=안^녕", "Größe 東京"),
    "two alphabets": (["ISO 2022 IR 100", "ISO 2022 IR 144"], "Иванов^Иван", "Иваново"),
    "plain": (None, "Doe^Jane", "City"),
}


def write_source(folder: Path, **values: Any) -> list[Path]:
    voxels = head_phantom.head(3)
    paths = []
    for number, plane in enumerate(voxels):
        ds = head_phantom.dataset("letters", number + 1, plane, head_phantom.origin(3) + np.array([0, 0, 5.0 * number]))
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        paths.append(folder / f"{number}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths


def write_result(folder: Path, sources: list[Path], label: str = "Brain", **more: str) -> Path:
    labels = np.zeros((3, 128, 128), np.uint8)
    labels[1, 50:60, 50:60] = 1
    segments = [SegmentDescription(1, label, TISSUE, Code("12738006", "SCT", "Brain"), (1, 2, 3), "test")]
    told = {"description": "Test", "product": "TEST", "version": "1", **more}
    return write_segmentation(folder / "seg.dcm", sources, labels, segments, **told)


@pytest.mark.parametrize("alphabet", NAMES)
def test_whose_it_is_reads_back_equal(tmp_path: Path, alphabet: str) -> None:
    characters, name, other = NAMES[alphabet]
    doctor = Dataset()
    doctor.PersonIdentificationCodeSequence = Sequence()
    doctor.InstitutionName = other
    values = {
        "PatientName": name,
        "PatientID": "A-1",
        "IssuerOfPatientID": other,
        "PatientBirthDate": "19700101",
        "ReferringPhysicianName": name,
        "StudyDescription": other,
        "PhysiciansOfRecord": [name, name],
        "ReferringPhysicianIdentificationSequence": Sequence([doctor]),
    }
    if characters is not None:
        values = {"SpecificCharacterSet": characters, **values}
    sources = write_source(tmp_path, **values)
    source = pydicom.dcmread(sources[0])
    assert str(source.PatientName) == name, "the source itself is as it should be"

    seg = pydicom.dcmread(write_result(tmp_path, sources))

    assert seg.SpecificCharacterSet == "ISO_IR 192"
    assert Patient.of(seg) == Patient.of(source) == Patient("A-1", other, name, "19700101")
    for keyword in ("ReferringPhysicianName", "StudyDescription", "StudyID", "AccessionNumber", "PatientSex"):
        assert str(seg.get(keyword, "")) == str(source.get(keyword, "")), keyword
    assert [str(one) for one in seg.PhysiciansOfRecord] == [name, name]
    (item,) = seg.ReferringPhysicianIdentificationSequence
    assert item.InstitutionName == other


def test_a_file_that_does_not_say_its_letters_keeps_its_bytes_readable(tmp_path: Path) -> None:
    """What pydicom makes of them is what anybody sees of such a file; the result says the same."""
    (source, *_) = sources = write_source(tmp_path, PatientName="Muller^X")
    for path in sources:
        path.write_bytes(path.read_bytes().replace(b"Muller^X", "Müller^".encode()))
    seg = pydicom.dcmread(write_result(tmp_path, sources))
    assert str(seg.PatientName) == str(pydicom.dcmread(source).PatientName) != ""


def test_chinese_with_escapes_is_what_the_reader_makes_of_it(tmp_path: Path) -> None:
    """PS3.5 K.2: pydicom leaves the escapes of GB 2312 in the name. The result's name must be no other one."""
    sources = write_source(tmp_path, PatientName="Zhang^XiaoDong", SpecificCharacterSet=["", "ISO 2022 IR 58"])
    written = b"Zhang=\x1b$)A\xd5\xc5"
    for path in sources:
        path.write_bytes(path.read_bytes().replace(b"Zhang^XiaoDong", written + b" " * (14 - len(written))))
    source = pydicom.dcmread(sources[0])
    assert "张" in str(source.PatientName)
    assert Patient.of(pydicom.dcmread(write_result(tmp_path, sources))) == Patient.of(source)


@pytest.mark.parametrize("characters", ["ISO_IR 999", ["", "ISO 2022 IR 999"], "UTF-8", "ISO-IR 100"])
def test_letters_that_nobody_knows_cost_no_result(tmp_path: Path, characters: Any) -> None:
    sources = write_source(tmp_path, PatientName="Doe^Jane", SpecificCharacterSet="ISO_IR 100")
    for path in sources:
        ds = pydicom.dcmread(path)
        ds.SpecificCharacterSet = characters
        ds.save_as(path)
    assert str(pydicom.dcmread(write_result(tmp_path, sources)).PatientName) == "Doe^Jane"


def test_names_of_segments_and_products_are_in_any_letters_too(tmp_path: Path) -> None:
    sources = write_source(tmp_path, PatientName="Müller^A", SpecificCharacterSet="ISO_IR 100")
    path = write_result(
        tmp_path, sources, "頭部 Печень", description="肝臓\\脾臓\n" + "x" * 80, product="製品", version=""
    )
    seg = hd.seg.segread(path)
    assert seg.SegmentSequence[0].SegmentLabel == "頭部 Печень"
    assert seg.SeriesDescription == ("肝臓/脾臓 " + "x" * 80)[:64]
    assert seg.ManufacturerModelName == "製品"

"""How others name a study and its patient: each way that was seen, and what must not be guessed (study_context)."""

from __future__ import annotations

from typing import Any

import pytest

from CastLib.errors import FieldError
from CastLib.message import make_message, parse_publish
from CastLib.patient import Patient
from CastLib.study_context import StudyReference, make_study_context, parse_study

UID = "1.2.840.113619.2.55.7"
OTHER = "1.2.840.113619.2.55.8"
ACSN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}


def parse(context: Any) -> StudyReference:
    return parse_study(parse_publish(make_message("ImagingStudy-open", "ann", context)))


def study(**resource: Any) -> list[dict[str, Any]]:
    return [{"key": "study", "resource": {"resourceType": "ImagingStudy", "id": "8i7t", **resource}}]


@pytest.mark.parametrize(
    "context",
    [
        study(uid="URN:OID:" + UID),
        study(uid=f"urn:oid:{UID}\0"),
        study(uid=f"\t\u00a0{UID}\r\n"),
        study(uid=f"urn:oid: {UID}"),
        study(uid={"system": "urn:dicom:uid", "value": UID}),
        study(UID=UID),
        study(studyInstanceUID=UID),
        study(identifier=[{"use": "official", "system": "urn:dicom:uid", "value": "urn:oid:" + UID}]),
        study(identifier=[{"system": "Urn:Dicom:Uid ", "value": f" {UID}\0"}]),
        study(identifier=[{"system": "urn:ietf:rfc:3986", "value": "urn:oid:" + UID}]),
        study(identifier=[{"value": "urn:oid:" + UID}]),
        study(identifier=[{"value": UID}]),
        study(Identifier=[{"System": "urn:dicom:uid", "Value": UID}]),
        study(identifier={"system": "urn:dicom:uid", "value": UID}),
        study(
            identifier=[None, 7, {"system": "urn:dicom:uid", "value": ""}, {"system": "urn:dicom:uid", "value": UID}]
        ),
        study(identifier=[], uid=UID),
        study(identifier="", uid=UID),
        study(id=UID),
        [{"key": " Study\0", "resource": {"uid": UID}}],
        [{"key": "imagingStudy", "resource": {"uid": UID}}],
        [{"Key": "STUDY", "Resource": {"uid": UID}}],
        {"Study": {"uid": UID}},
        {"imagingStudy": {"resource": {"uid": UID}}},
        [*study(uid=UID), {"key": "imagingStudy", "resource": {"id": "8i7t", "uid": "urn:oid:" + UID}}],
        [*study(uid=UID, accession="A1"), {"key": "imagingStudy", "resource": {"uid": UID}}],
        [*study(uid=UID), {"key": "imagingStudy", "resource": {"id": "other", "uid": UID}}],
    ],
)
def test_the_uid(context: Any) -> None:
    assert parse(context).study_uid == UID


@pytest.mark.parametrize(
    "resource",
    [
        {"identifier": [{"system": "7678", "value": "ACC-7"}]},
        {"identifier": [{"value": "ACC-7"}]},
        {"identifier": {"value": " ACC-7\0"}},
        {"identifier": [{"system": "http://hospital.example/accession", "value": "ACC-7"}]},
        {"identifier": [{"type": ACSN, "value": "ACC-7"}]},
        {"identifier": [{"type": {"coding": {"code": "acsn"}}, "value": "ACC-7"}]},
        {"identifier": [{"type": {"text": "Accession Number"}, "value": "ACC-7"}]},
        {"identifier": [{"type": {"coding": [{"display": "Accession ID"}]}, "value": "ACC-7"}]},
        {"identifier": [{"type": {"coding": [{"code": "FILL"}]}, "value": "F-1"}, {"value": "ACC-7"}]},
        {"identifier": [{"value": "X-1"}, {"type": ACSN, "value": "ACC-7"}]},
        {"identifier": [{"value": "ACC-7", "system": "a"}, {"value": "ACC-7", "system": "b"}]},
        {"identifier": [{"value": "ACC-7"}, {"system": "urn:cast:open-mode", "value": "local-dicom"}]},
        {"identifier": [{"value": "ACC-7"}, {"system": "urn:ietf:rfc:3986", "value": "https://host/x"}]},
        {"identifier": [{"value": "OLD-1", "use": "old", "type": ACSN}, {"value": "ACC-7", "type": ACSN}]},
        {"accession": {"system": "urn:oid:1.2.4", "value": "ACC-7"}},
        {"accession": [{"value": "ACC-7"}]},
        {"accession": "ACC-7"},
        {"accessionNumber": "ACC-7"},
        {"basedOn": [{"type": "ServiceRequest", "identifier": {"type": ACSN, "value": "ACC-7"}}]},
        {"basedOn": {"identifier": [{"type": {"text": "accession number"}, "value": "ACC-7"}]}},
        {"uid": "", "identifier": [{"type": ACSN, "value": "ACC-7"}]},
    ],
)
def test_the_accession_number(resource: dict[str, Any]) -> None:
    assert parse(study(**resource)).accession == "ACC-7"


def test_a_number_that_was_written_as_one() -> None:
    assert parse(study(identifier=[{"type": ACSN, "value": 20240017}])).accession == "20240017"
    assert parse(study(accession=20240017)).accession == "20240017"
    assert parse(study(identifier=[{"value": 1.5}, {"value": True}])).accession == ""


@pytest.mark.parametrize(
    "resource",
    [
        {"identifier": [{"type": {"coding": [{"code": "PLAC"}]}, "value": "ORDER-1"}]},
        {"identifier": [{"system": "urn:cast:worklist-sample-id", "value": "s1"}]},
        {"identifier": [{"system": "idc", "value": "crdc"}, {"system": "idc-source-bucket", "value": "aws"}]},
        {"identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:0b0e"}]},
        {"identifier": [{"value": "A"}, {"value": "B"}]},
        {"identifier": [{"value": ""}, {"value": "\0 "}, {"value": None}, {}]},
        {"uid": UID, "identifier": [{"system": "http://pacs.example/key", "value": "4711"}]},
        {"basedOn": [{"reference": "ServiceRequest/7"}]},
        {"basedOn": [{"identifier": {"value": "ORDER-1"}}]},
    ],
)
def test_what_is_no_accession_number_is_not_taken_for_one(resource: dict[str, Any]) -> None:
    assert parse(study(**resource)).accession == ""


def test_identifiers_of_the_field_are_no_uids_of_the_study() -> None:
    known = [{"system": "idc", "value": OTHER}, {"system": "urn:cast:worklist-sample-id", "value": OTHER}]
    assert parse(study(uid=UID, identifier=known)).study_uid == UID
    assert parse(study(identifier=known)).study_uid == ""
    assert parse(study(uid=UID, identifier=[{"system": "http://pacs/series", "value": OTHER}])).study_uid == UID


def test_names_of_folders_are_no_series() -> None:
    series = [{"key": "series", "resource": {"uid": name}} for name in ("crdc", UID, "", "0b0e-7")]
    assert parse([*study(uid=UID), *series]).series_uids == (UID,)


def refusal(context: Any) -> str:
    with pytest.raises(FieldError) as refused:
        parse(context)
    return str(refused.value)


def test_of_two_studies_none_is_picked() -> None:
    for second in (study(uid=OTHER), [{"key": "imagingstudy", "resource": {"uid": OTHER}}], study(accession="A")):
        assert "names two studies" in refusal([*study(uid=UID), *second])
    assert refusal(study(uid=UID) + study(uid=OTHER)).endswith(
        f"names two studies ({UID} and {OTHER}): name the one that is meant"
    )
    assert "two studies" in refusal({"study": {"uid": UID}, "ImagingStudy": {"uid": OTHER}})
    assert "two studies" in refusal(study(uid=UID, accession="A1") + study(uid=UID, accession="A2"))
    assert "two UIDs" in refusal(study(uid=UID, identifier=[{"system": "urn:dicom:uid", "value": OTHER}]))
    twice = [{"system": "urn:dicom:uid", "value": UID}, {"system": "urn:dicom:uid", "value": f"urn:oid:{OTHER}"}]
    assert "two UIDs" in refusal(study(identifier=twice))


def patient(**resource: Any) -> list[dict[str, Any]]:
    return [{"key": "patient", "resource": {"resourceType": "Patient", "id": "p1", **resource}}]


MR = {"coding": [{"code": "MR"}]}


@pytest.mark.parametrize(
    ("resource", "wanted"),
    [
        ({"identifier": [{"type": MR, "value": "P7"}]}, Patient("P7")),
        ({"identifier": [{"type": {"text": "MRN"}, "system": "urn:oid:1.2.3", "value": "P7"}]}, Patient("P7")),
        ({"identifier": {"type": {"text": "Medical Record Number"}, "value": " P7\0"}}, Patient("P7")),
        ({"identifier": [{"system": "urn:oid:1.2.3", "value": "P7"}]}, Patient("P7")),
        ({"identifier": [{"system": "urn:oid:1.2.3", "value": "X"}, {"type": MR, "value": 4711}]}, Patient("4711")),
        (
            {"identifier": [{"system": "hospital", "value": "P7"}], "birthDate": "1970-01-31"},
            Patient("P7", "", "", "19700131"),
        ),
        ({"birthDate": "1970-01"}, Patient()),
        ({"birthDate": "19700131"}, Patient(birth_date="19700131")),
        ({"name": [{"family": "Doe", "given": ["Jane"]}]}, Patient(name="Doe^Jane")),
        ({"name": {"family": ["Doe"], "given": "Jane"}}, Patient(name="Doe^Jane")),
        ({"name": [{"family": "Doe", "given": ["Jane", "Anne"]}]}, Patient()),
        ({"name": [{"family": "Müller", "given": ["Jane"]}]}, Patient()),
        ({"name": [{"family": "Doe", "given": ["J."]}]}, Patient()),
        ({"name": [{"family": "Doe", "given": ["Jane"]}, {"family": "Roe", "given": ["Jane"]}]}, Patient()),
        ({"name": [{"text": "Jane Doe"}]}, Patient()),
        ({"identifier": [{"type": MR, "value": "P7"}], "name": [{"family": "Doe", "given": ["J"]}]}, Patient("P7")),
        ({"identifier": [{"value": "P7"}]}, Patient()),
        ({"identifier": [{"system": "http://host/fhir/Patient", "value": "P7"}]}, Patient()),
        ({"identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}]}, Patient()),
        ({"identifier": [{"type": {"coding": [{"code": "SS"}]}, "system": "ssn", "value": "1"}]}, Patient()),
        ({"identifier": [{"system": "a", "value": "1"}, {"system": "b", "value": "2"}]}, Patient()),
        ({"identifier": [{"type": MR, "value": "P7"}, {"type": MR, "value": "P6", "use": "old"}]}, Patient("P7")),
        ({}, Patient()),
    ],
)
def test_the_patient_by_what_can_be_compared(resource: dict[str, Any], wanted: Patient) -> None:
    assert parse([*patient(**resource), *study(uid=UID)]).patient == wanted


def test_no_patient_is_made_of_references_and_ids() -> None:
    """One worklist sends a constant subject with every study."""
    assert (
        parse(study(uid=UID, subject={"reference": "Patient/p8"}, patient={"reference": "Patient/p8"})).patient
        == Patient()
    )
    assert parse([{"key": "patient", "resource": {"id": "p8"}}, *study(uid=UID)]).patient == Patient()


def test_two_patients_are_refused_and_one_twice_is_not() -> None:
    first, second = patient(identifier=[{"type": MR, "value": "P7"}]), patient(identifier=[{"type": MR, "value": "P8"}])
    assert "names two patients (patient ID P7 and patient ID P8)" in refusal(first + second)
    assert parse(first + first).patient == Patient("P7")


def test_what_this_product_writes_names_the_patient() -> None:
    assert parse(make_study_context(UID, patient_id="P1")).patient == Patient("P1")

"""Every form in which a study is opened in the field."""

import pytest
from hypothesis import given
from strategies import json_values

from CastLib.errors import FieldError
from CastLib.message import make_message, parse_publish
from CastLib.patient import Patient
from CastLib.study_context import http_address, make_study_context, parse_study

UID = "1.2.840.113619.2.1"


def parse(context):
    return parse_study(parse_publish(make_message("ImagingStudy-open", "ann", context)))


def study(**resource):
    return [{"key": "study", "resource": {"resourceType": "ImagingStudy", **resource}}]


def identifier(system, value):
    return {"system": system, "value": value}


@pytest.mark.parametrize(
    "context",
    [
        study(uid=UID),
        study(uid=f"urn:oid:{UID}"),
        study(id=UID),
        study(id="7", identifier=[identifier("urn:dicom:uid", f"urn:oid:{UID}")]),
        study(identifier=[identifier("URN:DICOM:UID", UID)]),
        study(identifier=identifier("urn:dicom:uid", UID)),
        [{"key": "imagingstudy", "resource": {"uid": UID}}],
        [{"key": "patient", "resource": {"id": "p"}}, *study(uid=UID)],
        {"study": {"uid": UID}},
        {"study": {"resource": {"uid": UID}}, "scene": {}},
    ],
)
def test_the_study_uid_in_every_form(context):
    assert parse(context).study_uid == UID


def test_an_id_that_is_no_uid_is_none():
    reference = parse(study(id="8i7tbu6fby5ftfbku6fniuf"))
    assert (reference.study_uid, reference.resource_id) == ("", "8i7tbu6fby5ftfbku6fniuf")


@pytest.mark.parametrize(
    "resource",
    [
        {"identifier": [{"type": {"coding": [{"code": "ACSN"}]}, "value": "A1"}]},
        {"basedOn": [{"identifier": {"type": {"coding": [{"code": "acsn"}]}, "value": "A1"}}]},
        {"accession": {"value": "A1"}},
        {"accession": "A1"},
    ],
)
def test_the_accession_number_in_every_form(resource):
    assert parse(study(**resource)).accession == "A1"


ROOT = identifier("urn:cast:dicomweb-root", "https://pacs/dicom-web")
NIFTI = identifier("urn:cast:nifti-url", "https://h/v.nii.gz")


@pytest.mark.parametrize(
    ("context", "mode"),
    [
        (study(uid=UID, identifier=[identifier("urn:cast:open-mode", "IDC"), ROOT]), "idc"),
        (study(uid=UID, identifier=[ROOT]), "dicomweb"),
        (study(identifier=[ROOT]), ""),
        (study(uid=UID, identifier=[identifier("urn:cast:dicomweb-root", "file:///x")]), ""),
        (study(uid=UID, identifier=[NIFTI, ROOT]), "nifti-url"),
        ([*study(uid=UID, identifier=[NIFTI]), {"key": "files", "files": [{"url": "https://h/a.dcm"}]}], "files"),
        ({"study": {"uid": UID}, "files": [{"uri": "s3://b/k/a.dcm"}]}, "files"),
        ({"study": {"uid": UID}, "files": [{"fileName": "a.dcm", "byteLength": 3}]}, ""),
        (study(uid=UID), ""),
    ],
)
def test_the_open_mode_named_or_followed(context, mode):
    assert parse(context).open_mode == mode


def test_addresses_of_buckets_have_an_http_form():
    assert http_address("s3://b/k/a.dcm") == "https://b.s3.amazonaws.com/k/a.dcm"
    assert http_address("gs://b/k") == "https://storage.googleapis.com/b/k"
    assert http_address("file:///etc/passwd") == http_address("s3://b") == ""


def test_files_and_series_are_read():
    reference = parse(
        [
            *study(uid=UID, series=[{"uid": "1.2.3.4"}]),
            {"key": "series", "resource": {"uid": "urn:oid:1.2.3.5"}},
            {"key": "series", "uid": "1.2.3.4"},
            {"key": "files", "resource": {"files": [{"url": "https://h/p/v.dcm?x=1", "role": "image"}]}},
        ]
    )
    assert reference.series_uids == ("1.2.3.5", "1.2.3.4")
    assert [(file.file_name, file.role) for file in reference.files] == [("v.dcm", "image")]


def test_the_patient_is_read_but_not_insisted_on():
    numbered = {"identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "P7"}]}
    assert parse([{"key": "patient", "resource": numbered}]).patient == Patient("P7")
    assert parse(study()).patient == Patient()


def test_a_study_that_is_no_object_is_refused():
    for context in ([{"key": "study", "resource": 7}], [{"key": "patient", "resource": []}]):
        with pytest.raises(FieldError):
            parse(context)


@given(json_values)
def test_any_context_gives_a_reference_or_a_field_error(value):
    for context in ([{"key": "study", "resource": value}], {"study": value, "files": value}, study(identifier=value)):
        try:
            parse(context)
        except FieldError:
            pass


def test_what_is_made_is_read_back():
    reference = parse(make_study_context(UID, accession="A1", patient_id="P1", resource_id="r"))
    assert reference.study_uid == UID
    assert (reference.accession, reference.patient, reference.resource_id) == ("A1", Patient("P1"), "r")
    with pytest.raises(FieldError):
        make_study_context()


@pytest.mark.parametrize(
    "given", [{"study_uid": "1.2.3"}, {"accession": "A1"}, {"study_uid": "1.2", "patient_id": "P"}]
)
def test_what_is_made_has_what_the_profiles_of_an_open_ask_for(given: dict[str, str]) -> None:
    """Guide, profiles of ImagingStudy and Patient for open events: id, identifier, status and subject."""
    for item in make_study_context(**given):
        resource = item["resource"]
        assert resource["id"] and len(resource["identifier"]) >= 1
        for identifier in resource["identifier"]:
            assert identifier["value"] and (identifier.get("system") or identifier["type"]["coding"][0]["code"])
        if item["key"] == "study":
            assert resource["status"] == "available" and ("reference" in resource["subject"]) is ("patient_id" in given)

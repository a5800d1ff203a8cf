"""Manifests, the file policy, and batches as bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values

from CastLib.client.hub_api import dump
from CastLib.errors import FieldError, FileRefused
from CastLib.manifest import (
    check_file_name,
    find_files,
    guess_mime_type,
    local_file_name,
    parse_manifest,
    parse_received_manifest,
    refuse_inline_bytes,
    replace_files,
)
from CastLib.message import make_message
from CastLib.multipart import BatchParser, Data, Envelope, lay_out_batch


@pytest.mark.parametrize("name", ["a.dcm", "1.2.840.dcm", "brain.nii.gz", "x.NRRD", "a (1).png", "é.json", "s.tar.gz"])
def test_names_that_pass(name):
    check_file_name(name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (None, "missing_file_name"),
        ("", "empty_file_name"),
        ("  ", "empty_file_name"),
        (7, "invalid_file_name"),
        ("../a.dcm", "invalid_file_name"),
        ("a\\b.dcm", "invalid_file_name"),
        ("C:a.dcm", "invalid_file_name"),
        ("a\n.dcm", "invalid_file_name"),
        ("a" * 300 + ".dcm", "invalid_file_name"),
        ("a.exe", "unsupported_file_extension"),
        ("dcm", "unsupported_file_extension"),
        (".dcm", "unsupported_file_extension"),
        ("study.exe.dcm", "double_extension"),
        ("study.EXE.nii.gz", "double_extension"),
        ("a.html.x.png", "double_extension"),
    ],
)
def test_names_that_do_not_pass_say_the_rule(name, code):
    with pytest.raises(FileRefused) as caught:
        check_file_name(name)
    assert caught.value.code == code


@given(st.text(max_size=40))
def test_a_local_name_never_leaves_its_folder(name):
    local = local_file_name(name)
    assert local and local not in (".", "..") and not set('/\\:*?"<>|\0') & set(local)


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\u4e2d", "\U0001f600", "\ud800"])
def test_a_long_local_name_fits_into_any_folder_with_its_suffix(letter, tmp_path):
    local = local_file_name(letter * 250 + ".nii.gz")
    assert local.endswith(".nii.gz")
    (tmp_path / f"{local}-9999.part").write_bytes(b"")


def entry(name="a.dcm", size=3, **more):
    return {"fileName": name, "byteLength": size, **more}


@pytest.mark.parametrize(
    ("files", "field"),
    [
        ([], "event.context.files"),
        ("x", "event.context.files"),
        ([1], "event.context.files[0]"),
        ([entry(), entry(size=None)], "event.context.files[1].byteLength"),
        ([entry(size=0)], "event.context.files[0].byteLength"),
        ([entry(size=-1)], "event.context.files[0].byteLength"),
        ([entry(size=True)], "event.context.files[0].byteLength"),
        ([entry(size=1.5)], "event.context.files[0].byteLength"),
        ([entry(size="3")], "event.context.files[0].byteLength"),
        ([entry("a.exe")], "event.context.files[0].fileName"),
        ([entry(dicomMetadata=[])], "event.context.files[0].dicomMetadata"),
        ([entry(payloadIds="x")], "event.context.files[0].payloadIds"),
    ],
)
def test_a_mistake_in_a_manifest_is_named(files, field):
    with pytest.raises(FieldError) as caught:
        parse_manifest({"files": files})
    assert caught.value.field == field


def test_an_address_has_no_part_and_no_rules_for_its_name():
    address = {"url": "https://h/v", "fileName": "volume"}
    entries = parse_manifest({"files": [address, entry()]})
    assert [e.has_part for e in entries] == [False, True]
    assert entries[0].wire is address


def test_files_are_found_in_every_form_and_only_they_are_replaced():
    new = [{"fileName": "n"}]
    for context in (
        {"study": {"uid": "1"}, "files": [entry()]},
        [{"key": "study"}, {"key": "files", "files": [entry()]}],
        [{"key": "files", "resource": {"files": [entry()], "more": 1}}],
    ):
        assert find_files(context)[0] == [entry()]
        replaced = replace_files(context, new)
        assert find_files(replaced)[0] == new
        assert find_files(context)[0] == [entry()]
        assert replace_files(replaced, [entry()]) == context


def test_a_hubs_manifest_is_checked_too():
    whole = entry(size=5, payloadIds=["p", "q"], chunkByteLengths=[3, 2])
    assert parse_received_manifest({"files": [whole]})[0].payload_ids == ("p", "q")
    assert parse_received_manifest({"files": [entry(payloadId="old")]})[0].payload_ids == ("old",)
    assert parse_received_manifest([{"key": "study"}]) == ()
    for wrong in ({"chunkByteLengths": [5]}, {"chunkByteLengths": [3, 1]}, {"payloadIds": [1, 2]}):
        with pytest.raises(FieldError):
            parse_received_manifest({"files": [{**whole, **wrong}]})


def test_bytes_do_not_travel_in_json():
    refuse_inline_bytes({"files": [entry(data="")]})
    with pytest.raises(FieldError, match=r"files\[0\].data"):
        refuse_inline_bytes({"files": [entry(data="QUJD")]})


@given(json_values)
def test_any_context_gives_entries_or_a_field_error(value):
    for context in ({"files": value}, {"files": [value]}, [{"key": "files", "files": value}]):
        for parse in (parse_manifest, parse_received_manifest, refuse_inline_bytes):
            try:
                parse(context)
            except FieldError:
                pass


# --- the batch as bytes


def batch(blobs, event="dicom-send", **context):
    files = [entry(f"f{i}.dcm", len(blob)) for i, blob in enumerate(blobs)]
    wire = make_message(event, "ann", {**context, "files": files})
    layout = lay_out_batch(dump(wire), parse_manifest({"files": files}))
    body = layout.head + b"".join(a + b for a, b in zip(layout.part_heads, blobs, strict=True)) + layout.tail
    assert len(body) == layout.content_length
    return layout.content_type, body, wire


def read(content_type, body, piece=None):
    parser, wire, blobs = BatchParser(content_type), None, {}
    for at in range(0, len(body), piece or len(body)):
        for got in parser.feed(body[at : at + (piece or len(body))]):
            if isinstance(got, Envelope):
                wire = got.wire
            else:
                assert isinstance(got, Data)
                blobs[got.index] = blobs.get(got.index, b"") + got.data
    parser.close()
    return wire, list(blobs.values())


tricky = st.binary(min_size=1, max_size=300) | st.sampled_from([b"\r\n--", b"\r\n\r\n", b"--", b"\r\n--cast-"])


@given(st.lists(tricky, min_size=1, max_size=5), st.integers(1, 400))
def test_a_batch_is_read_back_however_it_is_cut(blobs, piece):
    content_type, body, wire = batch(blobs)
    assert read(content_type, body, piece) == (wire, blobs)


@given(st.lists(tricky, min_size=1, max_size=3), st.data())
def test_a_batch_that_is_cut_off_is_refused(blobs, data):
    content_type, body, _ = batch(blobs)
    end = data.draw(st.integers(0, len(body) - 5))
    with pytest.raises(FieldError):
        read(content_type, body[:end], 50)


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=3), st.data())
def test_any_mutation_gives_a_batch_or_a_field_error(blobs, data):
    content_type, body, _ = batch(blobs)
    at = data.draw(st.integers(0, len(body) - 1))
    mutated = body[:at] + data.draw(st.binary(max_size=6)) + body[at + data.draw(st.integers(0, 6)) :]
    try:
        read(content_type, mutated, 37)
    except FieldError:
        pass


def lying(change, blobs=(b"abc", b"defg")):
    content_type, body, _ = batch(list(blobs))
    return content_type, change(body, content_type.split('boundary="')[1][:-1].encode())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda body, b: body.replace(b'"byteLength":3', b'"byteLength":2'), "no boundary follows"),
        (lambda body, b: body.replace(b'"byteLength":3', b'"byteLength":4'), "no boundary follows"),
        (lambda body, b: body.replace(b'"byteLength":4', b'"byteLength":9999'), "shorter than it says"),
        (lambda body, b: body.replace(b"--" + b + b"--", b"--" + b + b"\r\n\r\nmore\r\n--" + b + b"--"), "more parts"),
        (lambda body, b: body[: body.rindex(b"\r\n--" + b + b"\r\n")] + b"\r\n--" + b + b"--\r\n", "but 1 parts came"),
        (lambda body, b: body.replace(b"--" + b + b"--", b""), "its end is missing"),
        (lambda body, b: b"nonsense" + body[10:], "boundary|not JSON|ended"),
        (lambda body, b: body.replace(b"dicom-send", b"Patient-ope"), "of no family"),
        (lambda body, b: b"--" + b + b"--\r\n", "no parts"),
        (lambda body, b: b"", "ended before"),
    ],
)
def test_sizes_that_lie_and_parts_that_are_not_there(change, reason):
    content_type, body = lying(change)
    for piece in (1, 7, 10_000):
        with pytest.raises(FieldError, match=reason):
            read(content_type, body, piece)


def test_a_part_in_base64_is_refused():
    content_type, body = lying(
        lambda body, b: body.replace(
            b"Content-Type: application/dicom\r\n", b"Content-Transfer-Encoding: base64\r\n", 1
        )
    )
    with pytest.raises(FieldError, match="Content-Transfer-Encoding"):
        read(content_type, body)


def test_foreign_habits_preamble_unquoted_boundary_and_epilogue():
    envelope = json.dumps(make_message("nifti-send", "ann", {"files": [entry("v.nii.gz", 2)]})).encode()
    body = b"hello\r\n--xY \r\n\r\n" + envelope + b"\r\n--xY\r\nContent-Type: a/b\r\n\r\nhi\r\n--xY--\r\nbye"
    assert read("multipart/related; boundary=xY", body, 5)[1] == [b"hi"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/related", "multipart/form-data; boundary=x"])
def test_a_content_type_that_is_no_batch_is_refused(content_type):
    with pytest.raises(FieldError, match="^Content-Type"):
        BatchParser(content_type)


def test_an_envelope_without_an_end_is_bounded():
    parser = BatchParser("multipart/related; boundary=x", max_envelope_bytes=100_000)
    with pytest.raises(FieldError, match="envelope"):
        list(parser.feed(b"--x\r\n\r\n" + b" " * 300_000))


def test_media_types():
    assert guess_mime_type("a.nii.gz") == "application/vnd.unknown.nifti-1"
    assert guess_mime_type("volume") == "application/octet-stream"

"""Cast's binary batches, and who may read the payloads that they leave (section names are those of the protocol)."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from conformance.kit import CAST, SIGN_IN, Hub, Program, add, event, row
from hub_wire import batch_body

SECTION = "Cast Binary batches"
RIGHTS = "Cast Payload rights"
MIB = 1024 * 1024


def entry(name: str, length: int, **more: Any) -> dict[str, Any]:
    return {"fileName": name, "byteLength": length, **more}


def envelope(topic: str, files: Any, name: str = "dicom-send") -> dict[str, Any]:
    return event(name, topic, {"files": files, "note": "kept"}, subscriber_name="SENDER")


def sent_files(program: Program, files: list[dict[str, Any]], parts: list[bytes]) -> list[dict[str, Any]]:
    """Send a batch and return the manifest as a receiver gets it."""
    receiver = program.listen("RECEIVER")
    answer = program.send_batch(batch_body(envelope(program.topic, files), parts))
    assert answer.status_code == 200 and answer.json() == {"status": "received"}
    frame = receiver.event()
    assert frame["event"]["context"]["note"] == "kept"
    manifest: list[dict[str, Any]] = frame["event"]["context"]["files"]
    return manifest


@row(SECTION, "files come back whole, in chunks of at most 4 MiB; their entries keep what they held", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    big = random.Random(2).randbytes(9 * MIB + 5)
    files = [
        entry("a.dcm", 3, dicomMetadata={"0020000D": {"vr": "UI", "Value": ["1.2"]}}, role="x"),
        {"url": "https://x.example/b.nii.gz", "fileName": "volume"},
        entry("c.nii.gz", len(big), mimeType="application/vnd.unknown.nifti-1"),
    ]
    first, address, second = sent_files(program, files, [b"abc", big])
    assert first["dicomMetadata"] == files[0]["dicomMetadata"] and first["role"] == "x" and first["expiresAt"]
    assert address == files[1], "an address has no part and is left as it is"
    assert sum(second["chunkByteLengths"]) == len(big) and max(second["chunkByteLengths"]) <= 4 * MIB
    assert program.payload(first["payloadIds"][0]).content == b"abc"
    assert b"".join(program.payload(id).content for id in second["payloadIds"]) == big


def family(hub: Hub, name: str) -> None:
    program = hub.program()
    body = batch_body(envelope(program.topic, [entry("a.bin", 1)], name), [b"x"])
    assert program.send_batch(body).status_code == 200


FAMILIES = ("dicom", "nifti", "nrrd", "png", "jpg", "ImagingStudy", "scene", "openehr", "openigtlink", "mrb", "stl")
for each in FAMILIES:
    add(SECTION, f"{each}-send is a batch's event", partial(family, name=f"{each}-send"), CAST)
add(SECTION, "an underscore ends the family's word as well", partial(family, name="nifti_send"), CAST)


def written(hub: Hub, content_type: str) -> None:
    program = hub.program()
    body = batch_body(envelope(program.topic, [entry("a.dcm", 3)]), [b"abc"])
    assert program.send_batch(body, content_type).status_code == 200
    assert program.send_batch((bytes([byte]) for byte in body), content_type).status_code == 200, "byte by byte"


for title, content_type in {
    "bare": 'multipart/related; boundary=b; type="application/dicom"',
    "quoted": 'Multipart/Related;type="application/dicom";boundary="b"',
}.items():
    add(SECTION, f"the boundary may be written {title}", partial(written, content_type=content_type), CAST)


@row(SECTION, "a file may hold the boundary itself, for its length is known", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    data = b"\r\n--b--\r\n--b\r\n\r\n" * 10
    [file] = sent_files(program, [entry("a.dcm", len(data))], [data])
    assert program.payload(file["payloadIds"][0]).content == data


@row(SECTION, "payloads are served by GET and HEAD with Content-Length, and are cached by their id", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    [file] = sent_files(program, [entry("a.dcm", 10)], [b"0123456789"])
    [id] = file["payloadIds"]
    whole = program.payload(id)
    assert whole.headers["Content-Length"] == "10" and whole.headers["ETag"] == f'"{id}"'
    head = program.http.head(program.at(f"payloads/{id}"))
    assert head.status_code == 200 and head.headers["Content-Length"] == "10" and head.content == b""
    assert program.payload(id, If_None_Match=f'"{id}"').status_code == 304


RANGES: list[tuple[str, int, bytes | None, str | None]] = [
    ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
    ("bytes=7-", 206, b"789", "bytes 7-9/10"),
    ("bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
    ("bytes=10-", 416, None, "bytes */10"),
    ("bytes=-0", 416, None, "bytes */10"),
    ("bytes=0-1,4-5", 200, b"0123456789", None),
    ("lines=1-2", 200, b"0123456789", None),
]


@row(SECTION, "payloads are served in ranges", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    [file] = sent_files(program, [entry("a.dcm", 10)], [b"0123456789"])
    [id] = file["payloadIds"]
    for asked, status, data, told in RANGES:
        answer = program.payload(id, Range=asked)
        assert answer.status_code == status and data in (answer.content, None), asked
        assert answer.headers.get("Content-Range") == told
    assert program.payload(id, Range="bytes=2-4", If_Range='"other"').status_code == 200


@row(RIGHTS, "without a token nothing is read, and what nobody has sent is nowhere", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    [file] = sent_files(program, [entry("a.dcm", 1)], [b"x"])
    assert program.payload("unknown").status_code == 404
    program.use("")
    assert program.payload(file["payloadIds"][0]).status_code == 401


@row(
    RIGHTS,
    "a payload is for its sender and for those that were sent it, also when they sign in again",
    CAST,
    (SIGN_IN,),
)
def _(hub: Hub) -> None:
    program = hub.program(user="sender")
    receiver = hub.program(program.topic, "receiver")
    socket = receiver.listen("RECEIVER")
    [file] = sent_files(program, [entry("a.dcm", 1)], [b"x"])
    [id] = file["payloadIds"]
    socket.close()
    for user, topic in (("sender", program.topic), ("receiver", program.topic)):
        assert hub.program(topic, user).payload(id).content == b"x", user
    for user, topic in (("stranger", program.topic), ("receiver", "elsewhere"), ("stranger", "elsewhere")):
        assert hub.program(topic, user).payload(id).status_code == 404, (user, topic)


@row(RIGHTS, "sent on by one that may read it, a payload is also for the new receivers, and only so", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program(user="sender")
    [file] = sent_files(program, [entry("a.dcm", 1)], [b"x"])
    [id] = file["payloadIds"]
    late, thief = hub.program(program.topic, "late"), hub.program(program.topic, "thief")
    program.send("ImagingStudy-open", {"files": [file]}, subscriber_name="SENDER")
    assert late.payload(id).status_code == 404, "published before it subscribed"
    late.listen("LATE")
    thief.send("ImagingStudy-open", {"files": [file]}, subscriber_name="THIEF")
    assert late.payload(id).status_code == 404, "who may not read it cannot give it away"
    program.send("ImagingStudy-open", {"files": [file]}, subscriber_name="SENDER")
    assert late.payload(id).status_code == 200


Bad = Callable[[str], bytes]
TWO = [entry("a.dcm", 3), entry("b.dcm", 3)]


def manifest(files: Any, parts: list[bytes], name: str = "dicom-send", **more: Any) -> Bad:
    return lambda topic: batch_body(envelope(topic, files, name), parts, **more)


BAD: dict[str, Bad] = {
    "an event outside the families": manifest(TWO, [b"abc", b"def"], "Patient-open"),
    "no files": manifest([], []),
    "files that are a text": manifest("a", []),
    "an entry that is a number": manifest([5], [b"x"]),
    "no length": manifest([{"fileName": "a.dcm"}], [b"abc"]),
    "a negative length": manifest([entry("a.dcm", -1)], [b"abc"]),
    "a length that is a text": manifest([{"fileName": "a.dcm", "byteLength": "3"}], [b"abc"]),
    "an empty part": manifest([entry("a.dcm", 0)], [b""]),
    "too few parts": manifest(TWO, [b"abc"]),
    "too many parts": manifest(TWO, [b"abc", b"def", b"ghi"]),
    "a part longer than it says": manifest(TWO, [b"abcd", b"def"]),
    "a part shorter than it says": manifest(TWO, [b"ab", b"def"]),
    "no end": manifest(TWO, [b"abc", b"def"], end=False),
    "a cut in a part": lambda topic: manifest(TWO, [b"abc", b"def"])(topic)[:-10],
    "a cut in the envelope": lambda topic: manifest(TWO, [])(topic)[:60],
    "no body": lambda topic: b"",
    "another boundary": lambda topic: batch_body(envelope(topic, TWO), [b"abc", b"def"], "c"),
    "an envelope that is no JSON": lambda topic: batch_body(b"{", []),
    "an envelope that is a list": lambda topic: batch_body(b"[]", []),
    "an envelope nested without end": lambda topic: batch_body(b"[" * 100_000, []),
    "no id": lambda topic: batch_body(envelope(topic, TWO) | {"id": ""}, [b"abc", b"def"]),
}


def refused(hub: Hub, body: Bad) -> None:
    program = hub.program()
    receiver = program.listen("RECEIVER")
    answer = program.send_batch(body(program.topic))
    assert answer.status_code == 400 and answer.text.strip(), answer.text[:200]
    program.nothing_more(receiver)


for title, body in BAD.items():
    add(SECTION, f"{title} is refused, and nobody hears of it", partial(refused, body=body), CAST)

NAMES: list[tuple[str | None, str]] = [
    ("a.exe", "unsupported_file_extension"),
    ("study.exe.dcm", "double_extension"),
    ("../a.dcm", "invalid_file_name"),
    ("a\x00.dcm", "invalid_file_name"),
    ("C:a.dcm", "invalid_file_name"),
    ("", "empty_file_name"),
    (None, "missing_file_name"),
]


def named(hub: Hub, name: str | None, code: str) -> None:
    program = hub.program()
    file: dict[str, Any] = {"byteLength": 1} if name is None else entry(name, 1)
    answer = program.send_batch(batch_body(envelope(program.topic, [file]), [b"x"]))
    assert answer.status_code == 400 and set(answer.json()) == {"message", "code", "fileName"}
    assert (answer.json()["code"], answer.json()["fileName"]) == (code, name or "")


for name, code in NAMES:
    add(SECTION, f"file name {name!r} is refused with code {code}", partial(named, name=name, code=code), CAST)


@row(SECTION, "a content type without a boundary is refused", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    for content_type in ("multipart/related", 'multipart/related; boundary=""'):
        assert program.send_batch(b"x", content_type).status_code == 400


@row(SECTION, "rights are checked before anything else", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    body = batch_body(envelope("*", TWO), [b"abc", b"def"])
    assert program.send_batch(body).status_code == 403
    program.use("")
    assert program.send_batch(body).status_code == 401

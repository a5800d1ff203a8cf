"""Protocol: the worklist's sample list and its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from hub_process import HubProcess
from hub_wire import hub_in_thread

DICOM = bytes(128) + b"DICM" + b"x" * 868
PIXELS = bytes(range(256)) * 40_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("samples")
    _write(root / "Brain MR", {"b.dcm": DICOM, "a": DICOM, "notes.txt": b"no image", ".hidden.dcm": DICOM})
    _write(root / "Chest", {"ct.nii.gz": PIXELS, "study.json": b'{"name": "A chest", "description": "of a dog"}'})
    _write(
        root / "Listed",
        {
            "one.nrrd": b"NRRD",
            "two.exe.dcm": DICOM,
            "unlisted.dcm": DICOM,
            "study.json": json.dumps(
                {
                    "id": "another",
                    "size": "12 MB",
                    "openMode": "files",
                    "openDisabled": True,
                    "files": [
                        {"fileName": "one.nrrd", "label": "One", "role": "volume", "mimeType": "application/x-nrrd"},
                        {"fileName": "two.exe.dcm"},
                        {"fileName": "far.nii.gz", "url": "https://x.example/far.nii.gz"},
                    ],
                }
            ).encode(),
        },
    )
    _write(root / "Empty", {"readme.md": b"nothing"})
    for number, description in enumerate(BAD_DESCRIPTIONS):
        _write(root / f"Bad{number}", {"a.dcm": DICOM, "study.json": description})
    (root / ".trash").mkdir()
    (root / "file.dcm").write_bytes(DICOM)
    outside = root.parent / "secret.dcm"
    outside.write_bytes(b"secret")
    with suppress(OSError):  # Windows lets few users make links
        (root / "Chest" / "link.dcm").symlink_to(outside)
    return root


BAD_DESCRIPTIONS = [
    b"{",
    b"[]",
    b'{"name": 5}',
    b'{"files": {}}',
    b'{"files": [5]}',
    b'{"files": [{"fileName": "../secret.dcm"}]}',
    b'{"files": [{"fileName": "missing.dcm"}]}',
    b'{"files": [{"fileName": "a.dcm", "mimeType": "image/png\\r\\nX-Evil: 1"}]}',
]


def _write(study: Path, files: dict[str, bytes]) -> None:
    study.mkdir()
    for name, data in files.items():
        (study / name).write_bytes(data)


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with hub_in_thread(tmp_path_factory.mktemp("hub"), samples=str(folder)) as url:
        yield url


def catalogue(url: str) -> dict[str, Any]:
    answer = requests.get(f"{url}/api/hub/samples")
    assert answer.status_code == 200
    value: dict[str, Any] = answer.json()
    return value


def test_without_a_folder_the_list_is_empty(hub: HubProcess) -> None:
    for slash in ("", "/"):
        answer = requests.get(f"{hub.url}/api/hub/samples{slash}")
        assert answer.json() == {"organization": "hub", "organizationLabel": "Hub samples", "studies": []}
    assert requests.get(f"{hub.url}/api/hub/samples/files/a/b.dcm").status_code == 404


def test_the_catalogue_says_what_is_there(url: str) -> None:
    listed = catalogue(url)
    assert (listed["organization"], listed["organizationLabel"]) == ("hub", "Hub samples")
    studies = {study["id"]: study for study in listed["studies"]}
    assert list(studies) == ["Brain MR", "Chest", "Listed"], "what cannot be read is left out"
    files = f"{url}/api/hub/samples/files"
    assert studies["Brain MR"] == {
        "id": "Brain MR",
        "name": "Brain MR",
        "description": "",
        "organization": "hub",
        "size": "2 KB",
        "format": "DICOM",
        "openMode": "dicom-url",
        "files": [
            {"url": f"{files}/Brain%20MR/{name}", "fileName": name, "mimeType": "application/dicom"}
            for name in ("a", "b.dcm")
        ],
    }
    assert studies["Chest"] == {
        "id": "Chest",
        "name": "A chest",
        "description": "of a dog",
        "organization": "hub",
        "size": "10.2 MB",
        "format": "NIfTI",
        "files": [
            {
                "url": f"{files}/Chest/ct.nii.gz",
                "fileName": "ct.nii.gz",
                "mimeType": "application/vnd.unknown.nifti-1",
            }
        ],
    }
    listed_study = studies["Listed"]
    assert listed_study["size"] == "12 MB" and listed_study["openMode"] == "files" and listed_study["openDisabled"]
    one, two, far = listed_study["files"]
    assert one == {
        "url": f"{files}/Listed/one.nrrd",
        "fileName": "one.nrrd",
        "mimeType": "application/x-nrrd",
        "label": "One",
        "role": "volume",
    }
    assert two["mimeType"] == "application/dicom"
    assert far == {"url": "https://x.example/far.nii.gz", "fileName": "far.nii.gz"}


def test_every_listed_file_can_be_had_as_it_says(url: str, folder: Path) -> None:
    for study in catalogue(url)["studies"]:
        for file in study["files"]:
            if not file["url"].startswith(url):
                continue
            data = (folder / study["id"] / file["fileName"]).read_bytes()
            answer = requests.get(file["url"])
            assert answer.status_code == 200 and answer.content == data
            assert answer.headers["Content-Type"] == file["mimeType"]
            assert "Content-Encoding" not in answer.headers
            head = requests.head(file["url"])
            assert head.headers["Content-Length"] == str(len(data)) and head.content == b""
            assert head.headers["ETag"] == answer.headers["ETag"] and head.headers["Accept-Ranges"] == "bytes"


RANGES = [
    ("bytes=0-9", 206, slice(0, 10)),
    ("bytes=100-", 206, slice(100, None)),
    ("bytes=-5", 206, slice(-5, None)),
    ("bytes=10239990-99999999", 206, slice(10239990, None)),
    ("bytes=0-1,4-5", 200, slice(None)),
    ("lines=0-1", 200, slice(None)),
]


@pytest.mark.parametrize(("wanted", "status", "part"), RANGES)
def test_ranges(url: str, wanted: str, status: int, part: slice) -> None:
    answer = requests.get(f"{url}/api/hub/samples/files/Chest/ct.nii.gz", headers={"Range": wanted})
    assert answer.status_code == status and answer.content == PIXELS[part]
    if status == 206:
        start = len(PIXELS) - len(PIXELS[part]) if part.stop is None else part.start
        expected = f"bytes {start}-{start + len(PIXELS[part]) - 1}/{len(PIXELS)}"
        assert answer.headers["Content-Range"] == expected


def test_a_range_beyond_the_end_and_what_is_known_already(url: str) -> None:
    file = f"{url}/api/hub/samples/files/Chest/ct.nii.gz"
    beyond = requests.get(file, headers={"Range": f"bytes={len(PIXELS)}-"})
    assert beyond.json()["message"] == "Range: begins past the end; Content-Range says how long it is"
    assert beyond.status_code == 416 and beyond.headers["Content-Range"] == f"bytes */{len(PIXELS)}"
    tag = requests.head(file).headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = requests.get(file, headers={"If-None-Match": known})
        assert answer.status_code == 304 and answer.content == b"" and answer.headers["ETag"] == tag
    stale = requests.get(file, headers={"Range": "bytes=0-9", "If-Range": '"older"'})
    assert stale.status_code == 200 and len(stale.content) == len(PIXELS)


def test_a_changed_file_has_another_tag(url: str, folder: Path) -> None:
    _write(folder / "Changing", {"a.dcm": DICOM})
    file = f"{url}/api/hub/samples/files/Changing/a.dcm"
    before = requests.get(file).headers["ETag"]
    (folder / "Changing" / "a.dcm").write_bytes(DICOM + b"more")
    after = requests.get(file, headers={"If-None-Match": before})
    assert after.status_code == 200 and after.headers["ETag"] != before and after.content.endswith(b"more")
    (folder / "Changing" / "a.dcm").unlink()
    assert requests.get(file).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "Chest/study.json", "Chest/link.dcm", "Listed/unlisted.dcm", "Brain%20MR/notes.txt", "Brain%20MR/.hidden.dcm",
        "Chest/..%2f..%2fsecret.dcm", "..%2f/secret.dcm", "%2e%2e/secret.dcm", "Chest/%2e%2e%2ffile.dcm",
        "Chest/ct.nii.gz%00.dcm", "Chest/ct.nii.gz%0d%0aX: 1", "nowhere/a.dcm", "Chest/nothing.dcm", "Bad0/a.dcm",
        ".trash/a.dcm", "Chest/..%5c..%5csecret.dcm", "Chest/", "Chest/a/b.dcm", "file.dcm/",
    ],
)  # fmt: skip
def test_nothing_else_can_be_had(url: str, path: str) -> None:
    request = requests.Request("GET", url).prepare()
    request.url = f"{url}/api/hub/samples/files/{path}"
    answer = requests.Session().send(request)
    assert answer.status_code == 404 and answer.json()["message"], answer.content[:100]


def test_pages_elsewhere(url: str) -> None:
    file = f"{url}/api/hub/samples/files/Chest/ct.nii.gz"
    for address in (f"{url}/api/hub/samples", file):
        page = requests.get(address, headers={"Origin": "http://localhost:8150"})
        assert page.headers["Access-Control-Allow-Origin"] == "http://localhost:8150"
        assert requests.get(address, headers={"Origin": "https://evil.example"}).status_code == 403

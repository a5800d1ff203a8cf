"""Which messages a provider takes, and whom its answers go to (CastServiceProviderLib.addressing)."""

from __future__ import annotations

from typing import Any

import pytest

from CastLib.message import Message, Sender, Target, make_message, parse_publish
from CastLib.status_update import progress_target
from CastServiceProviderLib.addressing import is_meant_for, result_target

OWN = Sender("P-1", "SEGMENTER", "1", ("EC",))
IMAGE = {"fileName": "a.dcm", "byteLength": 1}
SEG = {**IMAGE, "dicomMetadata": {"00080060": {"vr": "CS", "Value": ["SEG"]}}}
SEG_CLASS = {**IMAGE, "dicomMetadata": {"00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.66.4"]}}}


def message(sender: Sender, target: Target | None = None, files: Any = (IMAGE,)) -> Message:
    return parse_publish(make_message("dicom-send", "t", {"files": list(files)}, sender=sender, target=target))


def viewer(name: str = "V-1", *actors: str) -> Sender:
    return Sender(name, "VIEWER", "", actors)


@pytest.mark.parametrize(
    ("sender", "target", "files", "meant"),
    [
        (viewer(), Target(), [IMAGE], True),
        (viewer(), Target(actor="EC"), [IMAGE], True),
        (viewer(), Target(product="SEGMENTER"), [SEG], True),
        (viewer(), Target(name="P-1"), [SEG], True),
        (viewer(), Target(), [SEG], False),
        (viewer(), Target(actor="EC"), [SEG_CLASS, SEG], False),
        (viewer(), Target(actor="*", product="*", name="*"), [SEG], False),
        (viewer(), Target(), [SEG, IMAGE], True),
        (viewer(), Target(), [], True),
        (viewer(), Target(), ["no object"], True),
        (Sender("P-1", "SEGMENTER"), Target(product="SEGMENTER"), [IMAGE], False),
        (Sender("P-2", "OTHER", "", ("EC",)), Target(), [IMAGE], False),
        (Sender("P-2", "OTHER", "", ("EC",)), Target(product="SEGMENTER"), [IMAGE], True),
        (Sender("B-2", "BOTH", "", ("EC", "ID")), Target(), [IMAGE], True),
        (Sender(), Target(), [IMAGE], True),
    ],
)
def test_what_is_taken(sender: Sender, target: Target, files: list[Any], meant: bool) -> None:
    assert is_meant_for(message(sender, target, files), OWN) is meant


@pytest.mark.parametrize(
    ("sender", "result", "progress"),
    [
        (viewer("V-1", "ID"), Target(name="V-1"), Target(name="V-1")),
        (viewer("V-1", "WORKLIST_CLIENT", "ID"), Target(name="V-1"), Target(name="V-1")),
        (viewer("W-1", "WORKLIST_CLIENT"), Target(actor="ID"), Target(name="W-1")),
        (viewer("V-1"), Target(actor="ID"), Target(name="V-1")),
        (viewer("*", "ID"), Target(actor="ID"), Target(name="*", product="VIEWER")),
        (Sender("*", "", "", ("ID",)), Target(actor="ID"), None),
        (Sender("", "VIEWER", "", ("ID",)), Target(actor="ID"), None),
    ],
)
def test_whom_answers_go_to(sender: Sender, result: Target, progress: Target | None) -> None:
    assert result_target(message(sender)) == result
    assert progress_target(message(sender)) == progress

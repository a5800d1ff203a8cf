"""What ``cast request`` prints of an answer (CastCLI.answer_words)."""

from __future__ import annotations

from typing import Any

import pytest

from CastCLI.answer_words import MAX_ANSWER, words_of

STUDY = {
    "source": "status",
    "product": "VIEWER",
    "items": [{"key": "availability", "value": "online"}, {"key": "job", "value": "idle"}],
    "context.type": "ImagingStudy",
    "context": [
        {"key": "study", "resource": {"uid": "1.2.3.4", "subject": {"display": "not known"}}},
        {"key": "segmentation", "resource": {"segmentations": [{"label": "Liver"}]}},
    ],
    "studyInstanceUID": "1.2.3.4",
    "series": [{"uid": "1.2.3.4.5"}, {"uid": "1.2.3.4.6"}],
    "studies": [{"studyInstanceUID": "1.2.3.4", "name": "DOE, JANE, CT abdomen"}],
}
PICTURE = {"contentType": "image/png", "data": "iVBORw0KGgo="}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            STUDY,
            "availability: online; job: idle; open: DOE, JANE, CT abdomen, 1.2.3.4; 2 series; 1 segmentation",
        ),
        ({"items": [{"key": "job", "value": "idle"}], "studies": []}, "job: idle; nothing is open"),
        (
            {"items": [{"key": "problem", "value": "unreadable", "message": "It is damaged."}]},
            "problem: It is damaged.",
        ),
        (
            {"items": [7, {"key": "a", "value": None}], "context.type": "ImagingStudy", "context": 3},
            "a: none; open: a study",
        ),
        ({"error": None, "a": 1}, "error: none; a: 1"),
        ({"error": "There is no such view here."}, "cannot: There is no such view here."),
        ({"viewports": [{"name": "Red"}, {"viewId": "view1"}, 3]}, "3 views: Red, view1"),
        (
            {"source": "report", "title": "CT", "pages": 3, "final": True, "by": ["A", "B"]},
            "title: CT; pages: 3; final: yes; by: A, B",
        ),
        ({"view": PICTURE, "tags": {"PatientID": "1"}}, "view: image/png; tags: 1 entry"),
        ({**PICTURE, "name": "Red", "width": 64, "height": 48, "context": [PICTURE]}, "Red; image/png; 64 x 48"),
        ({"source": "report"}, "source: report"),
        ([1, "two", None], "1, two, none"),
        ([], "an empty list"),
        ("a word", "a word"),
        (None, "none"),
        (0.5, "0.5"),
    ],
)
def test_an_answer_in_words(data: Any, words: str) -> None:
    assert words_of(data) == words


def test_long_answers_are_cut() -> None:
    assert len(words_of({str(number): "x" * 1000 for number in range(1000)})) == MAX_ANSWER

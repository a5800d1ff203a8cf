"""When two identities cannot be one person."""

from __future__ import annotations

import pytest

from CastLib.patient import Patient


@pytest.mark.parametrize(
    "one, other",
    [
        (Patient("1", name="Doe^John"), Patient("1", name="DOE^JOHN^^")),
        (Patient("1", "A"), Patient("1")),
        (Patient("1"), Patient(name="Doe^John")),
        (Patient(name="Yamada^Tarou=山田^太郎"), Patient(name="Yamada^Tarou")),
        (Patient("1", birth_date="19700101"), Patient("1")),
    ],
)
def test_what_is_not_said_contradicts_nothing(one: Patient, other: Patient) -> None:
    assert one.contradiction(other) == "" == other.contradiction(one)


@pytest.mark.parametrize(
    "one, other, told",
    [
        (Patient("1"), Patient("2"), "patient ID 1 and patient ID 2"),
        (Patient("1", "A"), Patient("2", "A"), "patient ID 1 and patient ID 2"),
        (Patient("1", "A"), Patient("1", "B"), "patient ID 1 of A and patient ID 1 of B"),
        (Patient("1", "A"), Patient("2"), "patient ID 1 and patient ID 2"),
        (Patient("1", name="Doe^John"), Patient("1", name="Roe^John"), "patient Doe^John and patient Roe^John"),
        (Patient("1", birth_date="19700101"), Patient("1", birth_date="19710101"), "birth date 19700101 and"),
    ],
)
def test_a_contradiction_names_both(one: Patient, other: Patient, told: str) -> None:
    assert told in one.contradiction(other)
    assert other.contradiction(one)

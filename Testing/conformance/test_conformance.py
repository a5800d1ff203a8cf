"""The table of rules, looked at one by one. README.md says how to read and run it."""

from __future__ import annotations

from conformance.kit import Hub, Row


def test(row: Row, hub: Hub) -> None:
    row.check(hub)

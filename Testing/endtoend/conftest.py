"""One engine for all tests that draw: making it takes seconds, and its displayable managers are one to a process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from cast_desk import _no_command_left, peer, user  # noqa: F401  (fixtures)
from display_desk import desk, folder  # noqa: F401  (fixtures)
from view_parts import host  # noqa: F401  (fixture)

if TYPE_CHECKING:
    from CastInterfaceLib.views.engine_viewer import EngineViewer

SIZE = (256, 256)


@pytest.fixture(scope="session")
def engine() -> Iterator[EngineViewer]:
    """Slicer's engine with its four views."""
    from CastInterfaceLib.display_command import load_engine

    viewer = load_engine()("four-up", SIZE)
    yield viewer
    viewer.close()

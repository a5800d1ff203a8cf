"""The display's desk for the tests of what is read, shown and refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from display_desk import desk, folder  # noqa: F401  (fixtures)
from scene_additions import scene  # noqa: F401

if TYPE_CHECKING:
    from CastInterfaceLib.views.engine_viewer import EngineViewer


@pytest.fixture(scope="session")
def engine() -> Iterator[EngineViewer]:
    """Slicer's engine with its four views."""
    from CastInterfaceLib.display_command import load_engine

    host = load_engine()("four-up", (256, 256))
    yield host
    host.close()

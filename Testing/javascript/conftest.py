"""Tools and packages by which the contract is read as programs in JavaScript read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from npm_packages import npm_packages


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds their ``node_modules``."""
    return npm_packages(Path(__file__).parent, tmp_path_factory)

"""What all tests share: the ``--long`` option, the packages on the path, and a real hub."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "support")]

from hub_process import PACKAGE_FOLDERS, HubProcess  # noqa: E402

sys.path[1:1] = map(str, PACKAGE_FOLDERS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run tests with their full counts, and those marked long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; run with --long"))


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether full counts are wanted (``--long``)."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One real hub for the whole run (``.url``, ``.pid``, ``.log``); each test takes topics of its own."""
    process = HubProcess(tmp_path_factory.mktemp("hub"))
    yield process
    process.stop()


@pytest.fixture
def start_hub(tmp_path: Path) -> Iterator[Callable[..., HubProcess]]:
    """A function that starts a hub of the test's own with the arguments given; ended after the test."""
    started: list[HubProcess] = []

    def start(*arguments: str, folder: Path | None = None) -> HubProcess:
        process = HubProcess(folder or tmp_path / f"hub-{len(started)}", *arguments)
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()

"""Fixtures for what runs inside (a stand-in for) Slicer.

They want a pytest process of their own, and `run.py test` gives them one: Slicer is one to a process. Qt's classes are
changed in place and displayable managers are shared, so the tests of the bare engine cannot live beside these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from example_module import example, example_folder  # noqa: F401  (fixtures)
from pythonqt_parts import ctk, panel, qt, slot_errors  # noqa: F401

if TYPE_CHECKING:
    from slicer_host import Host, LoadedModule

HERE = Path(__file__).resolve().parent
# Seconds that threads and processes of a module have to end after it was unloaded.
PATIENCE = 120.0
# Where no hub can be: panels must not find one that somebody runs on this machine.
NO_HUB = "http://127.0.0.1:1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if all(HERE in item.path.parents for item in items):
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="wants a process of its own: pytest Testing/slicer"))


@pytest.fixture(scope="session", autouse=True)
def slicer_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The one host of this process."""
    tmp_path_factory.getbasetemp()  # before the host turns temporary files into a folder of its own
    from slicer_host import start_host

    from CastSlicerLib import local_hub

    local_hub.LOCAL_HUB = NO_HUB
    host = start_host()
    yield host
    host.quit()


def use(host: Host, starving: bool, main_window: bool) -> Iterator[Host]:
    """Lend the host to a test; afterwards nothing may be left and no slot may have failed silently."""
    host.set_starving(starving)
    host.set_main_window(main_window)
    host.begin_test()
    for one in held().values():
        one.reset()
    try:
        yield host
        errors = host.unexpected_errors()
    finally:
        measured = held()
        host.end_test()
        left = host.leftovers(PATIENCE)
        host.set_starving(False)
        forget_leftovers(host)
    assert not errors, f"slots raised: {errors!r}"
    assert not left, "left behind: " + "; ".join(left)
    for name, one in measured.items():
        print(f"longest {name}: {one}")
        keep(name, one)


def keep(name: str, one: Any) -> None:
    """Write down how long the main thread was held, for ``Testing/benchmarks/main_thread.py``.

    No bar is set to it here: how long a piece of work takes is a matter of the machine.
    """
    report = os.environ.get("CAST_HELD_REPORT")
    if report:
        line = [name, one.longest, one.longest_name, one.longest_cpu, one.longest_cpu_name, one.pieces]
        with open(report, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def held() -> dict[str, Any]:
    """How long the product's callbacks, run by its pump, and its slots, called by Qt, held the main thread."""
    import sys

    from slicer_host.pythonqt_signals import slots_held

    timer = sys.modules.get("CastSlicerLib.pump_timer")
    return {"slot": slots_held, **({"callback": timer.slicer_pump().main_thread} if timer is not None else {})}


def forget_leftovers(host: Host) -> None:
    """Have the next test not pay for this one's files."""
    import shutil

    from slicer_host.app import state

    for path in Path(state.temporary_path).iterdir():
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@pytest.fixture
def host(slicer_process: Host) -> Iterator[Host]:
    """Slicer with its window, its loop as PySide6 runs it."""
    yield from use(slicer_process, starving=False, main_window=True)


@pytest.fixture
def starving_host(slicer_process: Host) -> Iterator[Host]:
    """The same with a loop that keeps the GIL, as Slicer's does."""
    yield from use(slicer_process, starving=True, main_window=True)


@pytest.fixture(params=["fed", "starving"])
def either_host(request: pytest.FixtureRequest, slicer_process: Host) -> Iterator[Host]:
    """Both in turn: for tests of connections, transfers and timing."""
    yield from use(slicer_process, starving=request.param == "starving", main_window=True)


@pytest.fixture
def headless_host(slicer_process: Host) -> Iterator[Host]:
    """Slicer with ``--no-main-window``, its loop starving."""
    yield from use(slicer_process, starving=True, main_window=False)


@pytest.fixture
def load_module(host: Host) -> Callable[..., LoadedModule]:
    """``host.load_module``: "CastHub" to its panel."""
    load: Any = host.load_module
    return load  # type: ignore[no-any-return]

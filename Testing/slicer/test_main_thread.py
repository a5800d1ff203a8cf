"""Work is given to the main thread in pieces: a module that is opened first, and a burst of messages.

How long a piece takes is a matter of the machine: ``Testing/benchmarks/main_thread.py`` measures it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("CastInterface", "CastServiceProvider", "CastHub")
MIN_PIECES = 5  # imports one by one, the widgets, the panel

# In a process where nothing of the product is imported yet; what a module before has imported is forgotten.
OPEN_EACH = """
import json, sys
sys.path.insert(0, sys.argv[1])
from slicer_host import start_host
from slicer_host.pythonqt_signals import slots_held
host = start_host()
for name in sys.argv[2:]:
    for library in [one for one in sys.modules if one.startswith("Cast")]:
        del sys.modules[library]
    slots_held.reset()
    module = host.load_module(name)
    at_once = module.widget.frame.ready
    assert host.spin(lambda: module.widget.frame.ready, 120), name
    from CastSlicerLib.slow_calls import longest_calls
    facts = [at_once, slots_held.pieces, str(slots_held), longest_calls()]
    print(json.dumps([name, *facts]), flush=True)
    host.unload_all()
host.quit()
"""


def test_a_module_that_is_opened_first_is_made_in_steps() -> None:
    command = [sys.executable, "-c", OPEN_EACH, str(ROOT / "Testing"), *MODULES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [line[0] for line in lines] == list(MODULES), done.stderr
    for name, at_once, pieces, words, calls in lines:
        print(f"{name}: {words}; calls to others:")
        for call, took in sorted(calls.items()):
            print(f"  {call}: {took * 1000:.0f} ms")
        assert not at_once and pieces >= MIN_PIECES, f"{name} is made in {pieces} steps"


@pytest.mark.parametrize("name", MODULES)
def test_who_asks_for_a_panel_that_is_being_made_has_it_at_once(host: Any, name: str) -> None:
    import slicer.util

    module = host.load_module(name)
    assert not module.widget.frame.ready
    logic = slicer.util.getModuleLogic(name)
    assert logic is not None and module.widget.frame.ready
    assert module.widget.panel is not None and slicer.util.getModuleLogic(name) is logic


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_goes_while_its_panel_is_being_made_leaves_nothing(host: Any, name: str) -> None:
    module = host.load_module(name)
    frame = module.widget.frame
    host.unload_all()
    assert not host.spin(lambda: frame.ready, 0.1)


def test_a_panel_that_cannot_be_made_is_told(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from CastSlicerLib import module_frame

    def fail(name: str) -> None:
        raise ImportError("no module named teapot")

    monkeypatch.setattr(module_frame, "import_step", fail)
    module = host.load_module("CastHub")
    assert host.spin(lambda: host.messages, 120)
    assert "The panel could not be opened." in host.messages[0].text and "teapot" in host.messages[0].text
    assert not host.spin(lambda: len(host.messages) > 1, 0.1), "it is not tried for ever"
    assert not module.widget.frame.ready


def test_a_burst_of_messages_is_taken_in_many_ticks(host: Any) -> None:
    from slicer_host.pythonqt_signals import slots_held

    from CastSlicerLib.pump_timer import acquire, release, slicer_pump

    taken: list[int] = []

    def take(number: int) -> None:
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass
        taken.append(number)

    slots_held.reset()
    for number in range(200):
        slicer_pump().post(take, number)
    acquire()
    assert host.spin(lambda: len(taken) == 200, 120)
    release()
    assert taken == list(range(200))
    # 400 ms of work on this or a slower machine, of which a tick takes what fits into some 20 ms.
    assert slots_held.pieces >= 8

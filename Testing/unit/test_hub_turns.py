"""The longest turn of the loop is told whole, whenever it begins."""

from __future__ import annotations

import pytest
from manual_loop import ManualLoop

from CastHubLib.turns import Turns


@pytest.mark.parametrize("before", [0.0, 0.001, 0.0123, 0.04, 0.0499, 3.0])
@pytest.mark.parametrize("turn", [0.03, 0.1, 1.0])
def test_a_turn_is_told_but_for_five_milliseconds(before: float, turn: float) -> None:
    loop = ManualLoop()
    turns = Turns(loop)  # type: ignore[arg-type]
    turns.begin()
    loop.pass_time(before)

    def work() -> None:
        turns.busy()
        loop._now += turn  # nothing else runs meanwhile

    loop.call_soon(work)
    loop.pass_time(0.2)
    assert turn - 0.005 <= turns.longest + 1e-9 and turns.longest <= turn


def test_an_idle_hub_is_woken_seldom_and_a_closed_one_never() -> None:
    loop = ManualLoop()
    turns = Turns(loop)  # type: ignore[arg-type]
    turns.busy()
    assert loop.pending == 0, "it has not begun"
    turns.begin()
    turns.busy(), turns.busy()
    assert loop.pending == 1
    loop.pass_time(60.0)
    assert loop.pending == 1 and turns.longest == 0 and loop._waiting[0][0] > loop.time() + 0.005
    turns.close()
    assert loop.pending == 0

"""Which signals end a command, and how."""

from __future__ import annotations

import signal

import pytest

from CastLib.command_line import stop_signals


def test_interrupted_is_told_from_ended() -> None:
    assert stop_signals()[signal.SIGINT] == 130 and stop_signals()[signal.SIGTERM] == 0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal hangs up here")
@pytest.mark.parametrize(("before", "ends"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_closed_terminal_ends_what_nohup_does_not_protect(before: signal.Handlers, ends: bool) -> None:
    kept = signal.signal(signal.SIGHUP, before)
    try:
        assert (signal.SIGHUP in stop_signals()) is ends
    finally:
        signal.signal(signal.SIGHUP, kept)

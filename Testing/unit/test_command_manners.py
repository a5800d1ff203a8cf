"""What every command does: which signals end it, and what it says of a fault."""

from __future__ import annotations

import logging
import signal

import pytest

from CastLib.command_line import set_up_logging, stop_signals
from CastLib.errors import CastError


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


@pytest.mark.parametrize(("level", "tracebacks"), [("info", False), ("debug", True)])
def test_a_fault_is_one_line_of_the_log_unless_it_is_being_looked_for(
    capsys: pytest.CaptureFixture[str], level: str, tracebacks: bool
) -> None:
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    try:
        set_up_logging(level)
        for error in (CastError("no such file"), ValueError("Doe^Jane")):
            try:
                raise error
            except Exception:
                logging.getLogger("cast.test").exception("a job\nfailed")
    finally:
        root.handlers[:], root.level = kept
    said = capsys.readouterr().err
    assert ("Traceback" in said) is tracebacks and "CastError: no such file" in said
    if not tracebacks:
        first, second = said.splitlines()
        assert first.endswith("a job failed: CastError: no such file") and second.endswith("a job failed: ValueError")

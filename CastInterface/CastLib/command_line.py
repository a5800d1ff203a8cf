"""What every command of the product shares: its flags, its exit codes, and how it stops."""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from copy import copy
from types import FrameType
from typing import TYPE_CHECKING, Any

from CastLib.actors import parse_actors
from CastLib.client.state import ONLINE, REFUSED, WAITING
from CastLib.errors import CastError, HubNotReachable, TimedOut, WrongUsage
from CastLib.fields import UNSEEN
from CastLib.flag_values import given
from CastLib.message import Target
from CastLib.slicer_python import in_slicer

if TYPE_CHECKING:
    from CastLib.client import Pump, Session

EXIT_DONE = 0
EXIT_FAILED = 1  # refused or failed: one sentence says why
EXIT_USAGE = 2  # argparse's own, and what is wrong in a file or variable of settings
EXIT_NO_HUB = 3
EXIT_TIMED_OUT = 4  # timed out, or nobody answered
EXIT_INTERRUPTED = 130

DEFAULT_HUB = "http://127.0.0.1:2018"
_COMMANDS = re.compile(f"(?:{UNSEEN.pattern})+")

LOG_LEVELS = ("debug", "info", "warning", "error")


def add_connection_arguments(parser: argparse.ArgumentParser, *, product: str, actor: str = "") -> None:
    """Add the flags that say which hub, and as whom."""
    group = parser.add_argument_group("connection")
    hub = os.environ.get("CAST_HUB") or DEFAULT_HUB
    group.add_argument("--hub", metavar="URL", type=given, default=hub, help=f"the hub's address (CAST_HUB; now {hub})")
    group.add_argument("--user", metavar="NAME", type=given, help="who you are (CAST_USER; default: the login name)")
    group.add_argument("--topic", metavar="T", type=given, help="whose events (CAST_TOPIC; default: the user's name)")
    help_name = "this application's name (default: <PRODUCT>-<6 hex>)"
    group.add_argument("--name", metavar="SUBSCRIBER", type=given, help=help_name)
    help_product = f"product name (default: {product or 'none'})"
    group.add_argument("--product", metavar="NAME", type=given, default=product or None, help=help_product)
    help_actor = f"role of this application, may be repeated (default: {actor or 'none'})"
    group.add_argument("--actor", metavar="KEYWORD", type=given, action="append", help=help_actor)
    parser.set_defaults(default_actor=actor)


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that narrow a message to some receivers."""
    group = parser.add_argument_group("target")
    group.add_argument("--target-product", metavar="P", type=given, help="only to applications of this product")
    group.add_argument("--target-actor", metavar="A", type=given, help="only to applications that play this actor")
    group.add_argument("--target-name", metavar="S", type=given, help="only to the subscriber of this name")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags for what is printed and logged."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="one JSON value a line on stdout, nothing else there")
    group.add_argument("--quiet", action="store_true", help="print no progress")
    add_log_argument(group)


def add_log_argument(parser: argparse._ActionsContainer, default: str = "warning") -> None:
    """Add ``--log-level``."""
    help_text = f"what is logged on stderr (default: {default}); debug also shows tracebacks"
    parser.add_argument("--log-level", choices=LOG_LEVELS, default=default, help=help_text)


def add_service_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags for what a command that runs until Ctrl-C prints and logs."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print each state of the connection as one JSON line")
    group.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    add_log_argument(group, "info")


def set_up_service_logging(args: argparse.Namespace) -> None:
    """Log as a service's flags say."""
    set_up_logging("warning" if args.quiet and args.log_level == "info" else args.log_level)


def connection(args: argparse.Namespace) -> dict[str, Any]:
    """Return the SessionSettings that the connection flags say: hub, user, topic, name, product, actors."""
    user = args.user or os.environ.get("CAST_USER") or _login_name()
    return {
        "hub": args.hub,
        "user": user,
        "topic": args.topic or os.environ.get("CAST_TOPIC") or user,
        "name": args.name or "",
        "product": args.product,
        "actors": parse_actors(args.actor or args.default_actor, "--actor"),
    }


def target(args: argparse.Namespace) -> Target:
    """Return the target that the target flags say."""
    return Target(actor=args.target_actor or "", product=args.target_product or "", name=args.target_name or "")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no login name in a bare container
        return "user"


def one_line(text: str) -> str:
    """Return a text from outside as a terminal may show it: on one line, and with no command to the terminal in it."""
    return _COMMANDS.sub(" ", text)


def lines(text: str) -> str:
    """Return a text of several lines, of which each is ``one_line``."""
    return "\n".join(map(one_line, text.split("\n")))


def set_up_logging(level: str) -> None:
    """Log to stderr, one line an event, with the time in UTC; tracebacks at ``debug`` only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(tracebacks=level == "debug"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # its lines hold addresses; what goes wrong is told by ours


class _Lines(logging.Formatter):
    def __init__(self, *, tracebacks: bool) -> None:
        form = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
        super().__init__(form, datefmt="%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        if self._tracebacks:
            return super().format(record)
        line, error = copy(record), record.exc_info[1] if record.exc_info else None
        line.msg, line.args, line.exc_info, line.exc_text = record.getMessage(), (), None, None
        if error is not None:
            known = f": {error}" if isinstance(error, CastError) else ""  # others may quote what came in
            line.msg += f": {type(error).__name__}{known}"
        line.msg = one_line(line.msg)
        return super().format(line)


def stop_signals() -> dict[int, int]:
    """Return the signals that end a command, each with the exit code that it makes.

    A closed terminal and Windows' Ctrl-Break end as SIGTERM does; what ``nohup`` has made deaf to the first stays so.
    """
    codes: dict[int, int] = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_DONE}
    for name in ("SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            codes[number] = EXIT_DONE
    return codes


class StopSignal:
    """What ``stop_signals`` lists as a value that a loop looks at. ``exit_code`` is 130 after Ctrl-C, 0 after SIGTERM.

    A second Ctrl-C interrupts at once, so that nothing can hang on its way out.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self.exit_code = EXIT_DONE

    def install(self) -> StopSignal:
        """Take the signals of this process; the main thread calls it."""
        for number in stop_signals():
            signal.signal(number, self._on_signal)
        return self

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._event.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        if number == signal.SIGINT:
            self.exit_code = EXIT_INTERRUPTED
        self._event.set()

    @property
    def stopped(self) -> bool:
        """Tell whether a signal came."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds``; return whether a signal came."""
        return self._event.wait(seconds)


def stay_until_online(session: Session, pump: Pump, stop: StopSignal, say: Callable[[str], object]) -> None:
    """Subscribe, for a command that stays: it waits for a hub that is late, until it is stopped.

    Raises what the client raises when the hub refuses it.
    """
    session.start()
    said = False
    while not stop.stopped and session.state.kind != ONLINE:
        pump.run_once(0.1)
        check_online(session)
        if session.state.kind == WAITING and not said:
            said = True
            say(f"waiting for the hub: {session.state.reason}; Ctrl-C ends")


def check_online(session: Session) -> None:
    """Raise what the client raises when the hub has refused the subscription or ended it for good."""
    if session.state.kind == REFUSED:
        session.wait_online(0)  # raises why


def run_guarded(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command and turn what went wrong into a sentence on stderr and an exit code.

    No traceback reaches a user unless ``--log-level debug``.
    """
    try:
        return command(args)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has left: nobody is there to be told
        leave_stdout()
        return EXIT_DONE
    except (CastError, OSError) as error:
        if getattr(args, "log_level", "") == "debug":
            logging.getLogger("cast").exception("the command failed")
        print(f"cast: {lines(str(error))}", file=sys.stderr)
        return _exit_code(error)
    except Exception as error:
        if getattr(args, "log_level", "") == "debug":
            raise
        if isinstance(error, ModuleNotFoundError):
            print(f"cast: the Python package {error.name} is missing{_advice()}", file=sys.stderr)
            return EXIT_FAILED
        what = f"{type(error).__name__}: {lines(str(error))}"
        print(f"cast: unexpected {what} (--log-level debug shows where)", file=sys.stderr)
        return EXIT_FAILED


def leave_stdout() -> None:
    """Print to nobody from now on, at the interpreter's end too: the reader of the pipe has left."""
    sys.stdout = open(os.devnull, "w")


def _advice() -> str:
    return ": open the module in Slicer once, it installs what it needs" if in_slicer() else ""


def _exit_code(error: Exception) -> int:
    if isinstance(error, HubNotReachable):
        return EXIT_NO_HUB
    if isinstance(error, WrongUsage):
        return EXIT_USAGE
    return EXIT_TIMED_OUT if isinstance(error, TimedOut) else EXIT_FAILED

"""The stand-in for Slicer's own command.

    python -m slicer_host [--no-main-window] --python-script FILE [-- ARGUMENTS]

As in Slicer the script runs inside Qt's loop as ``__main__``, with ``sys.argv`` the script and what stands after the
two dashes, and the application goes on until something ends it; an exception does not end it, ``sys.exit`` does.

Not all that stands after the two dashes is the script's, as in Slicer:

- Qt looks through the whole command line for its own flags, with one dash or two, and takes them out (xcb on Linux).
- A first argument whose name ends with ``.py`` is run instead of the script, and Slicer ends after it.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

OF_QT = ("--name", "--display", "--visual")  # those of Qt's that could be taken for a script's; each has a value


def without_qts(arguments: list[str]) -> list[str]:
    """What Qt leaves of a command line."""
    left: list[str] = []
    each = iter(arguments)
    for argument in each:
        if argument in OF_QT and next(each, None) is not None:
            continue
        left.append(argument)
    return left


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Slicer's own flags, and the script's."""
    own, rest = arguments, []
    if "--" in arguments:
        at = arguments.index("--")
        own, rest = arguments[:at], arguments[at + 1 :]
    parser = argparse.ArgumentParser(prog="Slicer", allow_abbrev=False)
    parser.add_argument("--no-main-window", action="store_true")
    parser.add_argument("--no-splash", action="store_true", help="there is none")
    parser.add_argument("--python-script", metavar="FILE", required=True)
    parser.add_argument("--additional-module-path", metavar="DIR", type=Path, help="else the source tree")
    parser.add_argument("--fed", action="store_true", help="(the stand-in's own) let threads run, as no Slicer does")
    options = parser.parse_args(own)
    if rest and rest[0].endswith(".py"):
        print("Ignore script specified using '--python-script'", file=sys.stderr)
        options.python_script = rest.pop(0)
    return options, rest


class StandardStream:
    """What ``sys.stdout`` and ``sys.stderr`` are in Slicer: PythonQt's, with these three methods and nothing else."""

    __slots__ = ("_stream",)

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Hand a text on; who reads a pipe gets it when the system's buffer is full, or at the end."""
        self._stream.write(text)

    def flush(self) -> None:
        """Nothing: what is written stays in the system's buffer, also with ``print(…, flush=True)``."""

    def isatty(self) -> bool:
        """Never."""
        return False


def run_script(script: str, arguments: list[str], end: Any) -> None:
    """Run a file in ``__main__`` as Slicer's Python manager does."""
    sys.stdout, sys.stderr = StandardStream(sys.stdout), StandardStream(sys.stderr)  # type: ignore[assignment]
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))
    main = sys.modules["__main__"].__dict__
    main["__file__"] = script
    try:
        exec(compile(Path(script).read_text(encoding="utf-8"), script, "exec"), main)
    except SystemExit as ended:
        end(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
    except BaseException:
        traceback.print_exc()


def main() -> int:
    """Run; the exit code."""
    options, rest = parse(without_qts(sys.argv[1:]))
    from slicer_host import start_host

    packages = [options.additional_module_path] if options.additional_module_path else None
    host = start_host(starving=not options.fed, main_window=not options.no_main_window, packages=packages)
    code = host.run(lambda: run_script(options.python_script, rest, host.app.exit))
    host.quit()
    return code

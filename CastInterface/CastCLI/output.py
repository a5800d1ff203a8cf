"""What the commands print: for people, for programs (one JSON value a line), and progress that leaves no litter.

Results, tables among them, go to stdout; everything else that is meant for people goes to stderr when it is piped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from CastLib.command_line import leave_stdout, lines, one_line

_WIDE = 10_000

ProgressCallback = Callable[[int, int], None]


class Output:
    """Prints for one command, as its ``--json`` and ``--quiet`` say."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.as_json: bool = args.json
        self.quiet: bool = args.quiet
        #: Whether who read stdout through a pipe has left: what is printed there goes nowhere.
        self.reader_left = False
        for stream in (sys.stdout, sys.stderr):  # a console of another encoding shows what it cannot as \\u…
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        for_people = sys.stdout if sys.stdout.isatty() and not self.as_json else sys.stderr
        self.console = Console(file=for_people, highlight=False, soft_wrap=True)
        # A table is as wide as what stands in it; only a terminal has an edge.
        self._results = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE)
        self._progress_console = Console(file=sys.stderr, highlight=False)

    def say(self, sentence: str) -> None:
        """Tell a person something; programs do not get it."""
        if not self.quiet:
            self.console.print(lines(sentence), markup=False)

    def value(self, value: Any) -> None:
        """Print a value as one line of JSON when ``--json`` asks for it."""
        if self.as_json:
            self._print(_json_line(value))

    def line(self, value: Any, text: str) -> None:
        """Print one result: as JSON, or as a line of text on stdout."""
        self._print(_json_line(value) if self.as_json else one_line(text))

    def _print(self, line: str) -> None:
        try:
            print(line, flush=True)
        except BrokenPipeError:  # a command that stays prints from the pump, which an exception does not end
            self.reader_left = True
            leave_stdout()

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """Show a table to a person; columns whose title ends in a unit in brackets are set to the right."""
        if self.as_json:
            return
        table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, justify="right" if column.endswith(")") else "left")
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))  # a name from outside is no markup
        self._results.print(table)

    @contextmanager
    def transfer(self, label: str) -> Iterator[ProgressCallback]:
        """Show a bar while bytes move: call what this yields with (bytes done, bytes in all)."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeElapsedColumn(),
        )
        with self._bar(*columns) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def steps(self, count: int) -> Iterator[Steps]:
        """Show a bar of ``count`` steps, and under it how far the present one is."""
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
        with self._bar(*columns) as bar:
            yield Steps(bar, count, self._progress_console, self.quiet)

    def _bar(self, *columns: Any) -> Progress:
        hidden = self.quiet or not self._progress_console.is_terminal
        return Progress(*columns, console=self._progress_console, transient=True, disable=hidden)


def _json_line(value: Any) -> str:
    """Return a value as JSON that can be printed in the encoding of this process's output, whatever that is."""
    return json.dumps(value, ensure_ascii=not (sys.stdout.encoding or "").lower().startswith("utf"))


class Steps:
    """A command's steps as they pass: each leaves one line with its time, which ``times`` keeps in seconds."""

    def __init__(self, bar: Progress, count: int, console: Console, quiet: bool) -> None:
        self.times: list[tuple[str, float]] = []
        self._bar = bar
        self._console = console
        self._quiet = quiet
        self._whole = bar.add_task("all steps", total=count)
        self._part = bar.add_task("", total=None)

    @contextmanager
    def step(self, sentence: str) -> Iterator[None]:
        """Run one step; when it fails the error passes through."""
        began = time.perf_counter()
        self._bar.reset(self._part, description=sentence, total=None)
        yield
        seconds = time.perf_counter() - began
        self.times.append((sentence, seconds))
        self._bar.update(self._whole, advance=1)
        if not self._quiet:
            self._console.print(f"{seconds:7.2f} s  {sentence}", markup=False)

    def progress(self, done: float, total: float) -> None:
        """Tell how far the present step is."""
        self._bar.update(self._part, completed=done, total=total)

    def note(self, sentence: str) -> None:
        """Tell what the present step is at."""
        self._bar.update(self._part, description=sentence)
        if not self._console.is_terminal and not self._quiet:
            self._console.print(f"           {sentence}", markup=False)

"""``--context``, ``--study`` and their kin: the context of an event as the command line gives it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from CastLib.errors import CastError, FieldError, WrongUsage
from CastLib.fields import parse_json
from CastLib.flag_values import given
from CastLib.study_context import make_study_context


def add_context_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--context``."""
    parser.add_argument(
        "--context", metavar="JSON|@FILE", type=given, help="the context as JSON, or @ and a file that holds it"
    )


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name a study without writing JSON."""
    parser.add_argument("--study", metavar="UID", type=given, help="StudyInstanceUID to speak of")
    parser.add_argument("--accession", metavar="A", type=given, help="accession number to speak of")
    parser.add_argument("--patient", metavar="ID", type=given, help="patient id to speak of")


def read_context(text: str | None) -> Any:
    """Return the JSON value of ``--context``, None when it is absent; raises CastError naming flag or file."""
    if text is None:
        return None
    if text.startswith("@"):
        return parse_json(read_named("--context", Path(text[1:])), text[1:])
    try:
        return parse_json(text, "--context")
    except FieldError as error:
        raise WrongUsage(str(error)) from None


def read_named(flag: str, path: Path) -> bytes:
    """Return the bytes of a file that a flag names; raises CastError naming both."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CastError(f"{flag}: {path} cannot be read: {error.strerror or error}") from None


def event_context(args: argparse.Namespace) -> list[Any] | dict[str, Any]:
    """Return the context of an event: what ``--context`` says, else the study that the flags name, else nothing."""
    context = read_context(args.context)
    if context is not None:
        if not isinstance(context, (list, dict)):
            raise WrongUsage("--context: must be a JSON list or object")
        if args.study or args.accession or args.patient:
            raise WrongUsage("--context: holds the study already; leave out --study, --accession and --patient")
        return context
    if not (args.study or args.accession or args.patient):
        return []
    return list(make_study_context(args.study or "", accession=args.accession or "", patient_id=args.patient or ""))

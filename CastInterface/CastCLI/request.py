"""Ask other applications on the topic, wait for their answers, print who answered."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from CastCLI.answer_words import is_refusal, words_of
from CastCLI.contexts import add_context_argument, read_context
from CastLib.command_line import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_TIMED_OUT,
    add_connection_arguments,
    add_output_arguments,
    add_target_arguments,
    target,
)
from CastLib.data_types import KNOWN
from CastLib.errors import CastError, WrongUsage
from CastLib.flag_values import folder, given, seconds
from CastLib.message import MAX_REQUEST_TIMEOUT, REQUEST_TIMEOUT

_OTHERS = {"any other word": "whoever runs `cast answer` for it"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``cast request``."""
    who_answers = {one.name: one.answers for one in KNOWN} | _OTHERS
    width = max(map(len, who_answers))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    lines = [f"  {name:<{width}}  {who}" for name, who in who_answers.items()]
    parser.epilog = "data types, and who answers:\n" + "\n".join(lines)
    parser.add_argument(
        "data_type", metavar="DATATYPE", type=given, help="what to ask for, such as STATUS or SCENEVIEW"
    )
    add_context_argument(parser)
    parser.add_argument("--out", type=folder, metavar="DIR", help="write answers, pictures and files there")
    help_text = f"seconds to wait for answers (default: {REQUEST_TIMEOUT:g})"
    parser.add_argument("--timeout", type=seconds, default=REQUEST_TIMEOUT, metavar="S", help=help_text)
    add_connection_arguments(parser, product="CAST-CLI")
    add_target_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask; the exit code is 4 when nobody answered, 1 when all who did say that they cannot."""
    from CastCLI.files import save_answer
    from CastCLI.output import Output
    from CastCLI.sessions import a_session

    output = Output(args)
    context = {} if args.context is None else read_context(args.context)
    if not isinstance(context, dict):
        raise WrongUsage("--context: must be a JSON object")
    if args.timeout > MAX_REQUEST_TIMEOUT:
        raise WrongUsage(f"--timeout: must be {MAX_REQUEST_TIMEOUT:g} seconds at most")
    with a_session(args) as (session, _):
        began = time.monotonic()
        collated = session.request(args.data_type, context, target=target(args), timeout=args.timeout)
        early = time.monotonic() - began < args.timeout
        responses = collated.get("responses") or []
        output.value(collated)
        output.table("", ["subscriber", "product", "actor", "answer"], [_row(answer) for answer in responses])
        unsaved = []
        if args.out:
            for number, answer in enumerate(responses, 1):
                try:
                    written = save_answer(args.out, number, answer)
                    written += _fetch_files(session, answer, written[0].parent, output)
                    output.say(f"saved {len(written)} files to {written[0].parent}")
                except CastError as error:  # the others' answers may be whole
                    unsaved.append(f"the answer of {answer.get('subscriber') or '-'} is not saved in full: {error}")
    missing = ", ".join(map(str, collated.get("missing") or []))
    if missing:
        waited = "the hub did not wait to the end: no answer" if early else f"no answer within {args.timeout:g} s"
        output.say(f"{waited} from {missing}")
    if not responses:
        output.say("nobody answered" if missing else "nobody who could answer is connected to this topic")
    if unsaved:
        raise CastError("; ".join(unsaved))
    if responses and all(is_refusal(answer.get("data")) for answer in responses):
        return EXIT_FAILED
    return EXIT_DONE if responses else EXIT_TIMED_OUT


def _row(answer: dict[str, Any]) -> list[str]:
    actor = answer.get("actor") or ""
    return [
        str(answer.get("subscriber") or "-"),
        str(answer.get("productName") or "-"),
        ", ".join(map(str, actor)) if isinstance(actor, list) else str(actor),
        words_of(answer.get("data")),
    ]


def _fetch_files(session: Any, answer: dict[str, Any], folder: Path, output: Any) -> list[Path]:
    """Download the payloads of an answer that came as a batch."""
    from CastCLI.files import fetch_batch
    from CastLib.message import make_message, parse_publish

    if not answer.get("files"):
        return []
    wire = make_message("answer-files", session.topic, {"files": answer["files"]})
    return fetch_batch(session, parse_publish(wire), folder, output)

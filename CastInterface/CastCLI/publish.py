"""Publish one event to the topic."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from CastCLI.contexts import add_context_argument, add_study_arguments, event_context
from CastLib.command_line import (
    EXIT_DONE,
    add_connection_arguments,
    add_output_arguments,
    add_target_arguments,
    target,
)
from CastLib.events import REQUEST_SUFFIX, event_key
from CastLib.fhir_resource import bare_uid, is_uid
from CastLib.flag_values import given


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``cast publish``."""
    parser.add_argument("event", metavar="EVENT", type=given, help="the event's name, such as ImagingStudy-open")
    add_context_argument(parser)
    add_study_arguments(parser)
    add_connection_arguments(parser, product="CAST-CLI")
    add_target_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Publish, and tell the message's id."""
    from CastCLI.output import Output
    from CastCLI.sessions import a_session, warn_if_alone

    output = Output(args)
    context = event_context(args)
    with a_session(args) as (session, _):
        message_id = session.publish(args.event, context, target=target(args))
        for doubt in _doubts(args, context):
            output.say(f"warning: {doubt}")
        warn_if_alone(session, target(args), output)
        output.value({"id": message_id, "event": args.event, "topic": session.topic})
        output.say(f"published {args.event} to {session.topic} as {message_id}")
    return EXIT_DONE


def _doubts(args: argparse.Namespace, context: Any) -> Iterator[str]:
    """What is sent as it is, though hardly anybody can have meant it."""
    if "-" not in args.event.strip("-") or any(letter.isspace() for letter in args.event):
        yield f"{args.event!r} is hardly an event: they are named like ImagingStudy-open"
    if event_key(args.event).endswith(REQUEST_SUFFIX):
        yield f"{args.event} asks, and an event that is published gets no answer: ask with `cast request`"
    if context == [] and event_key(args.event).endswith(("-open", "-close")):
        yield "the event does not say what it speaks of: name it with --study or --context"
    if args.study and not is_uid(bare_uid(args.study)):
        yield f"--study: {args.study!r} is hardly a StudyInstanceUID: those look like 1.2.840.113619.2.55.3.12"

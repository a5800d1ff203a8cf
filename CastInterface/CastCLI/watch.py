"""Print the events that pass on the topic, a line each, until Ctrl-C or until enough have passed."""

from __future__ import annotations

import argparse
from typing import Any

from CastLib.command_line import (
    EXIT_DONE,
    StopSignal,
    add_connection_arguments,
    add_output_arguments,
    check_online,
    stay_until_online,
)
from CastLib.data_types import STATUS
from CastLib.errors import CastError
from CastLib.events import STATUS_UPDATE, SYNC_ERROR, event_key
from CastLib.fhir_resource import member, objects, text
from CastLib.flag_values import folder, given, whole
from CastLib.manifest import local_file_name
from CastLib.message import Message

#: What a STATUS says of an application that takes batches and never answers them.
NO_RESULTS = {"key": "sends results", "value": "never"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``cast watch``."""
    parser.add_argument("events", metavar="EVENT", type=given, nargs="*", help="events to print (default: all)")
    parser.add_argument("--count", type=whole, metavar="N", help="stop after N events")
    parser.add_argument("--out", type=folder, metavar="DIR", help="also download batches into a folder an event")
    add_connection_arguments(parser, product="CAST-CLI")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Subscribe and print; the exit code is 130 after Ctrl-C."""
    from CastCLI.files import fetch_batch
    from CastCLI.output import Output
    from CastCLI.sessions import a_session, tell_of_hub

    output = Output(args)
    stop = StopSignal().install()
    printed = 0
    with a_session(args, events=tuple(args.events) or ("*",)) as (session, pump):

        def show(message: Message) -> None:
            nonlocal printed
            if args.count and printed >= args.count:
                return
            printed += 1
            output.line(message.wire, event_line(message))
            if args.out:
                try:
                    fetch_batch(session, message, args.out / local_file_name(message.id), output)
                except CastError as error:  # the next may fare better
                    output.say(f"not saved: {message.event} {message.id}: {error}")

        session.on_event(show, requests=True)
        session.on_request(STATUS, lambda _: presence(args.product), in_background=True)
        stay_until_online(session, pump, stop, output.say)
        if not stop.stopped:
            output.say(f"watching {session.topic} at {args.hub}; Ctrl-C ends")
        tell_of_hub(session, output)
        while not (stop.stopped or output.reader_left or (args.count and printed >= args.count)):
            pump.run_once(0.1)
            check_online(session)
    return stop.exit_code if stop.stopped else EXIT_DONE


def presence(product: str) -> dict[str, Any]:
    """Return the STATUS of a command that stays: it is there, and nobody need wait for a result from it."""
    items = [{"key": "availability", "value": "online"}, NO_RESULTS]
    return {"source": "status", "product": product, "items": items}


def event_line(message: Message) -> str:
    """Return one line on a message: time, topic, event, who sent it to whom, how many files, id, and what it says."""
    sender = message.sender.name or "-"
    target = message.target.name or message.target.product or message.target.actor or "*"
    files = message.context_dict().get("files")
    count = f" {len(files)} files" if isinstance(files, list) else ""
    said = f": {words}" if (words := _said(message)) else ""
    return f"{message.timestamp or '-'} {message.topic} {message.event} {sender} -> {target}{count} {message.id}{said}"


def _said(message: Message) -> str:
    """The sentence of a message that is one: a line of progress, or why somebody does not follow an event."""
    if message.key == STATUS_UPDATE:
        return text(message.context_dict().get("message"))
    if message.key != event_key(SYNC_ERROR):
        return ""
    resources = [resource for item in message.items() for resource in objects(item.get("resource"))]
    issues = [issue for resource in resources for issue in objects(member(resource, "issue"))]
    return "; ".join(filter(None, (text(member(issue, "diagnostics")) for issue in issues)))

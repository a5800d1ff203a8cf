"""Send files as one batch; with --wait stay for the result that is addressed to the sender, and save it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from CastCLI.contexts import add_context_argument, read_context
from CastCLI.watch import presence
from CastLib.actors import IMAGE_DISPLAY
from CastLib.command_line import (
    EXIT_DONE,
    StopSignal,
    add_connection_arguments,
    add_output_arguments,
    add_target_arguments,
    check_online,
    connection,
    target,
)
from CastLib.data_types import STATUS
from CastLib.errors import CastError, TimedOut, WrongUsage
from CastLib.events import STATUS_UPDATE, event_key, is_binary_family
from CastLib.flag_values import folder, given, seconds
from CastLib.message import Message, Target, new_id
from CastLib.status_update import IN_REPLY_TO

ANY = "*"
WAIT_SECONDS = 600.0

_LOOK = 5.0  # seconds between looks whether who works on it is still there
_GONE = 45.0  # seconds without it, more than a hub keeps a place, after which it does not come back


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``cast send``."""
    parser.add_argument("event", metavar="EVENT", type=given, help="the event's name, such as dicom-send")
    parser.add_argument(
        "paths", metavar="FILE|DIR", type=given, nargs="+", help="files, and folders with all beneath them"
    )
    add_context_argument(parser)
    help_wait = "wait for the answer (or for this event) that is addressed to this sender"
    parser.add_argument("--wait", nargs="?", const=ANY, type=given, metavar="EVENT", help=help_wait)
    parser.add_argument("--out", type=folder, metavar="DIR", help="where to save the answer (default: this folder)")
    help_timeout = f"seconds to wait for the answer (default: {WAIT_SECONDS:g})"
    parser.add_argument("--timeout", type=seconds, default=WAIT_SECONDS, metavar="S", help=help_timeout)
    add_connection_arguments(parser, product="CAST-CLI")
    add_target_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Send, and wait if asked to."""
    from CastCLI.files import collect_files
    from CastCLI.output import Output
    from CastCLI.sessions import a_session, go_online, tell_of_hub, warn_if_alone

    output = Output(args)
    if args.out and not args.wait:
        raise WrongUsage("--out: is where the answer is saved, and goes with --wait")
    files, left_out = collect_files(args.paths)
    if left_out:
        output.say(left_out)
    context = {} if args.context is None else read_context(args.context)
    if not isinstance(context, dict):
        raise WrongUsage("--context: must be a JSON object; the list of files is added to it")
    actors = connection(args)["actors"] or ((IMAGE_DISPLAY,) if args.wait else ())
    with a_session(args, actors=actors) as (session, pump):
        waiting = _Waiting(session, new_id(), args.wait, output)
        if args.wait:
            session.on_event(waiting.receive)
            session.on_request(STATUS, lambda _: presence(args.product), in_background=True)
            go_online(session)
            tell_of_hub(session, output)
        with output.transfer(f"sending {len(files)} files") as progress:
            paths, names = [path for path, _ in files], [name for _, name in files]
            message_id = session.send_files(
                args.event, paths, names=names, context=context, target=target(args), progress=progress, id=waiting.id
            )
        output.value({"id": message_id, "event": args.event, "files": len(files)})
        output.say(f"sent {len(files)} files as {args.event} {message_id}")
        if args.wait:
            return waiting.stay(pump, args)
        warn_if_alone(session, target(args), output)
        return EXIT_DONE


class _Waiting:
    """Stays for the answer: shows progress lines that are addressed to the sender, keeps the first result.

    What says that it answers another message (``inReplyTo``) is not taken: two may send under one name.
    """

    def __init__(self, session: Any, id: str, wanted: str | None, output: Any) -> None:
        self.id = id
        self._session = session
        self._worker = ""
        self._seen = time.monotonic()
        self._wanted = event_key(wanted or ANY)
        self._output = output
        self._answer: Message | None = None
        self._failure = ""
        self._ended = ""

    def receive(self, message: Message) -> None:
        """Take one event; the pump calls it."""
        if message.target.name.casefold() != self._session.name.casefold():
            return
        if message.context_dict().get(IN_REPLY_TO, self.id) != self.id:
            return
        self._worker, self._seen = message.sender.name, time.monotonic()
        if message.key == STATUS_UPDATE:
            self._progress(message)
        elif self._answer is None and self._is_answer(message.key):
            self._answer = message

    def _is_answer(self, key: str) -> bool:
        return is_binary_family(key) if self._wanted == ANY else key == self._wanted

    def _progress(self, message: Message) -> None:
        context = message.context_dict()
        sentence = str(context.get("message") or "")
        if context.get("level") == "error":
            self._failure = sentence or "the service failed without saying why"
        elif context.get("ended") is True:
            self._ended = sentence or "done, without a result file"
        self._output.value(message.wire)
        self._output.say(f"{message.sender.product or message.sender.name}: {sentence}")

    def _check_worker(self, sent_to: Target) -> None:
        """Raise CastError when the service that told of its work has left, or all that the files were sent to."""
        from CastCLI.sessions import others_that_could_answer

        who = Target(name=self._worker) if self._worker else sent_to
        try:
            there = bool(others_that_could_answer(self._session, who))
        except CastError:  # the hub is away: nobody can tell
            there = True
        if there:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > _GONE:
            if self._worker:
                raise CastError(f"{self._worker}, which worked on it, is not connected any more; no result came")
            raise CastError("nobody who could answer is connected any more; no result came")

    def stay(self, pump: Any, args: argparse.Namespace) -> int:
        """Wait for the answer and save it; raises TimedOut, or CastError when the service says that it failed."""
        from CastCLI.files import fetch_batch
        from CastCLI.sessions import others_connected, others_that_could_answer

        stop = StopSignal().install()
        if not (self._answer or self._failure or others_that_could_answer(self._session, target(args))):
            count = len(others_connected(self._session, target(args)))
            looking = f"{count} are connected" + (", which send no results" if count else "")
            raise TimedOut(f"the files were sent, but nobody who could answer is connected ({looking})")
        look = time.monotonic() + _LOOK
        end = time.monotonic() + args.timeout
        while self._answer is None:
            pump.run_once(0.1)
            if stop.stopped:
                return stop.exit_code
            if self._failure:
                raise CastError(self._failure)
            if self._ended:
                raise CastError(f"no result file came: the service says {self._ended}")
            if time.monotonic() > end:
                raise TimedOut(
                    f"no answer came within {args.timeout:g} s; the files were sent and may still be worked on"
                )
            if time.monotonic() > look:
                look = time.monotonic() + _LOOK
                self._check_worker(target(args))
            check_online(self._session)
        paths = fetch_batch(self._session, self._answer, args.out or Path(), self._output)
        self._output.value({**self._answer.wire, "saved": [str(path) for path in paths]})
        return EXIT_DONE

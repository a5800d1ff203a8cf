"""Answer other applications' requests with a file or with what a command prints, until Ctrl-C."""

from __future__ import annotations

import argparse
import base64
import json
import logging
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from CastCLI.contexts import read_named
from CastLib.command_line import (
    StopSignal,
    add_connection_arguments,
    add_output_arguments,
    check_online,
    stay_until_online,
)
from CastLib.data_types import STATUS
from CastLib.errors import CastError, FieldError, WrongUsage
from CastLib.events import request_event
from CastLib.fields import parse_json
from CastLib.manifest import SIGNATURES, guess_mime_type
from CastLib.message import MAX_REQUEST_TIMEOUT, Message

_log = logging.getLogger("cast.answer")

_MAX_WORDS = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``cast answer``."""
    parser.epilog = (
        "JSON is answered as it is, a picture or other bytes as an Image context, other text as text. "
        "The command gets the request's JSON on its standard input; when it fails or prints nothing, nothing is "
        "answered."
    )
    parser.add_argument("data_type", metavar="DATATYPE", help="what to answer, such as REPORTCONTENT")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--file", type=Path, metavar="F", help="answer with this file, read anew each time")
    source.add_argument("--exec", dest="command", metavar="CMD", help="answer with what this command prints")
    add_connection_arguments(parser, product="CAST-CLI")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Answer until stopped; the exit code is 130 after Ctrl-C."""
    from CastCLI.output import Output
    from CastCLI.sessions import a_session, tell_of_hub
    from CastCLI.watch import event_line, presence

    output = Output(args)
    stop = StopSignal().install()
    data_type = _data_type(args.data_type)
    source = _FileSource(args.file) if args.file else _CommandSource(args.command)
    events = tuple({request_event(data_type), request_event(STATUS)})
    with a_session(args, events=events) as (session, pump):

        def answer(message: Message) -> Any:
            pump.post(output.line, message.wire, event_line(message))
            try:
                return source.answer(message)
            except CastError as error:  # the next request may fare better
                pump.post(output.say, f"not answered: {error}")
                return None

        session.on_request(STATUS, lambda _: presence(args.product), in_background=True)
        session.on_request(data_type, answer, in_background=True)
        stay_until_online(session, pump, stop, output.say)
        if not stop.stopped:
            output.say(f"answering {data_type} on {session.topic} at {args.hub}; Ctrl-C ends")
        tell_of_hub(session, output)
        while not (stop.stopped or output.reader_left):
            pump.run_once(0.1)
            check_online(session)
    return stop.exit_code


def _data_type(word: str) -> str:
    if not word or not all(letter.isalnum() or letter in "-_." for letter in word):
        raise WrongUsage(f"DATATYPE: {word!r} is no data type: letters, digits, -, _ and . only")
    return word.upper()


class _FileSource:
    """Answers with a file; another program may replace it between two requests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read()

    def answer(self, message: Message) -> Any:
        return answer_value(self._read(), self._path.name)

    def _read(self) -> bytes:
        return read_named("--file", self._path)


class _CommandSource:
    """Answers with what a command prints. No shell reads it: the words of a request never become part of it."""

    def __init__(self, command: str) -> None:
        try:
            words = shlex.split(command, posix=sys.platform != "win32")
        except ValueError as error:
            raise WrongUsage(f"--exec: {error}") from None
        if not words or not shutil.which(words[0].strip('"')):
            raise CastError(f"--exec: there is no program {words[0] if words else command!r}")
        self._command = command if sys.platform == "win32" else words

    def answer(self, message: Message) -> Any:
        request = json.dumps(message.wire, ensure_ascii=False).encode()
        try:
            done = subprocess.run(
                self._command, input=request, capture_output=True, timeout=MAX_REQUEST_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise CastError(f"--exec: took more than {MAX_REQUEST_TIMEOUT:g} s") from None
        except OSError as error:
            raise CastError(f"--exec: {error}") from None
        if done.stderr:
            _log.info("the command says: %s", done.stderr.decode("utf-8", "replace").strip()[-_MAX_WORDS:])
        if done.returncode:
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:_MAX_WORDS]
            raise CastError(f"--exec: the command ended with {done.returncode}{': ' + last if last else ''}")
        if not done.stdout.strip():
            raise CastError("--exec: the command printed nothing")
        return answer_value(done.stdout, "")


def answer_value(data: bytes, name: str) -> Any:
    """Return what these bytes are as an answer's ``data`` (protocol: data types).

    JSON is that value, text is text; anything else, and a picture by the file's ``name``, is an Image context whose
    Binary resource holds the bytes in base64.
    """
    kind = guess_mime_type(name)
    if not kind.startswith("image/"):
        try:
            return parse_json(data, name or "output")
        except FieldError as error:
            if name.lower().endswith(".json"):
                raise CastError(f"--file: {error}") from None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            kind = _picture_kind(data) or kind
    resource = {"resourceType": "Binary", "contentType": kind, "data": base64.b64encode(data).decode("ascii")}
    return {"context.type": "Image", "context": [{"key": "image", "resource": resource}]}


def _picture_kind(data: bytes) -> str:
    return next((kind for kind, signature in SIGNATURES.items() if data.startswith(signature)), "")

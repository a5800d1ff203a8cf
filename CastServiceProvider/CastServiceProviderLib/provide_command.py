"""Run one provider script until Ctrl-C or SIGTERM, or write a new one to begin with."""

from __future__ import annotations

import argparse
import functools
import json
import logging
import sys
from pathlib import Path

from CastLib.command_line import (
    EXIT_DONE,
    StopSignal,
    add_connection_arguments,
    add_service_arguments,
    check_online,
    connection,
    set_up_service_logging,
    stay_until_online,
)
from CastLib.errors import CastError, Refused
from CastLib.flag_values import above_0, given, seconds, whole
from CastLib.slicer_python import slicer_python
from CastServiceProviderLib.secrecy import ANY_SECRET, take_secret


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``cast provide``."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "script", metavar="SCRIPT", type=given, nargs="?", help="Python file with onMessage(message, context)"
    )
    what.add_argument("--new", metavar="FILE", type=given, help="write a commented script to begin with, and end")
    parser.add_argument("--client-id", metavar="ID", default="", help="provider's id at sign-in (default: the product)")
    parser.add_argument(
        "--client-secret-file",
        metavar="F",
        type=given,
        help="file with the provider's secret, - for standard input (else CAST_CLIENT_SECRET)",
    )
    parser.add_argument("--slots", metavar="N", type=whole, default=1, help="jobs that run at once (default: 1)")
    parser.add_argument(
        "--job-timeout", metavar="S", type=above_0, default=1800.0, help="seconds until a job is ended (default: 1800)"
    )
    parser.add_argument(
        "--job-memory",
        metavar="GB",
        type=_gigabytes,
        default=0,
        help="memory that a job may use (default: three quarters of the machine's, shared by the slots)",
    )
    parser.add_argument(
        "--job-disk", metavar="GB", type=_gigabytes, default=20 * 10**9, help="disk that a job may fill (default: 20)"
    )
    parser.add_argument(
        "--hub-away", metavar="S", type=seconds, default=600.0, help="seconds to retry a result (default: 600)"
    )
    add_connection_arguments(parser, product="", actor="EC")
    add_service_arguments(parser)


def _gigabytes(text: str) -> int:
    """The bytes in so many gigabytes."""
    count = above_0(text) * 10**9
    if not 1 <= count < 10**18:  # the system's limits are whole numbers of 64 bits
        raise argparse.ArgumentTypeError(f"must be gigabytes that a machine may have, not {text!r}")
    return int(count)


def run(args: argparse.Namespace) -> int:
    """Provide until stopped; return an exit code. Raises CastError for what the caller tells in a sentence."""
    from CastServiceProviderLib.script import read_script, write_skeleton

    if args.new:
        print(write_skeleton(args.new))
        return EXIT_DONE

    from CastLib.client import Pump, Session, SessionSettings
    from CastServiceProviderLib.job_settings import JobSettings
    from CastServiceProviderLib.provider import EVENTS, Provider
    from CastServiceProviderLib.secrecy import hide_memory

    secret = _secret(args.client_secret_file)
    hide_memory()
    set_up_service_logging(args)
    log = logging.getLogger("cast.provider")
    script = read_script(args.script)
    job_settings = JobSettings(
        slots=args.slots,
        timeout=args.job_timeout,
        memory=args.job_memory,
        disk=args.job_disk,
        hub_away=args.hub_away,
        python=slicer_python(),
    )
    args.product = args.product or script.name
    settings = SessionSettings(
        **{
            **connection(args),
            "topic": args.topic or "",  # a provider serves every topic unless it is told one
            "version": script.version,
            "events": EVENTS,
            "provider": True,
            "client_id": args.client_id,
            "client_secret": secret,
        }
    )
    out = sys.stdout if sys.stdout.isatty() and not args.json else sys.stderr
    say = functools.partial(print, file=out, flush=True)
    stop = StopSignal().install()
    pump = Pump()
    session = Session(settings, pump)
    session.on_state(lambda state: log.info("%s", state))
    if args.json:
        session.on_state(lambda state: print(json.dumps(session.describe(state)), flush=True))
    provider = Provider(session, script, job_settings)
    try:
        stay_until_online(session, pump, stop, say)
        if not stop.stopped:
            say(f"{settings.product} serves {session.hub} as {settings.name}; Ctrl-C ends it")
        while not stop.stopped:
            pump.run_once(0.1)
            check_online(session)
    except Refused as error:
        if error.status in (401, 403) and secret == ANY_SECRET:
            raise Refused(error.status, f"{error.reason}; CAST_CLIENT_SECRET names no secret") from None
        raise
    finally:
        provider.close()
        session.close()
    return stop.exit_code


def _secret(file: str | None) -> str:
    inherited = take_secret()
    if file is None:
        return inherited or ANY_SECRET
    try:
        if file == "-":
            return sys.stdin.readline().strip()
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CastError(f"--client-secret-file {file}: cannot be read ({type(error).__name__})") from None

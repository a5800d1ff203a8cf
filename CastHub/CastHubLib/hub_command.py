"""Run a hub until Ctrl-C or SIGTERM; its address is printed as soon as it answers there."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from contextlib import suppress
from functools import partial

from CastHubLib.settings import AUTH_MODES, CONTEXT_MODES, SETTINGS, HubSettings
from CastHubLib.settings_sources import FILE_VARIABLE, flag_name, resolve
from CastLib.command_line import EXIT_DONE, LOG_LEVELS, stop_signals
from CastLib.errors import WrongUsage

_OLD_THRESHOLD = 100  # collections of younger objects before one of all: some 700,000 objects more than there were


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the hub's flags; one that is not given leaves no trace, so that file and environment count."""
    default = HubSettings()
    state = str(default.state).replace("%", "%%")  # which argparse would take for its own
    flags = parser.add_argument_group("settings, which may also stand in FILE or in CAST_HUB_* (docs/settings.md)")
    add = partial(flags.add_argument, default=argparse.SUPPRESS)
    add("--host", help=f"address to listen on (default: {default.host})")
    add("--port", help=f"0 takes any free (default: {default.port})")
    add("--auth", metavar="|".join(AUTH_MODES), help=f"sign-in (default: {default.auth})")
    add("--insecure-mock", action="store_true", help="listen beyond loopback without real sign-in")
    add(
        flag_name("allowed_origins"),
        dest="allowed_origins",
        metavar="O",
        action="append",
        help="let pages of this origin in; * is any; may be repeated",
    )
    add(
        "--context",
        metavar="|".join(CONTEXT_MODES),
        help=f"keep sends FHIRcast subscribers what is open already (default: {default.context})",
    )
    add("--samples", metavar="DIR", help="sample studies to show in worklists, a folder each (default: none)")
    add("--state", metavar="DIR", help=f"what outlives a run (default: {state})")
    add("--log-level", choices=LOG_LEVELS, help=f"default: {default.log_level}; debug logs every message")
    parser.add_argument("--settings", metavar="FILE", help=f"TOML file of settings (default: ${FILE_VARIABLE})")
    parser.add_argument("--print-settings", action="store_true", help="print each setting with its origin, and end")
    parser.add_argument("--json", action="store_true", help="with --print-settings: as JSON")
    parser.add_argument(
        "--end-with-stdin",
        action="store_true",
        help="for a program that runs the hub as its child: end when stdin closes, report on stdout who is connected",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM (exit code 0) or Ctrl-C (130); raises CastError when the hub cannot start."""
    if args.end_with_stdin:
        from CastHubLib.child_process import log_aside

        log_aside()
    resolved = resolve({name: value for name, value in vars(args).items() if name in SETTINGS}, args.settings)
    settings = resolved.settings
    if args.json and not args.print_settings:
        raise WrongUsage("--json goes with --print-settings")
    if args.print_settings:
        from CastHubLib.settings_page import as_json, as_toml

        print(as_json(resolved) if args.json else as_toml(resolved), end="\n" if args.json else "")
        return EXIT_DONE
    args.log_level = settings.log_level  # for run_guarded
    from CastHubLib import log
    from CastHubLib.payloads.large_buffers import keep_freed_blocks

    log.set_up(settings.log_level, settings.log_form)
    _allow_many_sockets()
    keep_freed_blocks()
    loop = new_loop()
    try:
        return loop.run_until_complete(_serve(settings, is_child=args.end_with_stdin))
    finally:
        loop.close()


async def _serve(settings: HubSettings, *, is_child: bool) -> int:
    from CastHubLib.child_process import Reporting, end_with_stdin
    from CastHubLib.http.server import HubServer

    stopped = _watch_signals()
    if is_child:
        end_with_stdin(stopped)
    server = HubServer(settings)
    server.hub.sign_in.key.load()  # before anyone is answered: its folder may be out of reach
    await server.start()
    _collect_seldom()
    print(server.url, flush=True)
    reporting = Reporting(server.hub) if is_child else None
    try:
        return await stopped
    finally:
        if reporting is not None:
            reporting.stop()
        await server.stop()


def _collect_seldom() -> None:
    """Have the collector go through all that the hub has as seldom as its memory allows: nobody has a turn meanwhile.

    That takes a quarter of a second with 5,000 subscribers. What is there at the start stays, and need not be looked
    at; what ends is not tied into rings (``delivery.sockets``), and freed without it.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _OLD_THRESHOLD)


def _allow_many_sockets() -> None:
    """Each subscriber holds a file descriptor: raise the soft limit, often 1,024, to what the system allows."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):  # macOS may call its limit infinite and refuse it
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _watch_signals() -> asyncio.Future[int]:
    """Return a future that the first of the signals which end a command sets to its exit code."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(code: int) -> None:
        if not stopped.done():
            stopped.set_result(code)

    for number, code in stop_signals().items():
        if sys.platform == "win32":  # its loops take no signal handlers
            signal.signal(number, lambda *_, code=code: loop.call_soon_threadsafe(stop, code))
        else:
            loop.add_signal_handler(number, stop, code)
    return stopped


def new_loop() -> asyncio.AbstractEventLoop:
    """Return the fastest event loop there is: uvloop's, or asyncio's own where uvloop has no wheel (Windows)."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop

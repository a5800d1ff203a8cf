"""``cast hub`` and ``python -m CastHubLib``: flags, event loop, signals."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

from CastHubLib.settings import AUTH_MODES, HubSettings
from CastLib.command_line import EXIT_DONE, EXIT_INTERRUPTED, add_log_argument, set_up_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the hub's flags."""
    default = HubSettings()
    parser.add_argument("--host", default=default.host, help=f"address to listen on (default: {default.host})")
    parser.add_argument("--port", type=_port, default=default.port, help=f"0 takes any free (default: {default.port})")
    parser.add_argument("--auth", choices=AUTH_MODES, default=default.auth, help=f"sign-in (default: {default.auth})")
    parser.add_argument("--insecure-mock", action="store_true", help="listen beyond loopback without real sign-in")
    parser.add_argument(
        "--allow-origin", metavar="O", action="append", default=[], help="let pages of this origin in; * is any"
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        default=default.state,
        help=f"what outlives a run (default: {default.state})",
    )
    parser.add_argument(
        "--end-with-stdin",
        action="store_true",
        help="for a program that runs the hub as its child: end when stdin closes, tell on stdout who is connected",
    )
    add_log_argument(parser, "info")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM (exit code 0) or Ctrl-C (130); raises CastError when the hub cannot start."""
    if args.end_with_stdin:
        from CastHubLib.parent import log_aside

        log_aside()
    set_up_logging(args.log_level)
    settings = HubSettings(
        host=args.host,
        port=args.port,
        auth=args.auth,
        insecure_mock=args.insecure_mock,
        allowed_origins=tuple(args.allow_origin),
        state=args.state,
    )
    _allow_many_sockets()
    loop = new_loop()
    try:
        return loop.run_until_complete(_serve(settings, debug=args.log_level == "debug", is_child=args.end_with_stdin))
    finally:
        loop.close()


async def _serve(settings: HubSettings, *, debug: bool, is_child: bool) -> int:
    from CastHubLib import log, parent
    from CastHubLib.server import HubServer

    if not debug:
        log.quiet_libraries()
    stopped = _watch_signals()
    if is_child:
        parent.end_with_stdin(stopped)
    server = HubServer(settings)
    server.hub.sign_in.key.load()  # before anyone is answered: its folder may be out of reach
    await server.start()
    print(server.url, flush=True)
    reporting = parent.Reporting(server.hub) if is_child else None
    try:
        return await stopped
    finally:
        if reporting is not None:
            reporting.stop()
        await server.stop()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return port


def _allow_many_sockets() -> None:
    """Each subscriber holds a file descriptor: raise the soft limit, often 1,024, to what the system allows."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):  # macOS may call its limit infinite and refuse it
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _watch_signals() -> asyncio.Future[int]:
    """Return a future that Ctrl-C or SIGTERM sets to the exit code."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(code: int) -> None:
        if not stopped.done():
            stopped.set_result(code)

    codes = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_DONE}
    for number, code in codes.items():
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

"""Tell whether the hub is well, what it is and for how long it has run."""

from __future__ import annotations

import argparse

from CastLib.command_line import DEFAULT_HUB, EXIT_DONE, add_connection_arguments, add_output_arguments
from CastLib.version import __version__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``cast status``."""
    add_connection_arguments(parser, product="CAST-CLI")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the hub, and print its state and this product's version."""
    from CastCLI.output import Output
    from CastCLI.sessions import a_session

    output = Output(args)
    with a_session(args) as (session, _):
        status = session.status()
    output.value({"hub": args.hub or DEFAULT_HUB, "version": __version__, "status": status})
    rows = [["address", args.hub], ["this product", __version__]]
    rows += [
        [key.replace("_", " "), str(value)] for key, value in status.items() if not isinstance(value, (dict, list))
    ]
    output.table("", ["hub", ""], rows)
    return EXIT_DONE

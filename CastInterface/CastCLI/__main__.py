"""``cast VERB …``: find the verb, hand it its arguments, turn what goes wrong into a sentence and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

#: Each verb, the module that holds its ``add_arguments`` and ``run``, and its line of help.
VERBS = {
    "hub": ("CastHubLib.hub_command", "run a hub until Ctrl-C"),
    "display": ("CastInterfaceLib.display_command", "run an image display without Slicer until Ctrl-C"),
    "provide": ("CastServiceProviderLib.provide_command", "run a service provider script until Ctrl-C"),
    "publish": ("CastCLI.publish", "publish one event"),
    "request": ("CastCLI.request", "ask other applications and print who answered"),
    "send": ("CastCLI.send", "send files as one batch, and wait for the result if wanted"),
    "watch": ("CastCLI.watch", "print the events that pass, a line each"),
    "answer": ("CastCLI.answer", "answer requests with a file or with what a command prints"),
    "status": ("CastCLI.status", "tell whether the hub is well, and its version"),
    "demo": ("CastCLI.demo", "hub, display and provider do the main job on a sample study"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``cast`` with these arguments (the process's own by default); return its exit code."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:  # before the verb takes care of it itself
        from CastLib.command_line import EXIT_INTERRUPTED

        return EXIT_INTERRUPTED


def _run(arguments: list[str]) -> int:
    from CastLib.command_line import run_guarded, set_up_logging  # here, where Ctrl-C ends it without a traceback

    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    verb = arguments[0] if arguments else ""
    if verb not in VERBS:
        overview = _overview()
        if verb and not verb.startswith("-"):
            near = get_close_matches(verb, VERBS, 1)
            overview.error(
                f"there is no verb {verb!r}" + (f": is {near[0]} meant?" if near else f": {', '.join(VERBS)}")
            )
        overview.parse_args(arguments or ["--help"])
        return 2
    module_name, help_text = VERBS[verb]
    module = import_module(module_name)
    parser = argparse.ArgumentParser(prog=f"cast {verb}", description=module.__doc__ or help_text)
    module.add_arguments(parser)
    args = parser.parse_args(arguments[1:])
    set_up_logging(getattr(args, "log_level", "warning"))
    return run_guarded(module.run, args)


def _overview() -> argparse.ArgumentParser:
    from CastLib.version import __version__

    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {help_text}" for verb, (_, help_text) in VERBS.items()]
    parser = argparse.ArgumentParser(
        prog="cast",
        usage="cast VERB [options]",
        description="Connect medical imaging applications through a Cast hub.",
        epilog="verbs:\n" + "\n".join(lines) + "\n\n`cast VERB --help` tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cast {__version__}")
    parser.add_argument("verb", metavar="VERB", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())

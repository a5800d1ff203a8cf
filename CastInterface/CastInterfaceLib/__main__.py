"""``python -m CastInterfaceLib``, and this file for ``Slicer --no-main-window --python-script``."""

from __future__ import annotations

import argparse
import sys

from CastInterfaceLib.display_command import add_arguments, run
from CastLib.command_line import run_guarded


def main() -> int:
    """Run the display with this process's arguments; return its exit code."""
    parser = argparse.ArgumentParser(prog="cast-display", description="An image display on Slicer's engine.")
    add_arguments(parser)
    return run_guarded(run, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())

"""``python -m CastServiceProviderLib``, and this file for ``Slicer --no-main-window --python-script``."""

from __future__ import annotations

import argparse
import sys

from CastLib.command_line import run_guarded
from CastServiceProviderLib.provide_command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m CastServiceProviderLib", description="Run one provider script.")
    add_arguments(parser)
    sys.exit(run_guarded(run, parser.parse_args()))

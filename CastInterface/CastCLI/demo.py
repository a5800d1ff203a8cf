"""Play the whole product on the sample study: a hub, a display and a provider as three processes, and a worklist.

The worklist opens the study, sends it to the provider, waits for the segmentation and asks the display for its views.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from CastLib.command_line import EXIT_DONE, add_log_argument
from CastLib.flag_values import folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``cast demo``."""
    parser.add_argument("--out", type=folder, default=Path("demo-output"), metavar="DIR", help="default: demo-output")
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON value on stdout")
    parser.add_argument("--quiet", action="store_true", help="print no progress")
    add_log_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run the demo; raises CastError that says which step failed and why."""
    from CastCLI.demo_processes import Applications, interruptible
    from CastCLI.demo_report import write_report
    from CastCLI.demo_worklist import COUNT_OF_STEPS, Worklist
    from CastCLI.output import Output

    output = Output(args)
    args.out.mkdir(parents=True, exist_ok=True)
    with interruptible(), Applications() as applications, Worklist(applications) as worklist:
        with output.steps(COUNT_OF_STEPS) as steps:
            report = write_report(args.out, worklist.play(steps), steps)
        output.value(report.as_json(steps.times))
        report.show(output, steps.times)
        if args.keep:
            output.say(f"Everything is still running: {worklist.addresses()}. Ctrl-C ends it.")
            worklist.stay()
    return EXIT_DONE

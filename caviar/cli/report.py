"""`caviar report`: a sweep as a page that needs no network, or several side by side.

Neither Ray nor torch is imported.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from caviar.base.errors import UsageError
from caviar.cli.arguments import add_storage
from caviar.store import experiments, layout
from caviar.terminal import screens

_COMPARISON = "comparison.html"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "report",
        help="a sweep as an HTML page, or several compared",
        description="Write the report of a sweep, finished or not; of several, their comparison.",
    )
    parser.add_argument(
        "experiments",
        metavar="EXPERIMENT",
        nargs="+",
        help="the folder of a sweep, or its name in --storage",
    )
    add_storage(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help=f"where to write it (default: {layout.REPORT} in the folder of the sweep; "
        f"{_COMPARISON} here, for several)",
    )
    parser.set_defaults(run=_report)


def _report(asked: argparse.Namespace) -> int:
    found = [experiments.find(one, asked.storage) for one in asked.experiments]
    from caviar import report
    from caviar.report import compare

    path: Path | None = asked.output
    console = Console()
    try:
        if len(found) > 1:
            path = compare.write(found, path or Path(_COMPARISON))
            console.print(f"report  {path}", markup=False, highlight=False, soft_wrap=True)
            return 0
        path, findings = report.write(found[0], path)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {error.filename} ({error.strerror}): "
            "give another file with --output."
        ) from error
    if findings.verdict is not None:
        console.print(findings.verdict.sentence, markup=False, highlight=False, soft_wrap=True)
    screens.advice(findings.advice, console)
    console.print(f"\nreport  {path}", markup=False, highlight=False, soft_wrap=True)
    return 0

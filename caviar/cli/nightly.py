"""`caviar nightly`: tonight's sweep, or what was cut off of it, against the reigning champion."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "nightly",
        help="tonight's sweep, warmed by the nights before, against the reigning champion",
        description="Run tonight's sweep, or go on with it where it was cut off. The exit code is "
        "0 when it is better than the champion or the same, 3 when it is worse, 1 when it failed.",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        required=True,
        help="what runs every night, as schedules/nightly.toml shows it",
    )
    parser.set_defaults(run=_nightly)


def _nightly(asked: argparse.Namespace) -> int:
    from caviar.nightly import night, settings
    from caviar.nightly.lock import OverlapError
    from caviar.sweep import recipes

    plan = settings.read(asked.config, recipes.load)
    try:
        return night.run(plan)
    except OverlapError as error:
        print(f"caviar: {error}")
        return night.FAILED

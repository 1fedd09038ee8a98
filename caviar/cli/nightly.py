"""`caviar nightly`: tonight's sweep, or what was cut off of it, against the reigning champion."""

from __future__ import annotations

import argparse
from typing import Any

from caviar.nightly import command


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "nightly",
        help="tonight's sweep, warmed by the nights before, against the reigning champion",
        description=command.DESCRIPTION,
    )
    command.add_options(parser)
    parser.set_defaults(run=lambda asked: command.run(asked.config))

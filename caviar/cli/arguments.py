"""The arguments that the commands after a sweep share."""

from __future__ import annotations

import argparse
from pathlib import Path

from caviar.store import experiments


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """Which sweep: `experiment` and `storage`, as `experiments.find` takes them."""
    parser.add_argument(
        "experiment", metavar="EXPERIMENT", help="the folder of a sweep, or its name in --storage"
    )
    add_storage(parser)


def add_storage(parser: argparse.ArgumentParser) -> None:
    """Where the sweeps lie."""
    parser.add_argument(
        "--storage",
        metavar="DIR",
        type=Path,
        default=experiments.STORAGE,
        help="the folder of all sweeps, or s3://BUCKET/FOLDER (or gs://) "
        f"(default: {experiments.STORAGE})",
    )


def add_places(parser: argparse.ArgumentParser) -> None:
    """Where data and class are now, should they have moved."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        type=Path,
        help="where the data set's files are now; where they were by default",
    )
    parser.add_argument(
        "--trainable",
        metavar="MODULE:CLASS",
        help="where the class is now; by default where it was",
    )

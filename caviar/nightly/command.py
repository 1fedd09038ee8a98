"""`--config FILE`: a night as a command, for `caviar nightly` and for the recipe `nightly`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from caviar.base.errors import UsageError

DESCRIPTION = (
    "Run tonight's sweep, or continue it where it was cut off. The exit code is 0 when it is "
    "better than the champion or the same, 3 when it is worse, 1 when it failed."
)
EXIT_USAGE, EXIT_INTERRUPTED = 2, 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """Put the options of a night on a parser."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        required=True,
        help="what runs every night, as schedules/nightly.toml shows it",
    )


def run(config: Path) -> int:
    """Run tonight's sweep as a file asks for it.

    Args:
        config: the TOML file of the nights.

    Returns:
        The exit code: 0 better than the champion or the same, 1 failed, 3 worse, 130 interrupted.

    Raises:
        UsageError: where the file asks for what cannot be carried out.
    """
    from caviar.nightly import night, settings
    from caviar.nightly.lock import OverlapError
    from caviar.sweep import recipes

    plan = settings.read(config, recipes.load)
    try:
        return night.run(plan)
    except OverlapError as error:
        print(f"caviar: {error}")
        return night.FAILED


def main(args: Sequence[str] | None = None) -> int:
    """Run a night from a script.

    Args:
        args: the words of the command line after the script, `sys.argv` by default.

    Returns:
        The exit code: that of `run`, or 2 for input that cannot be carried out.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, allow_abbrev=False)
    add_options(parser)
    try:
        return run(parser.parse_args(args).config)
    except UsageError as error:
        print(f"caviar: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("caviar: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED

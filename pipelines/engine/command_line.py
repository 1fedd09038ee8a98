"""The command line of a recipe, derived from ``Sweep``: its fields are the options, their
docstrings the help."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import sys
from collections.abc import Sequence
from typing import Any

import tyro

from pipelines.engine.errors import UsageError, did_you_mean
from pipelines.engine.sweep import Sweep

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(sweep: Sweep, *, recipe: str, args: Sequence[str] | None = None) -> int:
    """Run a recipe with the options of the command line; the exit code.

    0 when the sweep has reached its end or its budget, 2 for input that cannot be carried out,
    130 after Ctrl-C.
    """
    try:
        asked = parse(sweep, recipe=recipe, args=sys.argv[1:] if args is None else args)
        from pipelines.engine.runner import run

        result = run(asked, recipe=recipe)
    except UsageError as error:
        print(f"caviar: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("caviar: interrupted before the first trial", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_INTERRUPTED if result.stop_reason == "interrupted" else 0


def parse(sweep: Sweep, *, recipe: str, args: Sequence[str]) -> Sweep:
    """``sweep`` with the options of ``args``. On resume, options left out are as they were."""
    from pipelines.engine import sessions

    asked = _parse(sweep, recipe, args)
    if not asked.resume or asked.name is None:
        return asked
    before = sessions.stored(asked.storage.expanduser() / asked.name)
    if before is None or before["recipe"] != recipe:
        return asked  # the sentence about it comes from sessions.check
    return _parse(sessions.with_stored_options(sweep, before), recipe, args)


def _parse(sweep: Sweep, recipe: str, args: Sequence[str]) -> Sweep:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parsed, unknown = tyro.cli(
                Sweep,
                prog=f"caviar sweep {recipe}",
                description=f"{Sweep.__doc__}",
                default=sweep,
                args=list(args),
                return_unknown_args=True,
                config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)[:1],
            )
    except SystemExit as error:
        if error.code in (0, None):
            raise
        raise UsageError(_sentence(said.getvalue())) from error
    if unknown:
        options = option_names(sweep)
        raise UsageError(
            f"There is no option {unknown[0]!r}."
            + did_you_mean(unknown[0].partition("=")[0], options)
            + f" See: caviar sweep {recipe} --help"
        )
    return parsed


def option_names(sweep: Sweep) -> list[str]:
    """Every option of the command line, as ``--name`` or ``--searcher.name``."""
    names = []
    for field in dataclasses.fields(sweep):
        value: Any = getattr(sweep, field.name)
        if field.name in ("searcher", "scheduler"):
            inner = dataclasses.fields(value)
            names += [f"--{field.name}.{f.name.replace('_', '-')}" for f in inner]
        else:
            names.append("--" + field.name.replace("_", "-"))
    return names


def _sentence(box: str) -> str:
    """What tyro says in a drawn box, as one line of text."""
    frame = "╭╮╰╯│─├┤"
    words = [w for line in box.splitlines() for w in line.strip(frame + " ").split()]
    return " ".join(words) or "The options could not be read."

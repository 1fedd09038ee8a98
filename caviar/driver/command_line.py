"""The command line of a recipe, derived from `Sweep`: its fields are the options, their
docstrings the help."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import re
import shlex
import sys
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tyro

from caviar.base.errors import UsageError, did_you_mean
from caviar.base.option_types import in_words
from caviar.base.trial import Outcome
from caviar.sweep import parts
from caviar.sweep.limits import Stop
from caviar.sweep.sweep import Sweep

EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(sweep: Sweep, *, recipe: str, args: Sequence[str] | None = None) -> int:
    """Run a recipe with the options of the command line; the exit code.

    0 when the sweep has reached its end or its budget, 1 when trials have ended and none that
    neither failed nor diverged has a finite value, or the first ten of the session all failed, 2
    for input that cannot be carried out, 130 after Ctrl-C.
    """
    script = _script() if args is None else None
    try:
        args = sys.argv[1:] if args is None else args
        asked = parse(sweep, recipe=recipe, args=args, script=script)
        from caviar.driver.runner import run

        result = run(asked, recipe=recipe, script=script)
    except UsageError as error:
        print(f"caviar: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("caviar: interrupted before the first trial", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # of --help; a sweep goes on
        from caviar.terminal import console

        console.say_no_more()
        return console.EXIT
    if result.stop_reason == Stop.INTERRUPTED:
        return EXIT_INTERRUPTED
    trials = result.summary["trials"]
    # A budget that was spent before any trial ended has done what it was to do.
    vain = result.summary["best"] is None and any(trials.get(outcome) for outcome in Outcome)
    return EXIT_FAILURES if vain or result.stop_reason == Stop.FAILURES else 0


def _script() -> list[str]:
    """What starts this program again."""
    module = sys.modules["__main__"].__spec__  # of python -m
    return ["python", sys.argv[0]] if module is None else ["python", "-m", module.name]


def parse(
    sweep: Sweep, *, recipe: str, args: Sequence[str], script: Sequence[str] | None = None
) -> Sweep:
    """`sweep` with the options of `args`. On resume, options left out are as they were in the
    last session. `script` is what takes them in place of `caviar sweep`."""
    prog = shlex.join(script or ["caviar", "sweep", recipe])
    sweep, rest, named = parts.chosen(sweep, list(args))
    return _parse(_resumed(sweep, recipe, rest, named) or sweep, prog, rest)


def _resumed(sweep: Sweep, recipe: str, args: Sequence[str], named: set[str]) -> Sweep | None:
    """`sweep` as it was asked last, where it is to be gone on with and is there; where it is not,
    `starting.check` says so. Some options make sense only beside those of before."""
    from caviar.store import experiments, starting
    from caviar.store.location import Location
    from caviar.store.mirror import on_disk
    from caviar.sweep import codec

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--storage", type=Path, default=sweep.storage)
    parser.add_argument("--name", default=sweep.name)
    parser.add_argument("--history-url", default=sweep.history_url)
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=sweep.resume)
    try:
        asked, _ = parser.parse_known_args(list(args))
    except argparse.ArgumentError:
        return None  # tyro says what is wrong
    if not asked.resume or asked.name is None:
        return None
    folder = on_disk(Location.of(asked.storage) / asked.name, resume=True)
    before = starting.stored(folder)
    if before is None or before.recipe != recipe:
        return None
    with experiments.find(folder).history(asked.history_url) as history:
        last = starting.last_options(history, before)
    return codec.with_stored_options(parts.as_before(sweep, last, named), last)


def _parse(sweep: Sweep, prog: str, args: Sequence[str]) -> Sweep:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parsed, unknown = tyro.cli(
                Sweep,
                prog=prog,
                description=f"{Sweep.__doc__} {_PARTS}",
                default=sweep,
                args=list(args),
                return_unknown_args=True,
            )
    except SystemExit as error:
        if error.code in (0, None):
            raise
        raise UsageError(_sentence(error, said.getvalue(), sweep, args)) from error
    if unknown:
        raise UsageError(
            f"There is no option {unknown[0]!r}."
            + did_you_mean(
                unknown[0].partition("=")[0],
                [*(f"--{kind}" for kind in parts.KINDS), *option_names(sweep)],
            )
            + f" See: {prog} --help"
        )
    return parsed


_PARTS = (
    "Another searcher or scheduler is named with --searcher or --scheduler: Random, Asha, or yours "
    "as package.module:Class."
)


def option_names(sweep: Sweep) -> list[str]:
    """Every option of the command line, as `--name` or `--searcher.name`."""
    names = []
    for option, kind in _kinds(sweep).items():
        part, dot, name = option[2:].rpartition(".")
        names += [option, f"--{part}{dot}no-{name}"] if kind is bool else [option]
    return names


def _kinds(sweep: Sweep) -> dict[str, Any]:
    """Every option and its type; a switch that is on can be turned off with `--no-`."""
    kinds: dict[str, Any] = {}
    every: dict[str, Any] = {
        "": sweep,
        "searcher.": sweep.searcher,
        "scheduler.": sweep.scheduler,
        "device.": sweep.device,
    }
    for prefix, part in every.items():
        hints = typing.get_type_hints(type(part))
        for field in dataclasses.fields(part):
            if not dataclasses.is_dataclass(hints[field.name]):
                kinds[f"--{prefix}{field.name.replace('_', '-')}"] = hints[field.name]
    return kinds


def _sentence(error: BaseException, box: str, sweep: Sweep, args: Sequence[str]) -> str:
    """What was wrong with the options, in one sentence; tyro draws a box of several lines."""
    for cause in _causes(error):
        if isinstance(cause, UsageError):
            return str(cause)
    text = _text(box)
    if re.search(r"Error parsing \w+:", text):  # by a part that knows nothing of a command line
        return next((str(cause) for cause in _causes(error) if type(cause) is ValueError), text)
    option = next(iter(re.findall(r"--\w[\w.-]*", text)), "")
    kind = _kinds(sweep).get(option)
    if kind is None:
        return text or "The options could not be read."
    given = _given(option, args)
    got = "nothing" if given is None else repr(given)
    return f"{option} takes {in_words(kind)}, and it got {got}."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _given(option: str, args: Sequence[str]) -> str | None:
    """The last value that the command line gives an option; None where a value is missing."""
    given = None
    for arg, following in zip(args, [*args[1:], "--"], strict=True):
        name, equals, value = arg.partition("=")
        if name.replace("_", "-") == option:
            given = value if equals else following
    return None if given is None or given.startswith("--") else given


def _text(box: str) -> str:
    """What tyro says in a drawn box, as one line of text."""
    frame = "╭╮╰╯│─├┤"
    return " ".join(w for line in box.splitlines() for w in line.strip(frame + " ").split())

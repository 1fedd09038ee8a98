"""`caviar list`, `show`, `best` and `trials`: the sweeps that lie on disk.

Neither Ray nor torch is imported, and nothing of a sweep is changed; one that runs is shown as far
as it has come.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from caviar.base.errors import UsageError
from caviar.base.format import duration, number
from caviar.base.uris import written
from caviar.cli.arguments import add_experiment, add_storage
from caviar.store import experiments, status, trial_table
from caviar.store.experiments import Experiment
from caviar.store.location import Location
from caviar.sweep import rerun
from caviar.terminal import screens
from caviar.terminal.space_table import plain_table, space_table

_UNLIMITED = 100_000  # columns


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the commands on the parser of `caviar`."""
    listing = commands.add_parser(
        "list",
        help="the sweeps of a storage: state, best, trials, age",
        description="List the sweeps of a storage, the newest last.",
    )
    add_storage(listing)
    listing.set_defaults(run=_list)
    shown = _command(commands, "show", "a sweep: what was asked, its space, how it stands")
    shown.set_defaults(run=_show)
    best = _command(commands, "best", "the best configuration of a sweep, beside the default")
    best.add_argument("--json", action="store_true", help="as JSON, for a program")
    best.set_defaults(run=_best)
    trials = _command(commands, "trials", "the trials of a sweep as a table, best first")
    trials.add_argument("--csv", metavar="FILE", type=Path, help="write them as CSV, in order")
    trials.add_argument("--parquet", metavar="FILE", type=Path, help="write them as Parquet")
    trials.add_argument(
        "--epochs", action="store_true", help="one row an epoch, not one a trial, in the files"
    )
    trials.set_defaults(run=_trials)


def _command(
    commands: argparse._SubParsersAction[Any], name: str, what: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}."
    )
    add_experiment(parser)
    return parser


def _console() -> Console:
    """As wide as the terminal; into a pipe or a file a row stays one line, however long."""
    console = Console()
    return console if console.is_terminal else Console(width=_UNLIMITED)


def _list(asked: argparse.Namespace) -> int:
    storage: Path = asked.storage
    found = experiments.names(storage)
    if not found:
        raise UsageError(
            f"There is no sweep in {written(storage)}: say with --storage where they lie, or start "
            "one with caviar sweep RECIPE."
        )
    table = plain_table()
    for heading in ("sweep", "state", "metric", "best", "default", "trials", "epochs", "age"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("state", "age"))
    rows: list[tuple[float, tuple[str, ...]]] = []
    for name in found:
        try:
            one = status.of(experiments.find(str(Location.of(storage) / name)))
        except UsageError as error:  # one that is damaged hides none of the others
            rows.append((0.0, (name, "damaged", str(error), "", "", "", "", "")))
            continue
        trials = f"{one.trials}" if one.asked is None else f"{one.trials} of {one.asked}"
        values = (_shown(one.best), _shown(one.baseline), trials, str(one.epochs))
        age = "" if one.age is None else duration(one.age)
        rows.append((one.started, (name, str(one.state), one.metric, *values, age)))
    for _, row in sorted(rows):
        table.add_row(*map(Text, row))
    _console().print(table)
    return 0


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _show(asked: argparse.Namespace) -> int:
    experiment = experiments.find(asked.experiment, asked.storage)
    one = status.of(experiment)
    console = _console()
    console.print(Text(f"sweep {experiment.name}, {one.state}", "bold"), soft_wrap=True)
    console.print()
    about = plain_table(header=False)
    about.add_column(no_wrap=True)
    about.add_column(overflow="fold")
    options = experiment.options
    rows = {
        "folder": str(experiment.place),
        "recipe": experiment.recipe,
        "command": rerun.command(experiment.recipe, options) or "started from Python",
        "goal": f"{options.direction} {one.metric}, seed {options.seed}",
        "trials": ", ".join(f"{n} {what}" for what, n in one.outcomes.items() if n) or "none yet",
        "epochs": str(one.epochs),
        "time": duration(one.seconds) + (f", {one.sessions} sessions" if one.sessions > 1 else ""),
        "commit": "not known" if one.commit is None else str(one.commit),
    }
    for what, value in rows.items():
        about.add_row(what, Text(value))
    console.print(about)
    console.print()
    console.print(space_table(experiment.space, source=False))
    console.print()
    found = status.best_and_default(experiment, experiment.trials())
    if found["best"] is None:
        console.print(_nothing(experiment), markup=False, highlight=False, soft_wrap=True)
    else:
        _print_best(found, console)
    return 0


def _best(asked: argparse.Namespace) -> int:
    experiment = experiments.find(asked.experiment, asked.storage)
    found = status.best_and_default(experiment, experiment.trials())
    if found["best"] is None:
        raise UsageError(_nothing(experiment))
    if asked.json:
        print(json.dumps(found, indent=2, allow_nan=False))
    else:
        _print_best(found, _console())
    return 0


def _print_best(found: Mapping[str, Any], console: Console) -> None:
    console.print(screens.best_table(found["metric"], found["best"], found["baseline"]))
    checkpoint = found["best"]["checkpoint"]
    if checkpoint is not None:
        console.print(f"checkpoint {checkpoint}", markup=False, highlight=False, soft_wrap=True)


def _nothing(experiment: Experiment) -> str:
    return f"No trial of {experiment.name!r} has reported a finite {experiment.options.metric}."


def _trials(asked: argparse.Namespace) -> int:
    experiment = experiments.find(asked.experiment, asked.storage)
    files = {"csv": asked.csv, "parquet": asked.parquet}
    if not any(files.values()):
        _print_trials(experiment)
        return 0
    table = trial_table.epochs(experiment) if asked.epochs else trial_table.trials(experiment)
    for kind, path in files.items():
        if path is None:
            continue
        try:
            (trial_table.write_csv if kind == "csv" else trial_table.write_parquet)(table, path)
        except OSError as error:
            raise UsageError(
                f"--{kind} cannot write {path}: {error.strerror or error}. "
                "Give a file in a folder of yours."
            ) from error
        print(f"{path}  {table.num_rows} rows, {table.num_columns} columns")
    return 0


def _print_trials(experiment: Experiment) -> None:
    rows = trial_table.trials(experiment).to_pylist()
    sign = -1 if experiment.options.direction == "max" else 1

    def rank(row: dict[str, Any]) -> tuple[bool, float, int]:
        value = row["best"]
        return value is None, 0.0 if value is None else sign * value, row["trial"]

    table = plain_table()
    names = [p.name for p in experiment.space]
    for heading in ("trial", "outcome", "epochs", experiment.options.metric, "at", *names):
        table.add_column(heading, overflow="fold")
    for row in sorted(rows, key=rank):
        config = (row[trial_table.PARAMETER + name] for name in names)
        table.add_row(
            str(row["trial"]),
            row["outcome"].replace("_", " "),
            str(row["epochs"]),
            _shown(row["best"]),
            "" if row["best_epoch"] is None else str(row["best_epoch"]),
            *(Text("" if value is None else number(value)) for value in config),
        )
    _console().print(table)

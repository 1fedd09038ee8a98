"""`caviar simulate`: recipes on recorded learning curves, in simulated time. No Ray is started.

The table is an `.npz` file of learning curves or the folder of an earlier sweep: last night's
history tells which recipe, and how many workers, to take tonight.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from caviar.base.errors import UsageError, did_you_mean
from caviar.base.format import duration
from caviar.terminal.space_table import plain_table

if TYPE_CHECKING:
    from caviar.simulator.study import Case, Found
    from caviar.simulator.table import CurveTable
    from caviar.sweep.sweep import Sweep

SHARES = (0.1, 0.25, 0.5, 1.0)
_TRAININGS = 50
_ALL = -1  # the number that stands for the mean over all tables
_PARTS = ("--searcher.", "--scheduler.")

Results = dict[tuple[int, str, int], "list[Found]"]  # table, recipe, workers -> one a seed


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "simulate",
        help="replay learning curves with recipes, without training: which one for tonight?",
        description="Run recipes on recorded learning curves in simulated time, and print their "
        "regret over the budget: 0 at the best configuration known, 1 at the median one.",
        epilog="Options of a recipe's searcher and scheduler follow as they do for a sweep, e.g. "
        "--scheduler.reduction-factor 4; each goes to the recipes that have it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--table",
        metavar="T",
        required=True,
        help="an .npz file of learning curves (all its tasks, or FILE:TASK), or the folder of an "
        "earlier sweep",
    )
    parser.add_argument(
        "--recipe", metavar="R", required=True, nargs="+", help="recipes, as for caviar sweep"
    )
    parser.add_argument(
        "--workers", metavar="N,N", default="8", help="trials side by side: 8, or several: 8,64,512"
    )
    parser.add_argument("--seeds", metavar="N", default=10, type=int, help="runs of each (10)")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--trainings",
        metavar="X",
        type=float,
        help=f"the budget in trainings to the last epoch ({_TRAININGS}, or half of what the table "
        "holds where that is less)",
    )
    budget.add_argument(
        "--epochs", metavar="N", type=int, help="the budget in epochs over all trials instead"
    )
    budget.add_argument("--trials", metavar="N", type=int, help="stop after so many trials instead")
    parser.add_argument(
        "--plot", metavar="FILE", type=Path, default=Path("simulation.svg"),
        help="where the picture goes (simulation.svg)",
    )  # fmt: skip
    parser.add_argument("--jobs", metavar="N", type=int, help="processes; one a CPU by default")
    parser.set_defaults(run=_run, takes_more=True)


def _run(asked: argparse.Namespace) -> int:
    workers = _numbers("--workers", asked.workers)
    for name in ("seeds", "epochs", "trials", "jobs"):
        value = getattr(asked, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} must be at least 1, and it is {value}.")
    if asked.trainings is not None and not 0 < asked.trainings < math.inf:
        raise UsageError(f"--trainings must be above 0 and finite, and it is {asked.trainings:g}.")
    _check_plot(asked.plot)
    sweeps = _sweeps(asked.recipe, asked.more)
    tables = _tables(asked.table)
    from caviar.simulator import study

    for table in tables:
        _ = table.scale  # refuses a table without a best row or with equal ones
        for sweep in sweeps.values():
            sweep.searcher.planned(table.space, trials=asked.trials).check(table.space)
            sweep.scheduler.build(max_epochs=table.max_epochs, seed=0)
    budgets = [_budget(asked, table) for table in tables]
    todo = study.cases(
        tables,
        {name: (sweep.searcher, sweep.scheduler) for name, sweep in sweeps.items()},
        workers=workers,
        seeds=asked.seeds,
        epochs=budgets,
        trials=asked.trials,
    )
    console = Console() if sys.stdout.isatty() else Console(width=200)
    _head(console, asked, tables, budgets)
    jobs = min(asked.jobs or len(os.sched_getaffinity(0)), len(todo))
    try:
        results = _simulated(tables, todo, jobs)
    except KeyboardInterrupt:
        print("caviar: interrupted, nothing was written", file=sys.stderr)
        return 130
    groups = [_ALL, *range(len(tables))] if len(tables) > 1 else [0]
    for group in groups:
        _print(console, _title(group, tables), sweeps, workers, group, results, len(tables))
    asked.plot.write_text(_picture(asked, groups, tables, budgets, sweeps, workers, results))
    console.print(f"picture  {asked.plot}", highlight=False, markup=False, soft_wrap=True)
    return 0


# What was asked.


def _numbers(option: str, text: str) -> list[int]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", text):
        raise UsageError(
            f"{option} takes whole numbers above 0 with commas between, as 8,64,512, "
            f"and it got {text!r}."
        )
    return list(dict.fromkeys(map(int, text.split(","))))


def _check_plot(path: Path) -> None:
    if path.suffix != ".svg":
        raise UsageError(f"--plot writes SVG, and it got {str(path)!r}: end it in .svg.")
    if not path.parent.is_dir() or path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"--plot cannot write {path}: give a file in a folder of yours.")


def _sweeps(names: Sequence[str], more: Sequence[str]) -> dict[str, Sweep]:
    """The recipes by name, with the options of their parts."""
    from caviar.driver.command_line import option_names, parse
    from caviar.sweep import recipes

    found = {name: recipes.load(name) for name in names}
    options = _grouped(more)
    known = {name: set(option_names(sweep)) for name, sweep in found.items()}
    every = sorted({o for names in known.values() for o in names if o.startswith(_PARTS)})
    for option, *_ in options:
        if option not in every:
            raise UsageError(
                f"There is no option {option!r} of {' or '.join(found)}."
                + did_you_mean(option, [*every, *_OWN])
                + " See: caviar simulate --help"
            )
    return {
        name: parse(
            sweep,
            recipe=name,
            args=[w for option, *words in options if option in known[name] for w in words],
        )
        for name, sweep in found.items()
    }


_OWN = ("--table", "--recipe", "--workers", "--seeds", "--trainings", "--epochs", "--trials",
        "--plot", "--jobs")  # fmt: skip


def _grouped(words: Sequence[str]) -> list[list[str]]:
    """Each option under its plain name, then the words that it is written with."""
    groups: list[list[str]] = []
    for word in words:
        if word.startswith("--"):
            groups.append([word.partition("=")[0].replace("_", "-"), word])
        elif groups:
            groups[-1].append(word)
        else:
            raise UsageError(f"{word!r} belongs to no option. See: caviar simulate --help")
    return groups


def _tables(text: str) -> list[CurveTable]:
    from caviar.simulator import load_sweep, load_tables

    path, task = Path(text).expanduser(), None
    if not path.exists() and ":" in text:
        before, _, task = text.rpartition(":")
        path = Path(before).expanduser()
    if path.is_dir():
        if task is not None:
            raise UsageError(f"--table: a sweep has no tasks, leave out {':' + task!r}.")
        return [load_sweep(path)]
    tables = load_tables(path)
    if task is None:
        return tables
    names = [table.name for table in tables]
    if task not in names:
        raise UsageError(
            f"{path} holds no task {task!r}; it holds {', '.join(names)}."
            + did_you_mean(task, names)
        )
    return [tables[names.index(task)]]


def _budget(asked: argparse.Namespace, table: CurveTable) -> int | None:
    """In epochs; None where the number of trials ends it."""
    if asked.trials is not None:
        return None
    if asked.epochs is not None:
        return int(asked.epochs)
    if asked.trainings is not None:
        trainings: float = asked.trainings
        return max(1, round(trainings * table.max_epochs))
    recorded = int(table.known.sum())
    return max(1, min(_TRAININGS * table.max_epochs, recorded // 2))


# What is found.


def _simulated(tables: Sequence[CurveTable], todo: Sequence[Case], jobs: int) -> Results:
    from caviar.simulator import study

    shown = Console(stderr=True)
    results: Results = {}
    for case, found in track(
        study.run(tables, todo, jobs=jobs),
        total=len(todo),
        description="simulating",
        console=shown,
        transient=True,
        disable=not shown.is_terminal,
    ):
        results.setdefault((case.table, case.recipe, case.workers), []).append(found)
    return results


def _head(
    console: Console,
    asked: argparse.Namespace,
    tables: Sequence[CurveTable],
    budgets: Sequence[int | None],
) -> None:
    first = tables[0]
    tasks = f"{len(tables)} tasks, each " if len(tables) > 1 else ""
    lines = [
        f"table    {asked.table}: {tasks}{len(first.configs):,} configurations of up to "
        f"{first.max_epochs} epochs, {first.objective.direction} {first.metric}"
    ]
    short = sum(int((table.known < table.max_epochs).sum()) for table in tables)
    if short:
        lines.append(
            f"         {short:,} of them were stopped early: a replay stops them there too, "
            "however well they do in it"
        )
    if budgets[0] is None:
        lines.append(f"budget   {asked.trials:,} trials; the shares are those of a run's epochs")
    else:
        lines.append(
            f"budget   {budgets[0]:,} epochs over all trials, as many as "
            f"{budgets[0] / first.max_epochs:.3g} trainings to the last epoch"
        )
    lines.append(
        f"regret   0 the best configuration known, 1 the median one; mean ± standard error over "
        f"{asked.seeds} seed{'s' * (asked.seeds > 1)}, at these shares of the budget"
    )
    console.print("\n".join(lines) + "\n", highlight=False, markup=False, soft_wrap=True)


def _title(group: int, tables: Sequence[CurveTable]) -> str:
    return f"mean over the {len(tables)} tasks" if group == _ALL else tables[group].name


def _of_group(
    group: int, recipe: str, workers: int, results: Results, tables: int
) -> list[list[Found]]:
    """[tables of the group][seeds]"""
    numbers = range(tables) if group == _ALL else [group]
    return [results[number, recipe, workers] for number in numbers]


def _regret(found: list[list[Found]]) -> NDArray[np.float64]:
    """[seeds, points], the mean over the tables."""
    each = np.array([[run.regret for run in table] for table in found])
    return np.asarray(each.mean(axis=0))


def _print(
    console: Console,
    title: str,
    recipes: Mapping[str, Sweep],
    workers: Sequence[int],
    group: int,
    results: Results,
    tables: int,
) -> None:
    from caviar.simulator.regret_plot import mean_and_error

    table = plain_table()
    table.title, table.title_justify = title, "left"
    table.add_column("recipe", no_wrap=True)
    for heading in ("workers", *(f"{share:.0%}" for share in SHARES), "trials", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for recipe in recipes:
        for count in workers:
            found = _of_group(group, recipe, count, results, tables)
            runs = [run for seeds in found for run in seeds]
            regret = _regret(found)
            mean, error = mean_and_error(regret)
            at = [round(share * regret.shape[1]) - 1 for share in SHARES]
            table.add_row(
                recipe,
                f"{count:,}",
                *(_cell(mean[i], error[i]) for i in at),
                f"{np.mean([run.trials for run in runs]):,.0f}",
                duration(float(np.mean([run.seconds for run in runs]))),
            )
    console.print(table)
    console.print()


def _cell(mean: float, error: float) -> str:
    if not math.isfinite(mean):
        return "–"  # a seed without a finite report so far
    return f"{mean:.3f}" + (f" ± {error:.3f}" if math.isfinite(error) else "")


def _picture(
    asked: argparse.Namespace,
    groups: Sequence[int],
    tables: Sequence[CurveTable],
    budgets: Sequence[int | None],
    recipes: Mapping[str, Sweep],
    workers: Sequence[int],
    results: Results,
) -> str:
    from caviar.simulator.regret_plot import Panel, draw

    rows = []
    for group in groups:
        row = []
        for count in workers:
            found = {r: _of_group(group, r, count, results, len(tables)) for r in recipes}
            epochs = [run.epochs for runs in found.values() for seeds in runs for run in seeds]
            budget = budgets[max(group, 0)] or float(np.mean(epochs))
            row.append(
                Panel(
                    title=f"{_title(group, tables)}, {count:,} worker{'s' * (count > 1)}",
                    budget=budget / tables[max(group, 0)].max_epochs,
                    lines={recipe: _regret(runs) for recipe, runs in found.items()},
                )
            )
        rows.append(row)
    title = f"Regret on {Path(asked.table).name}, {asked.seeds} seed{'s' * (asked.seeds > 1)}"
    return draw(title, rows)

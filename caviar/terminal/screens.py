"""What is printed before a sweep starts and after it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from caviar.base.failures import failure_groups
from caviar.base.format import duration, how_it_ended, number, shortened
from caviar.base.trial import Outcome
from caviar.controller.controller import SweepController
from caviar.schedulers.base import Scheduler
from caviar.store import layout
from caviar.store.finals import Finals
from caviar.store.location import Location
from caviar.sweep.sweep import Sweep, by_name
from caviar.terminal.curves import best_curves
from caviar.terminal.space_table import space_table
from search_spaces import SearchSpace

COMPILES = (
    "--device.compile compiles anew for every shape of model and batch: where they vary between "
    "trials, that can take longer than the training. Fix them, or keep it for long trials."
)
"""It is printed here because what a worker logs stays in Ray's own files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What a sweep runs on."""

    resources: str
    """The nodes, CPUs, GPUs and memory of the cluster, in one line."""
    gpus: float
    """The GPUs of the cluster."""
    concurrent: int
    """Trials side by side."""
    workers: int
    """Processes that train each trial, 1 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is known of a session before its first trial."""

    sweep: Sweep
    space: SearchSpace
    scheduler: Scheduler
    data: str
    """The data set in one line."""
    machines: Machines
    folder: Location
    """Of the sweep."""
    session: int
    """0 for the first of the sweep."""
    sized: bool
    """Whether the size of a checkpoint is known, or is not limited."""
    note: str | None = None
    """What a person should know first of all."""


class Advised(Protocol):
    """Something to do next, and why."""

    @property
    def text(self) -> str:
        """What to do: a sentence or two."""

    @property
    def evidence(self) -> str:
        """What it is concluded from."""


def start(what: Start, console: Console) -> None:
    """The space, the rungs, the machines, the data, before the first trial."""
    sweep, space = what.sweep, what.space
    if what.note is not None:
        console.print(what.note, style="yellow", markup=False, highlight=False)
    if sweep.device.compile:
        console.print(COMPILES, style="yellow", markup=False, highlight=False)
    console.print(f"space {space.name}\n", style="italic", markup=False, highlight=False)
    console.print(space_table(space, source=False))
    console.print()
    searcher, kind = type(sweep.searcher).__name__, type(sweep.scheduler).__name__
    rungs = Table.grid(padding=(0, 3))
    for name, value in what.scheduler.table(sweep.trials):
        rungs.add_row(name, value)
    console.print(f"{searcher} proposes, {kind} stops", style="italic")
    console.print(Padding(rungs, (0, 0, 1, 2)))
    console.print(f"trains     {by_name(sweep.trainable)}", markup=False, highlight=False)
    console.print(f"data       {what.data}", markup=False, highlight=False)
    _machines(sweep, what.machines, console)
    console.print(
        f"goal       {sweep.direction} {sweep.metric}, seed {sweep.seed}"
        + (f", session {what.session + 1} of this sweep" if what.session else ""),
        highlight=False,
    )
    console.print(f"budget     {_budget(sweep)}", highlight=False)
    if not what.sized:
        console.print(
            f"disk       --disk-limit is {sweep.disk_limit:g} GB. How large a checkpoint is cannot "
            "be told before one is written: the first that is too large ends the sweep.",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"folder     {what.folder}\n", markup=False, highlight=False, soft_wrap=True)


def _machines(sweep: Sweep, machines: Machines, console: Console) -> None:
    several = f" for {machines.workers} workers" if machines.workers > 1 else ""
    console.print(
        f"machines   {machines.resources}; {machines.concurrent} trials side by side, each with "
        f"{sweep.cpus_per_trial:g} CPU and {sweep.gpus_per_trial:g} GPU{several}",
        highlight=False,
    )
    if machines.gpus and not sweep.gpus_per_trial:
        console.print(
            f"           The trials use none of the {machines.gpus:g} GPU: --gpus-per-trial 1 "
            "gives each its own, 0.25 lets four share one.",
            style="yellow",
            highlight=False,
        )


def _budget(sweep: Sweep) -> str:
    """What ends the sweep, whatever comes first."""
    limits = {
        "trials": sweep.trials,
        "epochs": sweep.max_total_epochs,
        "GPU-hours": sweep.gpu_hours,
        "trials without a better value": sweep.patience,
    }
    parts = [f"{limit} {what}" for what, limit in limits.items() if limit is not None]
    if sweep.time_budget is not None:
        parts.append(duration(sweep.time_budget))
    if sweep.stop_at is not None:
        parts.append(f"{sweep.metric} {sweep.stop_at}")
    return " or ".join(parts)


def end(
    found: Mapping[str, Any], controller: SweepController, *, folder: Location, console: Console
) -> None:
    """The counts, the best configuration beside the default, and where everything is."""
    best = found["best"]
    counts = found["trials"]
    ended = ", ".join(f"{counts[o]} {how_it_ended(o)}" for o in Outcome if counts.get(o))
    unfinished = sum(record.unfinished for record in controller.trials.values())
    console.print(
        f"\n{counts['total']} trials ({ended or 'none ended'}"
        + (f", {unfinished} unfinished" if unfinished else "")
        + f"), {found['epochs_trained']} epochs in {duration(found['wall_seconds'])}",
        highlight=False,
        style="bold",
    )
    if best is None:
        console.print(
            f"No trial reported a finite value: there is no best one.{_why_none(controller)}",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    else:
        console.print(best_table(found["metric"], best, found["baseline"]))
        console.print(best_curves(controller))
    history = folder / layout.HISTORY
    rows = {
        "checkpoint": None if best is None else best["checkpoint"],
        "report": folder / layout.REPORT if (folder / layout.REPORT).is_file() else None,
        "summary": folder / layout.SUMMARY,
        "history": history,
        "decisions": folder / layout.DECISIONS if (folder / layout.DECISIONS).is_file() else None,
        "errors": folder / layout.ERRORS if counts["failed"] else None,
        "curves": f"optuna-dashboard sqlite:///{history}" if history.local is not None else None,
    }
    for what, where in rows.items():
        if where is not None:
            console.print(f"{what:<11}{where}", markup=False, highlight=False, soft_wrap=True)


def _why_none(controller: SweepController) -> str:
    """What most of the trials ended of."""
    failed, diverged = (
        controller.trials.count(Outcome.FAILED),
        controller.trials.count(Outcome.DIVERGED),
    )
    if failed > diverged:
        commonest = failure_groups(controller.trials)[0]
        return f" {failed} failed, most often with {shortened(commonest.message)}."
    if diverged:
        return f" {diverged} diverged: lower the upper bounds, the learning rate's first."
    return ""


def advice(found: Sequence[Advised], console: Console) -> None:
    """What to do next, each with its evidence; nothing where all is well."""
    if not found:
        return
    console.print("\nnext time", style="bold")
    for one in found:
        line = Text("· ")
        line.append(one.text)
        line.append(f" {one.evidence}", "dim")
        # Whole words in a terminal; one line each in a log.
        console.print(line, soft_wrap=not console.is_terminal)


_NO_QUALITY = ("epoch", "epoch_seconds", "samples_per_second")
"""Reported each epoch, and no measure of how good a trial is."""


def best_table(metric: str, best: Mapping[str, Any], baseline: Mapping[str, Any]) -> Table:
    """The best trial beside the default: metrics and configuration, as in `summary.json`."""
    title = f"best: trial {best['trial']}, epoch {best['epoch']}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("best", style="green")
    table.add_column("default")
    table.add_column("difference")
    before = baseline["metrics"] or {}
    for name, value in best["metrics"].items():
        if name in _NO_QUALITY:
            continue
        other = before.get(name)
        gap = "" if other is None or value is None else f"{value - other:+.4g}"
        shown = "" if other is None else number(other)
        table.add_row(name, number(value), shown, gap, style="bold" if name == metric else None)
    table.add_section()
    config, default = best["config"], baseline["config"] or {}
    for name in dict.fromkeys([*config, *default]):
        table.add_row(name, number(config.get(name, "–")), number(default.get(name, "–")), "")
    return table


def finals_begin(sweep: Sweep, entrants: int, console: Console) -> None:
    """What the finals train."""
    console.print(
        f"\nfinals     {entrants} configurations, {sweep.final_seeds} fresh seeds each, "
        f"{sweep.max_epochs} epochs"
    )


def finals(found: Finals, metric: str, console: Console) -> None:
    """The finalists, the best mean first, and what the winner makes of the test rows."""
    table = Table(box=box.SIMPLE_HEAD, title="finals", title_justify="left")
    for name in ("trial", f"{metric}, mean", "± std", "by seed"):
        table.add_column(name, no_wrap=name != "by seed")
    for one in found.finalists:
        table.add_row(
            "brought" if one.trial is None else str(one.trial),
            number(one.mean),
            number(one.std) if len(one.scores) > 1 else "–",
            " ".join(number(score) for score in one.scores.values())
            + ("" if one.is_whole else f" and {one.asked - len(one.scores)} without a value"),
        )
    console.print(table)
    if found.winner is None:
        console.print("no finalist has a value for every seed: the search's best stays the best")
    elif found.checkpoint is None:
        console.print("test rows  the checkpoint of the winner's best training is gone")
    elif found.test is None:
        console.print("test rows  this trainable has no score for them")
    else:
        metrics = " ".join(f"{name} {number(value)}" for name, value in found.test.items())
        console.print(f"test rows  {metrics} (looked at once)", soft_wrap=True)

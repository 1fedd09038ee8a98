"""The view of a sweep that runs: how far it is, its best, its curves, its rungs, its decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from caviar.base.format import configuration, duration, how_it_ended
from caviar.base.trial import Outcome, TrialRecord
from caviar.terminal.curves import Curves, small

STYLES = {
    Outcome.RUNNING: "cyan",
    Outcome.PAUSED: "blue",
    Outcome.COMPLETED: "green",
    Outcome.STOPPED_EARLY: "yellow",
    Outcome.FAILED: "red",
    Outcome.DIVERGED: "magenta",
}

_FIXED_LINES = 17
"""Lines of the view, its frame included, that do not depend on how high the terminal is."""
_MOST_RUNGS = 10
"""More are no rungs: trials are compared at every epoch, or nearly."""
_MOST_LINES = 6
"""Of the curves, of the decisions and of the trials that ended."""


class Sweeping(Curves, Protocol):
    """What the view shows: a `SweepController`, or a sweep that is read from its history."""

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the sweep, over all its sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the view shows beside the sweep itself."""

    title: str
    foot: str
    rate: float
    """Epochs a second."""
    runs: bool = True
    """Whether some of its time is left."""
    gpu_hours: float = 0.0
    rungs: Sequence[int] = ()
    """Epochs at which trials are compared, rising."""
    decisions: Sequence[str] = ()
    """The newest last."""
    recent: Sequence[int] = ()
    """Trials that left their workers, the newest last."""


def panel(sweep: Sweeping, details: Details, *, height: int) -> Panel:
    """The view; in a terminal of few lines, `height`, with fewer curves, decisions and trials."""
    plan = sweep.plan
    few = max(1, min(_MOST_LINES, (height - _FIXED_LINES) // 3))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold")
    rows.add_column()
    forks = sweep.trials.forks()
    of = f" of {plan.trials}" if plan.trials else ""
    and_forks = f", {forks} forks" if forks else ""
    rows.add_row("trials", f"{len(sweep.trials) - forks}{of}{and_forks}")
    rows.add_row("", _states(sweep.trials))
    best = sweep.trials.best()
    if best is not None:
        record, report = best
        value = sweep.trials.objective.of(report.metrics)
        where = f"trial {record.number}, epoch {report.epoch}"
        rows.add_row(
            "best", f"{sweep.trials.objective.metric} {value:.4f}  {where}{_gain(sweep, value)}"
        )
        rows.add_row("", Text(configuration(record.config), "dim"))
    rows.add_row("epochs", _epochs(sweep, details, forks=forks))
    share = _share(sweep, details, forks=forks)
    rows.add_row("time", _time(sweep.elapsed, share if details.runs else 0.0))
    if 0 < len(details.rungs) <= _MOST_RUNGS:
        rows.add_row("rungs", _rungs(sweep.trials, details.rungs))
    for name, lines in (
        ("curves", small(sweep, few)),
        ("latest", [_decision(line) for line in details.decisions[-few:]]),
    ):
        for number, line in enumerate(lines):
            rows.add_row("" if number else name, line)
    # The padding ends the bar's line, which the bar itself does not.
    bar = Padding(ProgressBar(total=1.0, completed=share, width=None), (1, 0))
    recent = [trial_line(sweep, sweep.trials[n]) for n in details.recent[-few:]]
    return Panel(
        Group(rows, bar, *recent), title=details.title, subtitle=details.foot, border_style="blue"
    )


def trial_line(sweep: Curves, record: TrialRecord, why: str | None = None) -> Text:
    """A trial that left its worker: how, after how long, with what, why, and what it was."""
    metric = sweep.trials.objective.metric
    best = sweep.trials.best_report(record.number)
    line = Text(f"trial {record.number:>4}  ", no_wrap=True, overflow="ellipsis")
    line.append(f"{how_it_ended(record.outcome):<14}", STYLES[record.outcome])
    line.append(f"{record.epoch:>4} epoch{' ' if record.epoch == 1 else 's'}  ")
    if best is not None:
        line.append(f"{metric} {best.metrics[metric]:.4f} at epoch {best.epoch}  ")
    if why is not None:
        line.append(f"({why})  ")
    line.append(record.error or configuration(record.config), "dim")
    return line


def rung_counts(
    records: Mapping[int, TrialRecord], rungs: Sequence[int]
) -> list[tuple[int, int, int, int]]:
    """Of each rung its epoch, the trials that got there, that went on, and that wait there."""
    found = []
    for epoch in rungs:
        there = [record for record in records.values() if record.epoch >= epoch]
        waiting = sum(r.epoch == epoch and r.outcome is Outcome.PAUSED for r in there)
        # One that runs and has just reported there was compared, and has passed.
        on = sum(r.epoch > epoch or r.outcome is Outcome.RUNNING for r in there)
        found.append((epoch, len(there), on, waiting))
    return found


def _rungs(records: Mapping[int, TrialRecord], rungs: Sequence[int]) -> Text:
    text = Text()
    for epoch, there, on, waiting in rung_counts(records, rungs):
        text.append(f"epoch {epoch}: ", "dim")
        text.append(f"{on} of {there} went on" + (f", {waiting} wait" if waiting else "") + "   ")
    return text


def _decision(line: str) -> Text:
    return Text(line, no_wrap=True, overflow="ellipsis")


def _states(records: Mapping[int, TrialRecord]) -> Text:
    outcomes = [record.outcome for record in records.values()]
    text = Text()
    for outcome in Outcome:
        count = outcomes.count(outcome)
        if count or outcome is not Outcome.PAUSED:  # most schedulers pause nothing
            text.append(f"{count} {how_it_ended(outcome)}   ", STYLES[outcome])
    return text


def _gain(sweep: Sweeping, best: float) -> str:
    baseline = sweep.trials.baseline()
    if baseline is None:
        return ""
    return f"  ({best - baseline.metrics[sweep.trials.objective.metric]:+.4f} against the default)"


def _epochs(sweep: Sweeping, details: Details, *, forks: int) -> str:
    plan = sweep.plan
    # Forks are not among the trials that were asked for: these bound nothing then.
    by_trials = plan.trials * plan.max_epochs if plan.trials and not forks else None
    bounds = [plan.limits.epochs, by_trials]
    most = min((bound for bound in bounds if bound is not None), default=None)
    of = "" if most is None else f" of at most {most}"
    return f"{sweep.trials.epochs}{of}, {details.rate:.1f} a second"


def _share(sweep: Sweeping, details: Details, *, forks: int) -> float:
    """The share of the budget that is spent: trials, epochs or time."""
    plan = sweep.plan
    ended = len(sweep.trials.ended())
    by_trials = ended / plan.trials if plan.trials and not forks else 0.0
    spent = plan.limits.share(sweep.elapsed, sweep.trials.epochs, details.gpu_hours)
    return min(1.0, max(by_trials, spent))


def _time(elapsed: float, share: float) -> str:
    if share <= 0:
        return duration(elapsed)
    return f"{duration(elapsed)}, about {duration(elapsed * (1 - share) / share)} left"

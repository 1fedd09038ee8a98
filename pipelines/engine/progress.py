"""What a person sees while a sweep runs: one live view, or one line a trial where there is none."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipelines.engine.conductor import Conductor
from pipelines.engine.records import Outcome, TrialRecord
from pipelines.engine.words import configuration, duration, how_it_ended

_REFRESH_SECONDS = 0.25
_RECENT = 6

STYLES = {
    Outcome.RUNNING: "cyan",
    Outcome.PAUSED: "blue",
    Outcome.COMPLETED: "green",
    Outcome.STOPPED_EARLY: "yellow",
    Outcome.FAILED: "red",
    Outcome.DIVERGED: "magenta",
}


class Progress:
    """Draws at most four times a second; a sweep that reports faster does not wait for it."""

    def __init__(self, conductor: Conductor, console: Console) -> None:
        self._conductor = conductor
        self._console = console
        self._drawn = 0.0
        self._recent: list[int] = []
        self._epochs_before = conductor.epochs
        self._started = time.monotonic()
        self._live = Live(
            console=console, auto_refresh=False, transient=True, get_renderable=self._view
        )

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._say()
        if self._console.is_terminal:
            self._live.stop()

    def changed(self, ended: int | None) -> None:
        """Something happened; ``ended`` is the trial whose worker became free, if one did."""
        self._say()
        if ended is not None:
            record = self._conductor.records[ended]
            if self._console.is_terminal:
                self._recent = [*self._recent, ended][-_RECENT:]
            elif not record.unfinished:
                self._console.print(self._line(record), soft_wrap=True, highlight=False)
        now = time.monotonic()
        if self._console.is_terminal and now - self._drawn >= _REFRESH_SECONDS:
            self._drawn = now
            self._live.refresh()

    def _say(self) -> None:
        """Print what was decided, above the live view where there is one."""
        if words := self._conductor.words():
            self._console.print("\n".join(words), markup=False, highlight=False, soft_wrap=True)

    def _line(self, record: TrialRecord) -> Text:
        metric = self._conductor.plan.metric
        best = self._conductor.best_report(record.number)
        line = Text(f"trial {record.number:>4}  ", no_wrap=True, overflow="ellipsis")
        line.append(f"{how_it_ended(record.outcome):<14}", STYLES[record.outcome])
        line.append(f"{record.epoch:>4} epoch{' ' if record.epoch == 1 else 's'}  ")
        if best is not None:
            line.append(f"{metric} {best.metrics[metric]:.4f} at epoch {best.epoch}  ")
        line.append(record.error or configuration(record.config), "dim")
        return line

    def _view(self) -> Panel:
        conductor = self._conductor
        plan = conductor.plan
        count = len(conductor.records)
        states = Text()
        for outcome in Outcome:
            count_of = conductor.count(outcome)
            if count_of or outcome is not Outcome.PAUSED:  # most schedulers pause nothing
                states.append(f"{count_of} {how_it_ended(outcome)}   ", STYLES[outcome])
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="bold")
        rows.add_column()
        of = f" of {plan.trials}" if plan.trials else ""
        and_forks = f", {self._forks} forks" if self._forks else ""
        rows.add_row("trials", f"{count - self._forks}{of}{and_forks}")
        rows.add_row("", states)
        best = conductor.best()
        if best is not None:
            record, report = best
            value = report.metrics[plan.metric]
            where = f"trial {record.number}, epoch {report.epoch}"
            rows.add_row("best", f"{plan.metric} {value:.4f}  {where}{self._gain(value)}")
            rows.add_row("", Text(configuration(record.config), "dim"))
        rows.add_row("epochs", self._epochs())
        rows.add_row("time", self._time())
        share = self._share()
        recent = [self._line(conductor.records[n]) for n in self._recent]
        # The padding ends the bar's line, which the bar itself does not.
        bar = Padding(ProgressBar(total=1.0, completed=share, width=None), (1, 0))
        reason = (
            f"stopping: {conductor.stop_reason}"
            if conductor.stop_reason
            else "Ctrl-C stops, and can be resumed"
        )
        return Panel(
            Group(rows, bar, *recent), title="caviar sweep", subtitle=reason, border_style="blue"
        )

    def _gain(self, best: float) -> str:
        baseline = self._conductor.best_report(0)
        if baseline is None:
            return ""
        return (
            f"  ({best - baseline.metrics[self._conductor.plan.metric]:+.4f} against the default)"
        )

    def _epochs(self) -> str:
        plan = self._conductor.plan
        here = self._conductor.epochs - self._epochs_before
        rate = here / max(time.monotonic() - self._started, 1e-9)
        bounds = [plan.limits.epochs, self._most_by_trials]
        most = min((bound for bound in bounds if bound is not None), default=None)
        of = "" if most is None else f" of at most {most}"
        return f"{self._conductor.epochs}{of}, {rate:.1f} a second"

    @property
    def _forks(self) -> int:
        """Trials that went on from another one's checkpoint: --trials does not bound them."""
        return sum(record.parent is not None for record in self._conductor.records.values())

    @property
    def _most_by_trials(self) -> int | None:
        """The most epochs that --trials can take; None where it bounds nothing."""
        plan = self._conductor.plan
        return plan.trials * plan.max_epochs if plan.trials and not self._forks else None

    def _share(self) -> float:
        """The share of the budget that is spent: trials, epochs or time."""
        plan = self._conductor.plan
        ended = sum(not record.unfinished for record in self._conductor.records.values())
        by_trials = ended / plan.trials if plan.trials and not self._forks else 0.0
        spent = plan.limits.share(
            self._conductor.elapsed, self._conductor.epochs, self._conductor.meter.gpu_hours
        )
        return min(1.0, max(by_trials, spent))

    def _time(self) -> str:
        share = self._share()
        elapsed = self._conductor.elapsed
        if share <= 0:
            return duration(elapsed)
        return f"{duration(elapsed)}, about {duration(elapsed * (1 - share) / share)} left"

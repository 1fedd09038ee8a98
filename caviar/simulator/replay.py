"""A sweep in simulated time: the live controller, searcher and scheduler on recorded curves."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caviar.base.errors import UsageError
from caviar.base.trial import Mode, Report, TrialRecord
from caviar.controller.controller import SweepController
from caviar.controller.events import DecisionEvent
from caviar.controller.job import EpochResult, Job
from caviar.controller.plan import Plan
from caviar.schedulers.base import Action, Fork, Move, Scheduler
from caviar.searchers.base import Searcher
from caviar.simulator.rows import RowSearcher
from caviar.simulator.table import CurveTable
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a simulated sweep did. The arrays have one entry for each epoch that was trained."""

    table: CurveTable
    controller: SweepController
    trials: NDArray[np.int64]
    """The number of the trial that finished an epoch."""
    seconds: NDArray[np.float64]
    """When it did, in simulated seconds."""
    best: NDArray[np.float64]
    """The best value of any trial so far; NaN before the first finite one."""

    def regret(self, epochs: float) -> float:
        """Regret when so many epochs were trained over all trials: 0 best known, 1 the median."""
        at = min(len(self.best), math.floor(epochs)) - 1
        return self.table.regret(float(self.best[at])) if at >= 0 else math.nan


def simulate(
    table: CurveTable,
    *,
    searcher: Searcher,
    scheduler: Scheduler,
    workers: int,
    epochs: int | None = None,
    trials: int | None = None,
    seed: int = 0,
    default_first: bool = False,
) -> Replay:
    """Run a sweep over the rows of `table` with `workers` trials side by side.

    It ends with `epochs`, `trials` or the last row, whatever comes first. A proposed configuration
    becomes the nearest row that has not run yet. The result is a function of the arguments.

    Args:
        table: the configurations and their curves.
        searcher: over the space of the table.
        scheduler: gets one report an epoch; one that forks trials cannot be simulated.
        workers: trials side by side, 1 or more.
        epochs: the budget over all trials; None for no limit.
        trials: how many may start; None for no limit.
        seed: of the trials' seeds.
        default_first: whether trial 0 is the default configuration, as in a sweep; a row must have
            it.

    Raises:
        UsageError: for less than one worker, and for a scheduler that forks.
    """
    if workers < 1:
        raise UsageError(f"A simulation needs at least 1 worker, and workers is {workers}.")
    clock = _Clock()
    rows = RowSearcher(searcher, table)
    controller = SweepController(
        _plan(table, trials=trials, seed=seed, default_first=default_first),
        space=table.space,
        searcher=rows,
        scheduler=_UntilKnown(scheduler, rows, table),
        history=_Nowhere(),
        clock=clock,
    )
    jobs: dict[int, Job] = {}
    course = _Course(table)
    under_way = _UnderWay()
    free = workers
    while epochs is None or len(course.trials) < epochs:
        while free and (job := controller.next_job()) is not None:
            record = job.lead
            jobs[record.number] = job
            at = clock.now + float(table.seconds[rows.rows[record.number]])
            under_way.begin(at, record.number, record.epoch + 1)
            free -= 1
        if not under_way.heap:
            break
        clock.now, number, epoch = under_way.finish()
        row = rows.rows[number]
        value = float(table.values[row, epoch - 1])
        course.note(number, clock.now, value)
        result = EpochResult(
            epoch=epoch,
            metrics={table.metric: value},
            done=epoch >= table.max_epochs,
            diverged=not math.isfinite(value),
        )
        if controller.report(jobs[number], {number: result})[number].continues:
            under_way.begin(clock.now + float(table.seconds[row]), number, epoch + 1)
        else:
            controller.end(jobs.pop(number))
            free += 1
    return course.replay(controller)


class _Course:
    """The epochs that were trained, in the order in which they finished."""

    def __init__(self, table: CurveTable) -> None:
        self.trials: list[int] = []
        self._table = table
        self._seconds: list[float] = []
        self._best: list[float] = []
        self._so_far = math.nan

    def note(self, trial: int, at: float, value: float) -> None:
        """An epoch of a trial has finished, with this value."""
        if self._table.objective.better(value, self._so_far):
            self._so_far = value
        self.trials.append(trial)
        self._seconds.append(at)
        self._best.append(self._so_far)

    def replay(self, controller: SweepController) -> Replay:
        """All of it."""
        return Replay(
            table=self._table,
            controller=controller,
            trials=np.array(self.trials, dtype=np.int64),
            seconds=np.array(self._seconds),
            best=np.array(self._best),
        )


class _UnderWay:
    """The epochs that are being trained, by when they finish; of equals the first to begin."""

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, int, int]] = []
        """When an epoch finishes, as which of all it began, its trial, its number."""
        self._begun = 0

    def begin(self, at: float, trial: int, epoch: int) -> None:
        """An epoch of a trial begins, and finishes at `at`, in simulated seconds."""
        heapq.heappush(self.heap, (at, self._begun, trial, epoch))
        self._begun += 1

    def finish(self) -> tuple[float, int, int]:
        """The next epoch to finish: when, its trial, its number."""
        at, _, trial, epoch = heapq.heappop(self.heap)
        return at, trial, epoch


def _plan(table: CurveTable, *, trials: int | None, seed: int, default_first: bool) -> Plan:
    return Plan(
        objective=table.objective,
        max_epochs=table.max_epochs,
        trials=trials,
        seed=seed,
        keep_checkpoints=0,
        checkpoint_seconds=math.inf,
        default_first=default_first,
    )


class _Clock:
    """Simulated seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class _Nowhere:
    """The history of a simulated sweep: the controller's records are all that is kept."""

    def start(self, record: TrialRecord, space: SearchSpace) -> None:
        """A new trial."""

    def again(self, record: TrialRecord) -> None:
        """An unfinished trial runs again."""

    def report(self, number: int, report: Report) -> None:
        """One epoch of a trial."""

    def pause(self, record: TrialRecord) -> None:
        """A trial has left its worker."""

    def end(self, record: TrialRecord, best: float | None) -> None:
        """How a trial ended."""

    def decide(self, event: DecisionEvent) -> None:
        """What was decided."""


class _UntilKnown(Scheduler):
    """Stops a trial where the record of its row ends, even if the scheduler would continue it."""

    def __init__(self, inner: Scheduler, rows: RowSearcher, table: CurveTable) -> None:
        self._inner = inner
        self._rows = rows
        self._table = table

    def next(self, *, new: bool, paused: Set[int]) -> Move | None:
        move = self._inner.next(new=new, paused=paused)
        if isinstance(move, Fork):
            raise UsageError(
                "A table of learning curves does not say how a trial would go on under another "
                "configuration, so a scheduler that forks trials cannot be simulated."
            )
        return move

    def know(self, space: SearchSpace, mode: Mode) -> None:
        self._inner.know(space, mode)

    def see(self, trial: int, epoch: int, metrics: Mapping[str, float]) -> None:
        self._inner.see(trial, epoch, metrics)

    def start(self, trial: int, parent: int | None) -> None:
        self._inner.start(trial, parent)

    def promote(self, trial: int) -> None:
        self._inner.promote(trial)

    def report(self, trial: int, epoch: int, score: float) -> Action:
        verdict = self._inner.report(trial, epoch, score)
        known = epoch < int(self._table.known[self._rows.rows[trial]])
        return verdict if known else Action.STOP

    def end(self, trial: int) -> None:
        self._inner.end(trial)

    def dropped(self, paused: Set[int]) -> Iterable[int]:
        return self._inner.dropped(paused)

    def table(self, trials: int | None) -> list[tuple[str, str]]:
        return self._inner.table(trials)

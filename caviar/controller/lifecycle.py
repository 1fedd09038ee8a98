"""How the trials of a sweep start, pause and end: the state under the controller, without jobs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Set
from dataclasses import dataclass

from caviar.base.trial import Event, Outcome, TrialRecord, trial_seed
from caviar.base.trials import Trials
from caviar.controller import forks
from caviar.controller.budget import Budget, Meter
from caviar.controller.decisions import DecisionLog
from caviar.controller.job import Member
from caviar.controller.keeping import Keeping
from caviar.controller.new_trials import NewTrials
from caviar.controller.plan import Checkpoints, Log, NoCheckpoints, Plan
from caviar.controller.resuming import member
from caviar.controller.retries import Failures
from caviar.controller.scheduling import Scheduling
from caviar.schedulers.base import Fork, Scheduler
from caviar.searchers.base import Searcher
from caviar.sweep.limits import Stop
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What the sessions before this one took."""

    sessions: int = 0
    """How many there were: the number of this one."""
    seconds: float = 0.0
    """Wall time over all of them."""
    gpu_seconds: float = 0.0
    """GPU-seconds over all of them."""


NOTHING_EARLIER = Earlier()


class Lifecycle:
    """The state of a running sweep, and what happens to a single trial.

    Args:
        plan: what the sweep may spend and what it keeps.
        space: what is searched.
        searcher: proposes configurations.
        scheduler: decides which trials continue.
        history: where everything that happens is written.
        checkpoints: where those are; None where there are none, and trials start afresh.
        earlier: what earlier sessions took.
        clock: in seconds, from any origin.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        space: SearchSpace,
        searcher: Searcher,
        scheduler: Scheduler,
        history: Log,
        checkpoints: Checkpoints | None = None,
        earlier: Earlier = NOTHING_EARLIER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self.trials = Trials(plan.objective)
        self.meter = Meter(clock, gpus=plan.gpus_per_trial, spent=earlier.gpu_seconds)
        self._budget = Budget(plan.limits, plan.objective, self.meter)
        self.finished = False
        """Whether `next_job` has found that no more trials will run, neither now nor later."""
        self.session = earlier.sessions
        self.just_ended: list[int] = []
        """Trials that ended, for a listener that empties it: paused ones end without a worker."""
        self.live: set[int] = set()
        """Trials that have a worker, or wait for one."""
        self.jobs: dict[int, set[int]] = {}
        """Jobs that have a worker or wait for one, by number: their trials that are still in it."""
        self._jobs_begun = 0
        self._failures = Failures()
        self._space = space
        self._new_trials = NewTrials(plan, space=space, searcher=searcher)
        self._scheduler = scheduler
        scheduler.know(space, plan.objective.direction)
        self._scheduling = Scheduling(plan, scheduler)
        self.decision_log = DecisionLog(
            searcher, scheduler, history, direction=plan.objective.direction
        )
        self._history = history
        self._checkpoints = checkpoints or NoCheckpoints()
        self.keeping = Keeping(
            self.trials,
            self._checkpoints,
            keep=plan.keep_checkpoints,
            every=plan.checkpoint_seconds,
            clock=clock,
        )
        self._clock = clock
        self._origin = clock() - earlier.seconds
        self._order = 0
        self._waiting: deque[TrialRecord] = deque()
        self._ending: dict[int, Outcome] = {}
        self._paused: set[int] = set()

    # Time and progress.

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the sweep, earlier sessions included."""
        return self._clock() - self._origin

    @property
    def stop_reason(self) -> str | None:
        """Why running trials are put aside and no more start; None while they train."""
        return self._budget.reason

    @property
    def ended_because(self) -> str | None:
        """Why no more trials start, though more were asked for; None where that is not so."""
        return self.stop_reason or (Stop.EXHAUSTED if self._new_trials.exhausted else None)

    # Where it stops.

    def check_time(self) -> None:
        """Stop when the budget of seconds or GPU-hours is spent, and something is left to stop."""
        if self.live or self._more:
            self._budget.look_at_clock(self.elapsed)

    def _check_what_ended(self) -> None:
        if self.live or self._more:
            self._budget.look_at_failures(self.trials.epochs)
            self._budget.look_at_patience(self.trials)

    def request_stop(self, reason: str) -> None:
        """Start no more trials; each running one is saved at its next report and put aside."""
        self._budget.stop(reason)

    # How trials start, and start again.

    def _training(self, but: Set[int] = frozenset()) -> int:
        """How many trials train an epoch now; one that ends waits for its last checkpoint."""
        return len(self.live - self._ending.keys() - but)

    @property
    def _more(self) -> bool:
        """Whether a trial is left to start or to go on."""
        return self._new_trials.left or bool(self._waiting or self._paused)

    def _start(self) -> Member | None:
        number = len(self.trials)
        config = self._new_trials.next(number)
        self.decision_log.listen(self.elapsed)
        if config is None:
            return None
        return self._begin(TrialRecord(number, config, trial_seed(self.plan.seed, number)))

    def _fork(self, fork: Fork) -> Member:
        """A new trial from another one's checkpoint; without any, what it replaces continues."""
        found = self._checkpoints.newest(fork.parent)
        if fork.replaces is not None:
            if found is None:
                return self._promote(fork.replaces)
            self._drop(fork.replaces)
        at, seed = 0 if found is None else found[1], self.plan.seed
        child = self._begin(forks.record(fork, self.trials, self._space, seed=seed, at=at))
        self.keeping.saved.add(child.record.number)  # the copy of its parent's checkpoint
        return child

    def _begin(self, record: TrialRecord) -> Member:
        record.session = self.session
        record.started = [round(self.elapsed, 3)]
        record.begun = [self._tick()]
        self.trials.add(record)
        self._new_trials.runs(record)
        self._scheduling.observe(record, Event.START)
        self._history.start(record, self._space)
        self.decision_log.listen(self.elapsed)
        return self._assign(record)

    def _promote(self, number: int) -> Member:
        record = self.trials[number]
        record.outcome = Outcome.RUNNING
        self.decision_log.decided(record, Outcome.RUNNING, self.elapsed)
        record.begun.append(self._tick())
        self._paused.discard(number)
        self._scheduling.observe(record, Event.PROMOTE)
        self._close()
        return self._again(record)

    def _again(self, record: TrialRecord) -> Member:
        record.session = self.session
        record.attempt += 1
        record.started.append(round(self.elapsed, 3))
        self._history.again(record)
        return self._assign(record)

    def _assign(self, record: TrialRecord) -> Member:
        self.live.add(record.number)
        self._budget.started(record, self.trials.epochs)
        return member(record, self._checkpoints)

    def _tick(self) -> int:
        """The number of what happens now."""
        self._order += 1
        return self._order - 1

    # How they end, or do not yet.

    def _fail(self, record: TrialRecord, error: str, *, lost: bool) -> None:
        if not self._failures.again(record, error, lost=lost, retries=self.plan.retries):
            record.error = error
            self._finish(record, Outcome.FAILED)
        elif self.stop_reason is None:
            record.again.append(error)
            self._waiting.append(record)
        # else it stays unfinished, and a resumed sweep continues it

    def _pause(self, record: TrialRecord) -> None:
        record.outcome = Outcome.PAUSED
        self._paused.add(record.number)
        self._history.pause(record)

    def _close(self) -> None:
        """End the paused trials that nothing will promote: all of them after the last trial."""
        over = self.finished and self.stop_reason is None and not self.live
        for number in sorted(self._paused if over else self._scheduler.dropped(self._paused)):
            self._drop(number)

    def _drop(self, number: int) -> None:
        """End a paused trial, whose worker has been free since its last report."""
        record = self.trials[number]
        self._paused.discard(number)
        self.decision_log.decided(record, Outcome.STOPPED_EARLY, self.elapsed)
        self._finish(record, Outcome.STOPPED_EARLY, at=record.reports[-1].at)

    def _finish(self, record: TrialRecord, outcome: Outcome, at: float | None = None) -> None:
        record.outcome = outcome
        record.ended = round(self.elapsed if at is None else at, 3)
        record.over = self._tick()
        self.just_ended.append(record.number)
        self._scheduling.observe(record, Event.END)
        self._history.end(record, self.trials.best_value(record.number))
        self._new_trials.observe(record)
        self.decision_log.listen(self.elapsed)

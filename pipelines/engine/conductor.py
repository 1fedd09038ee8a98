"""One sweep, without Ray: what runs next, what goes on, what is remembered.

The conductor joins a searcher, a scheduler, a budget and the history. Ray is told its decisions by
``ray_bridge``; a replay of recorded curves can drive the same object.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from pipelines.engine.judge import Judge
from pipelines.engine.plan import (
    Assignment,
    Checkpoints,
    Decision,
    Log,
    NoCheckpoints,
    Plan,
    trial_seed,
)
from pipelines.engine.proposals import Proposals
from pipelines.engine.records import Event, Outcome, Report, TrialRecord, happened
from pipelines.engine.resuming import reached
from pipelines.engine.retries import Failures
from pipelines.engine.schedulers.base import Fork, Promote, Scheduler, Start, Verdict
from pipelines.engine.searchers.base import Searcher
from pipelines.engine.standings import Standings
from search_spaces import SearchSpace

_FORKS = 2**32 - 1
"""Tells the random numbers of a fork's change from those of a proposal."""


class Conductor:
    """The state of a running sweep. ``started`` is the seconds that earlier sessions took."""

    def __init__(
        self,
        plan: Plan,
        *,
        space: SearchSpace,
        searcher: Searcher,
        scheduler: Scheduler,
        history: Log,
        checkpoints: Checkpoints | None = None,
        session: int = 0,
        spent: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self.records: dict[int, TrialRecord] = {}
        self.epochs = 0
        """Epochs trained so far, over all trials and sessions."""
        self.stop_reason: str | None = None
        self.finished = False
        """Whether ``next`` has said that no more trials will run, neither now nor later."""
        self.session = session
        self.just_ended: list[int] = []
        """Trials that ended, for a listener that empties it: paused ones end without a worker."""
        self.saved: set[int] = set()
        """Trials that have a checkpoint in storage."""
        self.live: set[int] = set()
        """Trials that have a worker, or wait for one."""
        self.endangered: set[int] = set()
        """Trials whose machine is about to go: they are saved at every report."""
        self._failures = Failures()
        self._space = space
        self._searcher = searcher
        self._proposals = Proposals(plan, space=space, searcher=searcher)
        self._scheduler = scheduler
        scheduler.know(space, plan.mode)
        self._judge = Judge(plan, scheduler)
        self._history = history
        self._checkpoints = checkpoints or NoCheckpoints()
        self._clock = clock
        self._origin = clock() - spent
        self._order = 0
        self._standings = Standings(self.records, metric=plan.metric, mode=plan.mode)
        self._waiting: deque[TrialRecord] = deque()
        self._ending: dict[int, Outcome] = {}
        self._paused: set[int] = set()
        self._fresh = 0
        self._exhausted = False
        self._saved_at: dict[int, float] = {}
        self._words: list[str] = []

    # Time and progress.

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the sweep, earlier sessions included."""
        return self._clock() - self._origin

    def count(self, outcome: Outcome) -> int:
        """How many trials have this outcome."""
        return sum(record.outcome is outcome for record in self.records.values())

    def best(self) -> tuple[TrialRecord, Report] | None:
        """The trial with the best epoch, and that epoch. Failed and diverged trials cannot win."""
        first = self._standings.first()
        return None if first is None else (self.records[first[0]], first[1])

    def best_report(self, number: int) -> Report | None:
        """The best epoch of one trial; the earliest of equals, None without a finite value."""
        return self._standings.best_epoch(number)

    def words(self) -> list[str]:
        """What the searcher and the scheduler have said since this was asked last."""
        words, self._words = self._words, []
        return words

    def _listen(self) -> None:
        for line in [*self._searcher.said(), *self._scheduler.said()]:
            self._history.say(line, self.elapsed)
            self._words.append(line)

    # What runs next.

    def next(self) -> Assignment | None:
        """The next trial to run; None when there is none: ``finished`` says whether for ever."""
        self.check_time()
        if self.stop_reason is not None:
            self.finished = True
            return None
        if self._waiting:
            return self._again(self._waiting.popleft())
        move = self._scheduler.next(new=self._new, paused=self._paused)
        if isinstance(move, Start):
            assignment = self._start()
            if assignment is not None:
                return assignment
            self._exhausted = True
            move = self._scheduler.next(new=False, paused=self._paused)
        if isinstance(move, Promote):
            return self._promote(move.trial)
        if isinstance(move, Fork):
            return self._fork(move)
        self.finished = not self.live
        self._close()
        return None

    @property
    def _new(self) -> bool:
        """Whether a new trial can be had. Forks do not count."""
        trials = self.plan.trials
        return not self._exhausted and (trials is None or self._fresh < trials)

    def _start(self) -> Assignment | None:
        number = len(self.records)
        config = self._proposals.new(number)
        self._listen()
        if config is None:
            return None
        return self._begin(TrialRecord(number, config, trial_seed(self.plan.seed, number)))

    def _fork(self, fork: Fork) -> Assignment:
        """A new trial from another one's checkpoint; without any it starts afresh."""
        if fork.replaces is not None:
            self._paused.discard(fork.replaces)
            self._finish(self.records[fork.replaces], Outcome.STOPPED_EARLY)
        number, parent = len(self.records), self.records[fork.parent]
        rng = np.random.default_rng([self.plan.seed, number, _FORKS])
        record = TrialRecord(
            number,
            fork.change(self._space, parent.config, rng),
            trial_seed(self.plan.seed, number),
            parent=parent.number,
        )
        _, record.forked_at = self._checkpoints.newest(parent.number) or (None, 0)
        return self._begin(record)

    def _begin(self, record: TrialRecord) -> Assignment:
        record.session = self.session
        record.started = [round(self.elapsed, 3)]
        record.begun = [self._tick()]
        self._know(record)
        self._judge.tell(record, Event.START)
        self._history.start(record, self._space)
        self._listen()
        return self._assign(record)

    def _know(self, record: TrialRecord) -> None:
        self.records[record.number] = record
        self._proposals.know(record)
        self._fresh += record.parent is None

    def _promote(self, number: int) -> Assignment:
        record = self.records[number]
        record.outcome = Outcome.RUNNING
        record.begun.append(self._tick())
        self._paused.discard(number)
        self._judge.tell(record, Event.PROMOTE)
        self._close()
        return self._again(record)

    def _again(self, record: TrialRecord) -> Assignment:
        record.session = self.session
        record.leg += 1
        record.started.append(round(self.elapsed, 3))
        self._history.again(record)
        return self._assign(record)

    def _assign(self, record: TrialRecord) -> Assignment:
        """The trial from its newest checkpoint or its parent's, else from the start."""
        number, parent = record.number, record.parent
        self.live.add(number)
        self._saved_at[number] = self._clock()
        if not record.reports and parent is None:
            return Assignment(record)
        found = self._checkpoints.newest(number)
        if found is None and not record.reports and parent is not None:
            found = self._checkpoints.inherit(parent, number)
        if found is None:
            return Assignment(record)
        own = parent is None or (record.reports and found[1] >= record.reports[0].epoch)
        return Assignment(record, found[0], forked=not own)

    def _tick(self) -> int:
        """The number of what happens now."""
        self._order += 1
        return self._order - 1

    # What goes on.

    def report(
        self,
        number: int,
        epoch: int,
        metrics: Mapping[str, float],
        *,
        done: bool,
        diverged: bool,
        error: str | None = None,
    ) -> Decision:
        """One more epoch of a trial; what becomes of it.

        With ``error`` the trial has failed in this epoch, which counts for nothing, and its worker
        is sound: it ran out of memory.
        """
        record = self.records[number]
        self.check_time()
        if error is not None:
            record.error = error
            self._ending[number] = Outcome.FAILED
            return Decision(goes_on=False, save=False)
        if epoch > record.epoch:
            self._take(record, epoch, metrics)
            self._close()
        # Else trained again from a checkpoint older than the last report: known already.
        verdict = self._judge.verdict(number, epoch)
        if diverged:
            self._ending[number] = Outcome.DIVERGED
        elif done:
            self._ending[number] = Outcome.COMPLETED
        elif verdict is not Verdict.GO_ON and not self._judge.is_baseline(number):
            stops = verdict is Verdict.STOP
            self._ending[number] = Outcome.STOPPED_EARLY if stops else Outcome.PAUSED
        ending = self._ending.get(number)
        if ending is None and self.stop_reason is not None:
            return Decision(goes_on=False, save=True)
        now = self._clock()
        if ending is None:
            due = now - self._saved_at[number] >= self.plan.checkpoint_seconds
            # A scheduler pauses where others may fork from a trial: there it needs a checkpoint.
            save = due or number in self.endangered or verdict is Verdict.PAUSE
        elif ending is Outcome.PAUSED:
            save = True
        else:
            save = not diverged and number in self._keepers(number)
        if save:
            self._saved_at[number] = now
        return Decision(goes_on=ending is None, save=save)

    def _take(self, record: TrialRecord, epoch: int, metrics: Mapping[str, float]) -> None:
        report = Report(epoch, dict(metrics), self._tick(), self.elapsed)
        self._remember(record, report)
        self._history.report(record.number, report)
        self._proposals.show(record, report)
        self._judge.tell(record, report)
        self._listen()

    def _remember(self, record: TrialRecord, report: Report) -> None:
        record.reports.append(report)
        self.epochs += 1
        self._standings.offer(record.number, report)

    def end(self, number: int, *, error: str | None = None, lost: bool = False) -> set[int]:
        """A trial's worker is free. Returns the trials whose checkpoints need not be kept.

        ``lost`` says that not the trial has failed, but the machine that it ran on. Without an
        error and without a decision of ours before, the trial was cut off: it stays unfinished,
        and a resumed sweep goes on with it.
        """
        record = self.records[number]
        self.live.discard(number)
        self.endangered.discard(number)
        outcome = self._ending.pop(number, None)
        if outcome is not None and (error is None or (lost and self._is_saved(record, outcome))):
            if outcome is Outcome.PAUSED:
                self._pause(record)
            else:
                self._finish(record, outcome)
        elif error is not None:
            self._fail(record, error, lost=lost)
        self._close()
        return self.useless()

    def _fail(self, record: TrialRecord, error: str, *, lost: bool) -> None:
        if not self._failures.again(record, error, lost=lost, retries=self.plan.retries):
            record.error = error
            self._finish(record, Outcome.FAILED)
        elif self.stop_reason is None:
            record.again.append(error)
            self._waiting.append(record)
        # else it stays unfinished, and a resumed sweep goes on with it

    def _is_saved(self, record: TrialRecord, outcome: Outcome) -> bool:
        """Whether what is worth keeping of a trial that ends or pauses is in storage."""
        found = self._checkpoints.newest(record.number)
        whole = found is not None and found[1] == record.epoch
        ends = outcome is not Outcome.PAUSED
        return whole or (ends and record.number not in self._keepers(record.number))

    def useless(self) -> set[int]:
        """The trials whose checkpoints need not be kept."""
        keepers = self._keepers()
        return {n for n in self.saved if n not in keepers and not self.records[n].unfinished}

    def _pause(self, record: TrialRecord) -> None:
        record.outcome = Outcome.PAUSED
        self._paused.add(record.number)
        self._history.pause(record)

    def _close(self) -> None:
        """End the paused trials that nothing will promote: all of them after the last trial."""
        over = self.finished and self.stop_reason is None and not self.live
        for number in sorted(self._paused if over else self._scheduler.dropped(self._paused)):
            self._paused.discard(number)
            self._finish(self.records[number], Outcome.STOPPED_EARLY)

    def _finish(self, record: TrialRecord, outcome: Outcome, at: float | None = None) -> None:
        record.outcome = outcome
        record.ended = round(self.elapsed if at is None else at, 3)
        record.over = self._tick()
        self.just_ended.append(record.number)
        self._judge.tell(record, Event.END)
        best = self.best_report(record.number)
        self._history.end(record, None if best is None else best.metrics[self.plan.metric])
        self._proposals.tell(record)
        self._listen()

    def _keepers(self, ending: int | None = None) -> set[int]:
        return self._standings.keepers(self.plan.keep_checkpoints, ending)

    # Stopping and going on.

    def check_time(self) -> None:
        """Stop when the budget of seconds is spent."""
        budget = self.plan.time_budget
        if budget is not None and self.elapsed >= budget:
            self.request_stop("time budget")

    def request_stop(self, reason: str) -> None:
        """Start no more trials; each running one is saved at its next report and put aside."""
        self.stop_reason = self.stop_reason or reason

    def replay(self, records: Mapping[int, TrialRecord]) -> None:
        """Take up an earlier session: what happened is told to a fresh searcher and scheduler.

        Unfinished trials are queued, from their newest checkpoint or from the start.
        """
        for record in records.values():
            started, begun = [*record.started], [*record.begun]
            self._know(replace(record, reports=[], started=started, begun=begun))
        for order, number, what in happened(records):
            if isinstance(what, Report):
                self._remember(self.records[number], what)
            self._judge.tell(self.records[number], what)
            self._order = order + 1
        self._scheduler.said()  # all of it was said in the sessions before
        for number, record in self.records.items():
            if self._checkpoints.newest(number) is not None:
                self.saved.add(number)
            if not record.unfinished:
                self._proposals.tell(record)
                continue
            self._proposals.again(record)
            if record.outcome is Outcome.PAUSED:
                self._paused.add(number)
        self._close()
        for record in self.records.values():
            if record.outcome is Outcome.RUNNING:
                self._take_up(record)
        self._close()

    def _take_up(self, record: TrialRecord) -> None:
        """Queue an unfinished trial, unless it was over: the driver may have died just then."""
        number, at = record.number, record.epoch
        _, saved = self._checkpoints.newest(number) or (None, 0)
        verdict = (
            Verdict.GO_ON if self._judge.is_baseline(number) else self._judge.verdict(number, at)
        )
        plan = self.plan
        outcome = reached(record, verdict, metric=plan.metric, max_epochs=plan.max_epochs)
        if outcome is Outcome.PAUSED and saved == at:
            self._pause(record)
        elif outcome in (None, Outcome.PAUSED) or (saved != at and number in self._keepers(number)):
            self._waiting.append(record)
        else:
            self._finish(record, outcome, at=record.reports[-1].at)


__all__ = ["Assignment", "Conductor", "Decision", "Log", "Plan", "trial_seed"]

"""One sweep, without Ray: what runs next, what goes on, what is remembered.

The conductor joins a searcher, a scheduler, a budget and the history. Ray is told its decisions by
``ray_bridge``; a replay of recorded curves can drive the same object.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pipelines.engine import retries
from pipelines.engine.budget import Budget, Meter, Stop
from pipelines.engine.plan import Assignment, Checkpoints, Decision, Log, Plan
from pipelines.engine.proposals import Proposals
from pipelines.engine.records import Outcome, Report, TrialRecord, better, trial_seed
from pipelines.engine.schedulers.base import Scheduler
from pipelines.engine.searchers.base import Searcher, Told
from search_spaces import SearchSpace

_CANNOT_WIN = (Outcome.FAILED, Outcome.DIVERGED)


class Conductor:
    """The state of a running sweep.

    ``spent`` and ``gpu_seconds`` are what earlier sessions took, in seconds and GPU-seconds.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        space: SearchSpace,
        searcher: Searcher,
        scheduler: Scheduler,
        history: Log,
        checkpoint: Checkpoints = lambda _: None,
        session: int = 0,
        spent: float = 0.0,
        gpu_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self.records: dict[int, TrialRecord] = {}
        self.epochs = 0
        """Epochs trained so far, over all trials and sessions."""
        self.meter = Meter(clock, gpus=plan.gpus_per_trial, spent=gpu_seconds)
        self._budget = Budget(plan.limits, plan.mode, self.meter)
        self.session = session
        self.saved: set[int] = set()
        """Trials that have a checkpoint in storage."""
        self.live: set[int] = set()
        """Trials that have a worker, or wait for one."""
        self.endangered: set[int] = set()
        """Trials whose machine is about to go: they are saved at every report."""
        self._checkpoint = checkpoint
        self._failures: dict[int, list[retries.Failure]] = {}
        self._exhausted = False
        self._space = space
        self._searcher = searcher
        self._scheduler = scheduler
        first = [*([space.default()] if plan.default_first else []), *plan.again]
        self._proposals = Proposals(searcher, space, seed=plan.seed, first=first)
        self._history = history
        self._clock = clock
        self._origin = clock() - spent
        self._order = 0
        self._best: dict[int, Report] = {}
        self._waiting: deque[Assignment] = deque()
        self._ending: dict[int, Outcome] = {}
        self._judged_out: dict[int, int] = {}
        self._saved_at: dict[int, float] = {}
        self._words: list[str] = []

    # Time and progress.

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the sweep, earlier sessions included."""
        return self._clock() - self._origin

    @property
    def stop_reason(self) -> str | None:
        """Why running trials are put aside and no more start; None while they go on."""
        return self._budget.reason

    @property
    def ended_because(self) -> str | None:
        """Why no more trials start, though more were asked for; None where that is not so."""
        return self.stop_reason or (Stop.EXHAUSTED if self._exhausted else None)

    def count(self, outcome: Outcome) -> int:
        """How many trials have this outcome."""
        return sum(record.outcome is outcome for record in self.records.values())

    def best(self) -> tuple[TrialRecord, Report] | None:
        """The trial with the best epoch, and that epoch. Failed and diverged trials cannot win."""
        ranking = self._ranking(1, self._best)
        return (self.records[ranking[0]], self._best[ranking[0]]) if ranking else None

    def best_report(self, number: int) -> Report | None:
        """The best epoch of one trial; the earliest of equals, None without a finite value."""
        return self._best.get(number)

    def _ranking(self, count: int, numbers: Iterable[int]) -> list[int]:
        """The ``count`` best of the trials with these numbers, the best first."""
        sign = -1 if self.plan.mode == "max" else 1
        return heapq.nsmallest(
            count,
            (n for n in numbers if self.records[n].outcome not in _CANNOT_WIN),
            key=lambda n: (sign * self._best[n].metrics[self.plan.metric], n),
        )

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
        """The next trial to run; None when the sweep starts no more."""
        self.check_time()
        if self._more():
            self._budget.look_at_epochs(self.epochs, others=len(self.live))
        if self.stop_reason is not None or not self._more():
            return None
        if self._waiting:
            assignment = self._waiting.popleft()
            assignment.record.session = self.session
            assignment.record.started.append(round(self.elapsed, 3))
            self._history.again(assignment.record)
            self._begins(assignment.record.number)
            return assignment
        number = len(self.records)
        config = self._proposals.next(number)
        self._listen()
        if config is None:
            self._exhausted = True
            return None
        record = TrialRecord(
            number=number,
            config=config,
            seed=trial_seed(self.plan.seed, number),
            session=self.session,
            started=[round(self.elapsed, 3)],
        )
        self._proposals.runs(config)
        self.records[number] = record
        self._history.start(record, self._space)
        self._begins(number)
        return Assignment(record)

    def _more(self) -> bool:
        """Whether a trial is left to start, as far as their number goes."""
        new = self.plan.trials is None or len(self.records) < self.plan.trials
        return bool(self._waiting) or (new and not self._exhausted)

    def _begins(self, number: int) -> None:
        self._saved_at[number] = self._clock()
        self.live.add(number)
        self.meter.start(number)

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
            goes_on = self._take(record, epoch, metrics)
        else:
            # Trained again from a checkpoint older than the last report: known already.
            goes_on = self._judged_out.get(number) != epoch
        if diverged:
            self._ending[number] = Outcome.DIVERGED
        elif done:
            self._ending[number] = Outcome.COMPLETED
        elif not goes_on:
            self._ending[number] = Outcome.STOPPED_EARLY
        goes_on = number not in self._ending
        if goes_on:
            self._budget.look_at_epochs(self.epochs, others=len(self.live - {number}))
        if goes_on and self.stop_reason is not None:
            return Decision(goes_on=False, save=True)
        now = self._clock()
        if goes_on:
            due = now - self._saved_at[number] >= self.plan.checkpoint_seconds
            save = due or number in self.endangered
        else:
            save = not diverged and number in self._keepers(number)
        if save:
            self._saved_at[number] = now
        return Decision(goes_on=goes_on, save=save)

    def _take(self, record: TrialRecord, epoch: int, metrics: Mapping[str, float]) -> bool:
        report = Report(epoch, dict(metrics), self._order, self.elapsed, self.meter.gpu_seconds)
        self._order += 1
        self._remember(record, report)
        self._history.report(record.number, report)
        self._show(record.number, report)
        self._budget.look_at_value(self.best_report(record.number), self.plan.metric)
        goes_on = self._judge(record.number, report)
        self._listen()
        return goes_on

    def _show(self, number: int, report: Report) -> None:
        """Let the searcher learn of a trial while it runs: the best ones end last."""
        value = report.metrics.get(self.plan.metric, math.nan)
        if math.isfinite(value):
            self._searcher.report(number, report.epoch, value)

    def _remember(self, record: TrialRecord, report: Report) -> None:
        record.reports.append(report)
        self.epochs += 1
        value = report.metrics.get(self.plan.metric, math.nan)
        best = self._best.get(record.number)
        if math.isfinite(value) and (
            best is None or better(value, best.metrics[self.plan.metric], self.plan.mode)
        ):
            self._best[record.number] = report

    def _judge(self, number: int, report: Report) -> bool:
        value = report.metrics.get(self.plan.metric, math.nan)
        score = value if self.plan.mode == "max" else -value
        goes_on = self._scheduler.report(number, report.epoch, score)
        # The default configuration is what the winner has to beat, so it is measured to the end.
        return goes_on or (number == 0 and self.plan.default_first)

    def end(self, number: int, *, error: str | None = None, lost: bool = False) -> set[int]:
        """A trial's worker is free. Returns the trials whose checkpoints need not be kept.

        ``lost`` says that not the trial has failed, but the machine that it ran on. Without an
        error and without a decision of ours before, the trial was cut off: it stays unfinished,
        and a resumed sweep goes on with it.
        """
        record = self.records[number]
        self.live.discard(number)
        self.meter.stop(number)
        self.endangered.discard(number)
        outcome = self._ending.pop(number, None)
        if outcome is not None and (error is None or (lost and self._is_saved(record))):
            self._finish(record, outcome)
        elif error is not None:
            if outcome is Outcome.STOPPED_EARLY:
                self._judged_out[number] = record.epoch
            self._fail(record, error, lost=lost)
        self._check_patience()
        keepers = self._keepers()
        return {
            n
            for n in self.saved
            if n not in keepers and self.records[n].outcome is not Outcome.RUNNING
        }

    def _fail(self, record: TrialRecord, error: str, *, lost: bool) -> None:
        failures = self._failures.setdefault(record.number, [])
        failures.append(retries.Failure(epoch=record.epoch, words=error, lost=lost))
        if not retries.again(failures, retries=self.plan.retries):
            record.error = error
            self._finish(record, Outcome.FAILED)
        elif self.stop_reason is None:
            record.again.append(error)
            found = self._checkpoint(record.number)
            self._waiting.append(Assignment(record, None if found is None else found[0]))
        # else it stays unfinished, and a resumed sweep goes on with it

    def _is_saved(self, record: TrialRecord) -> bool:
        """Whether what is worth keeping of an ended trial is in storage."""
        found = self._checkpoint(record.number)
        whole = found is not None and found[1] == record.epoch
        return whole or record.number not in self._keepers(record.number)

    def _finish(self, record: TrialRecord, outcome: Outcome, at: float | None = None) -> None:
        record.outcome = outcome
        record.ended = round(self.elapsed if at is None else at, 3)
        best = self.best_report(record.number)
        self._history.end(record, None if best is None else best.metrics[self.plan.metric])
        self._searcher.tell(record.number, self._told(record))
        self._listen()

    def _told(self, record: TrialRecord) -> Told:
        return Told(
            config=record.config,
            outcome=record.outcome,
            curve=record.curve(self.plan.metric),
            max_epochs=self.plan.max_epochs,
        )

    def _keepers(self, ending: int | None = None) -> set[int]:
        """The best of the trials that have ended, counting ``ending`` as one of them.

        A running trial that leads takes no place: it may diverge yet, and the next best one wins.
        """
        ended = (
            n for n in self._best if n == ending or self.records[n].outcome is not Outcome.RUNNING
        )
        return set(self._ranking(self.plan.keep_checkpoints, ended))

    # Stopping and going on.

    def learn(self, rows: Sequence[Told]) -> None:
        """Tell the searcher of trials of earlier sweeps, in their order, before the first trial.

        Their numbers are below 0, the latest next to trial 0: no number of this sweep's trials is
        taken, and what weighs later trials more weighs these least. None of them runs here, but for
        those that the plan runs again.
        """
        for number, row in enumerate(rows, start=-len(rows)):
            self._searcher.tell(number, row)
            self._proposals.runs(row.config)

    def check_time(self) -> None:
        """Stop when the budget of seconds or GPU-hours is spent, and something is left to stop."""
        if self.live or self._more():
            self._budget.look_at_clock(self.elapsed)

    def _check_patience(self) -> None:
        if self.live or self._more():
            self._budget.look_at_patience(self.records, self.best)

    def request_stop(self, reason: str) -> None:
        """Start no more trials; each running one is saved at its next report and put aside."""
        self._budget.stop(reason)

    def replay(
        self,
        records: Mapping[int, TrialRecord],
        checkpoint: Checkpoints,
    ) -> None:
        """Take up an earlier session: its results are told to a fresh searcher and scheduler.

        ``checkpoint`` gives the newest checkpoint of a trial and its epoch. Unfinished trials are
        queued, from there or from the start.
        """
        reports = [(report, number) for number in records for report in records[number].reports]
        for number, record in records.items():
            self.records[number] = replace(record, reports=[], started=[*record.started])
            self._proposals.runs(record.config)
        for report, number in sorted(reports, key=lambda item: item[0].order):
            self._remember(self.records[number], report)
            if not self._judge(number, report):
                self._judged_out[number] = report.epoch
            self._order = report.order + 1
        for number, record in self.records.items():
            found = checkpoint(number)
            if found is not None:
                self.saved.add(number)
            if record.outcome is not Outcome.RUNNING:
                self._searcher.tell(number, self._told(record))
                continue
            self._searcher.restart(number, record.config)
            for report in self.records[number].reports:
                self._show(number, report)
            path, epoch = found if found is not None else (None, 0)
            over = record.is_measured(self.plan.metric) and (
                self._judged_out.get(number) == record.epoch or record.epoch >= self.plan.max_epochs
            )
            if over and (epoch == record.epoch or number not in self._keepers(number)):
                completed = record.epoch >= self.plan.max_epochs
                outcome = Outcome.COMPLETED if completed else Outcome.STOPPED_EARLY
                self._finish(record, outcome, at=record.reports[-1].at)
            else:
                self._waiting.append(Assignment(record, path))
        best = self.best()
        self._budget.look_at_value(None if best is None else best[1], self.plan.metric)
        self._check_patience()


__all__ = ["Assignment", "Conductor", "Decision", "Log", "Plan", "trial_seed"]

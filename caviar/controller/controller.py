"""One sweep, without Ray: what runs next, what continues, what is remembered.

The controller joins a searcher, a scheduler, a budget and the history. `caviar.ray` carries out its
decisions; a replay of recorded curves can drive the same object.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace

from caviar.base.trial import Outcome, Report, TrialRecord, happened
from caviar.controller.job import Decision, EpochResult, Job, Member
from caviar.controller.lifecycle import Lifecycle
from caviar.controller.resuming import CONSEQUENCES, reached
from caviar.schedulers.base import Action, Fork, Promote, Start
from caviar.searchers.base import Observation


class SweepController(Lifecycle):
    """Hands out jobs, and decides what becomes of their trials."""

    # What runs next.

    def next_job(self) -> Job | None:
        """What a free worker trains; None for nothing now: `finished` says whether for ever."""
        self.check_time()
        first = self._next()
        if first is None:
            return None
        members = [first]
        fresh = first.record.attempt == 0 and first.record.parent is None
        while fresh and len(members) < self.plan.members and self._starts_another:
            one = self._start()
            if one is None:
                break
            members.append(one)
        job = Job(self._jobs_begun, tuple(members))
        self._jobs_begun += 1
        self.jobs[job.number] = set(job.trials)
        self.meter.start(job.number)
        self.keeping.starts(job)
        return job

    @property
    def _starts_another(self) -> bool:
        """Whether the scheduler would have a new trial beside those that have just started."""
        self._budget.look_at_epochs(self.trials.epochs, others=self._training())
        if self.stop_reason is not None or self._waiting:
            return False
        move = self._scheduler.next(new=self._new_trials.left, paused=self._paused)
        return isinstance(move, Start)

    def _next(self) -> Member | None:
        """The next trial to run."""
        if self._more:
            self._budget.look_at_epochs(self.trials.epochs, others=self._training())
        if self.stop_reason is not None:
            self.finished = True
            return None
        if self._waiting:
            return self._again(self._waiting.popleft())
        move = self._scheduler.next(new=self._new_trials.left, paused=self._paused)
        if isinstance(move, Start):
            started = self._start()
            if started is not None:
                return started
            move = self._scheduler.next(new=False, paused=self._paused)
        if isinstance(move, Promote):
            return self._promote(move.trial)
        if isinstance(move, Fork):
            return self._fork(move)
        self.finished = not self.live
        self._close()
        return None

    # What continues.

    def report(self, job: Job, epochs: Mapping[int, EpochResult]) -> dict[int, Decision]:
        """One more epoch of some or all trials of a job; what becomes of each.

        Args:
            job: the job.
            epochs: what its trials report, by their numbers.
        """
        self.check_time()
        for number, result in epochs.items():
            self._take(self.trials[number], result)
        undecided = set(epochs)
        decisions = {}
        for number, result in epochs.items():
            decisions[number] = self._decide(number, result, undecided)
            undecided.discard(number)
        return decisions

    def _decide(self, number: int, result: EpochResult, undecided: Set[int]) -> Decision:
        """What becomes of a trial; the `undecided`, itself included, do not train just now."""
        if result.error is not None:
            return Decision(continues=False, save=False)
        record = self.trials[number]
        verdict = self._scheduling.verdict(number, result.epoch)
        if result.diverged:
            self._ending[number] = Outcome.DIVERGED
        elif result.done:
            self._ending[number] = Outcome.COMPLETED
        elif verdict is not Action.CONTINUE and not self._scheduling.is_baseline(number):
            self._ending[number] = CONSEQUENCES[verdict]
            self.decision_log.decided(record, self._ending[number], self.elapsed)
        ending = self._ending.get(number)
        if ending is None:
            self._budget.look_at_epochs(self.trials.epochs, others=self._training(undecided))
        if ending is None and self.stop_reason is not None:
            return Decision(continues=False, save=True)
        if ending is None:
            # A scheduler pauses where others may fork from a trial: there it needs a checkpoint.
            save = self.keeping.due(number) or verdict is Action.PAUSE
        else:
            kept = not result.diverged and self.keeping.keeps(number)
            save = kept or ending is Outcome.PAUSED
        if save:
            self.keeping.asked(number)
        return Decision(continues=ending is None, save=save)

    def _take(self, record: TrialRecord, result: EpochResult) -> None:
        """Note what a trial reports, unless it was trained again from a checkpoint older than its
        last report: that is known already."""
        if result.error is not None:
            record.error = result.error
            self._ending[record.number] = Outcome.FAILED
        elif result.epoch > record.epoch:
            self._note(record, result.epoch, result.metrics)
            self._close()

    def _note(self, record: TrialRecord, epoch: int, metrics: Mapping[str, float]) -> None:
        report = Report(epoch, dict(metrics), self._tick(), self.elapsed, self.meter.gpu_seconds)
        self.trials.report(record.number, report)
        self._history.report(record.number, report)
        self._new_trials.show(record, report)
        self._budget.look_at_value(self.trials.best_value(record.number))
        self._scheduling.observe(record, report)
        self.decision_log.listen(self.elapsed)

    def end(
        self,
        job: Job,
        *,
        members: Collection[int] | None = None,
        error: str | None = None,
        lost: bool = False,
    ) -> set[int]:
        """Trials have left their worker; the job's slot is free when the last one has.

        Without an error and without a decision before, a trial was cut off: it stays unfinished,
        and a resumed sweep continues it.

        Args:
            job: the job.
            members: the numbers of those that have left; by default all that were still in it.
            error: what was raised: all of them have failed with it.
            lost: not they have failed, but the machine that they ran on.

        Returns:
            The trials whose checkpoints need not be kept.
        """
        left = self.jobs.get(job.number, set())
        numbers = [n for n in job.trials if n in left and (members is None or n in members)]
        for number in numbers:
            left.discard(number)
            self.live.discard(number)
            self.keeping.leaves(number)
        if not left:
            self.jobs.pop(job.number, None)
            self.meter.stop(job.number)
        for number in numbers:
            self._leave(self.trials[number], error, lost=lost)
        self._close()
        self._check_what_ended()
        return self.keeping.useless()

    def _leave(self, record: TrialRecord, error: str | None, *, lost: bool) -> None:
        """A trial has left its worker: it has ended, is paused, or runs again."""
        outcome = self._ending.pop(record.number, None)
        saved = lost and outcome is not None and self.keeping.is_saved(record, outcome)
        if outcome is not None and (error is None or saved):
            if outcome is Outcome.PAUSED:
                self._pause(record)
            else:
                self._finish(record, outcome)
        elif error is not None:
            self._fail(record, error, lost=lost)

    # Learning from earlier sweeps, and resuming.

    def learn(self, rows: Sequence[Observation]) -> None:
        """Teach the searcher what earlier sweeps found, before the first trial."""
        self._new_trials.learn(rows)

    def replay(self, records: Mapping[int, TrialRecord]) -> None:
        """Take up an earlier session: a fresh searcher and scheduler see what happened.

        Unfinished trials are queued, from their newest checkpoint or from the start.
        """
        for record in records.values():
            started, begun = [*record.started], [*record.begun]
            self.trials.add(replace(record, reports=[], started=started, begun=begun))
            self._new_trials.runs(record)
        for order, number, what in happened(records):
            record = self.trials[number]
            if isinstance(what, Report):
                self.trials.report(number, what)
            self._scheduling.observe(record, what)
            self._order = order + 1
        self._scheduler.messages()  # noted in the sessions before
        for number, record in self.trials.items():
            if self._checkpoints.newest(number) is not None:
                self.keeping.saved.add(number)
            if not record.unfinished:
                self._new_trials.observe(record)
                continue
            self._new_trials.again(record)
            if record.outcome is Outcome.PAUSED:
                self._paused.add(number)
        self._close()
        for record in self.trials.values():
            if record.outcome is Outcome.RUNNING:
                self._take_up(record)
        self._close()
        best = self.trials.best()
        self._budget.look_at_value(
            None if best is None else self.plan.objective.of(best.report.metrics)
        )
        self._check_what_ended()

    def _take_up(self, record: TrialRecord) -> None:
        """Queue an unfinished trial, unless it was over: the driver may have died just then."""
        number, at, plan = record.number, record.epoch, self.plan
        _, saved = self._checkpoints.newest(number) or (None, 0)
        verdict = (
            Action.CONTINUE
            if self._scheduling.is_baseline(number)
            else self._scheduling.verdict(number, at)
        )
        outcome = reached(record, verdict, metric=plan.objective.metric, max_epochs=plan.max_epochs)
        if outcome is Outcome.PAUSED and saved == at:
            self._pause(record)
        elif outcome in (None, Outcome.PAUSED) or (saved != at and self.keeping.keeps(number)):
            self._waiting.append(record)
        else:
            self._finish(record, outcome, at=record.reports[-1].at)

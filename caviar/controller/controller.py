"""One sweep, without Ray: what runs next, what continues, what is remembered.

The controller joins a searcher, a scheduler, a budget and the history. `caviar.ray`
carries out its decisions; a replay of recorded curves can drive the same object.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import replace

from caviar.base.trial import Event, Outcome, Report, TrialRecord, happened, trial_seed
from caviar.base.trials import Trials
from caviar.controller import forks
from caviar.controller.budget import Budget, Meter, Stop
from caviar.controller.decisions import DecisionLog
from caviar.controller.job import Decision, EpochResult, Job, Member
from caviar.controller.keeping import Keeping
from caviar.controller.new_trials import NewTrials
from caviar.controller.plan import Checkpoints, Log, NoCheckpoints, Plan
from caviar.controller.resuming import CONSEQUENCES, member, reached
from caviar.controller.retries import Failures
from caviar.controller.scheduling import Scheduling
from caviar.schedulers.base import Fork, Promote, Scheduler, Start, Verdict
from caviar.searchers.base import Searcher, Told
from search_spaces import SearchSpace


class SweepController:
    """The state of a running sweep; `spent` and `gpu_seconds`: what earlier sessions took."""

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
        gpu_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self.trials = Trials(plan.objective)
        self.meter = Meter(clock, gpus=plan.gpus_per_trial, spent=gpu_seconds)
        self._budget = Budget(plan.limits, plan.objective, self.meter)
        self.finished = False
        """Whether `next_job` has said that no more trials will run, neither now nor later."""
        self.session = session
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
        self._origin = clock() - spent
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
        """Why running trials are put aside and no more start; None while they go on."""
        return self._budget.reason

    @property
    def ended_because(self) -> str | None:
        """Why no more trials start, though more were asked for; None where that is not so."""
        return self.stop_reason or (Stop.EXHAUSTED if self._new_trials.exhausted else None)

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
        """A new trial from another one's checkpoint; without any, what it replaces goes on."""
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
        self._scheduling.tell(record, Event.START)
        self._history.start(record, self._space)
        self.decision_log.listen(self.elapsed)
        return self._assign(record)

    def _promote(self, number: int) -> Member:
        record = self.trials[number]
        record.outcome = Outcome.RUNNING
        self.decision_log.decided(record, Outcome.RUNNING, self.elapsed)
        record.begun.append(self._tick())
        self._paused.discard(number)
        self._scheduling.tell(record, Event.PROMOTE)
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
        elif verdict is not Verdict.GO_ON and not self._scheduling.is_baseline(number):
            self._ending[number] = CONSEQUENCES[verdict]
            self.decision_log.decided(record, self._ending[number], self.elapsed)
        ending = self._ending.get(number)
        if ending is None:
            self._budget.look_at_epochs(self.trials.epochs, others=self._training(undecided))
        if ending is None and self.stop_reason is not None:
            return Decision(continues=False, save=True)
        if ending is None:
            # A scheduler pauses where others may fork from a trial: there it needs a checkpoint.
            save = self.keeping.due(number) or verdict is Verdict.PAUSE
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
        self._scheduling.tell(record, report)
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

    def _fail(self, record: TrialRecord, error: str, *, lost: bool) -> None:
        if not self._failures.again(record, error, lost=lost, retries=self.plan.retries):
            record.error = error
            self._finish(record, Outcome.FAILED)
        elif self.stop_reason is None:
            record.again.append(error)
            self._waiting.append(record)
        # else it stays unfinished, and a resumed sweep goes on with it

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
        self._scheduling.tell(record, Event.END)
        self._history.end(record, self.trials.best_value(record.number))
        self._new_trials.tell(record)
        self.decision_log.listen(self.elapsed)

    # Stopping and resuming.

    def learn(self, rows: Sequence[Told]) -> None:
        """Teach the searcher what earlier sweeps found, before the first trial."""
        self._new_trials.learn(rows)

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

    def replay(self, records: Mapping[int, TrialRecord]) -> None:
        """Take up an earlier session: what happened is told to a fresh searcher and scheduler.

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
            self._scheduling.tell(record, what)
            self._order = order + 1
        self._scheduler.said()  # all of it was said in the sessions before
        for number, record in self.trials.items():
            if self._checkpoints.newest(number) is not None:
                self.keeping.saved.add(number)
            if not record.unfinished:
                self._new_trials.tell(record)
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
            Verdict.GO_ON
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


__all__ = ["SweepController"]

"""Where a sweep stops: what it may spend, when it is good enough, when it gets no better."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from caviar.base.objective import Objective
from caviar.base.trial import Outcome, TrialRecord
from caviar.base.trials import Best, Trials
from caviar.sweep.limits import Limits, Stop

HOPELESS = 10
"""First trials of a session that all fail without an epoch: what they have in common is the code,
the data or the machine, not their configurations. Where half of a space does not fit into memory,
ten in a row fail in one sweep of a thousand, and ten are few beside the trials of most sweeps."""


class Meter:
    """Which trials are running, and the GPU-seconds that they and those before them have taken."""

    def __init__(self, clock: Callable[[], float], *, gpus: float, spent: float) -> None:
        """`gpus` are those of one trial, `spent` the GPU-seconds of earlier sessions."""
        self._clock = clock
        self._gpus = gpus
        self._spent = spent
        self._running: set[int] = set()
        self._at = clock()

    @property
    def running(self) -> int:
        """How many trials are running."""
        return len(self._running)

    @property
    def gpu_seconds(self) -> float:
        """GPU-seconds so far, those of running trials included."""
        now = self._clock()
        self._spent += self._gpus * len(self._running) * (now - self._at)
        self._at = now
        return self._spent

    @property
    def gpu_hours(self) -> float:
        """The same in hours."""
        return self.gpu_seconds / 3600

    def start(self, number: int) -> None:
        """A trial takes its GPUs."""
        self._spent = self.gpu_seconds
        self._running.add(number)

    def stop(self, number: int) -> None:
        """A trial gives them back; one that has none has nothing to give."""
        self._spent = self.gpu_seconds
        self._running.discard(number)


class Budget:
    """Looks at what a sweep has spent and found; the first limit that is reached is the reason.

    `reason` is a `Stop`, or whatever else somebody stopped the sweep for.
    """

    def __init__(self, limits: Limits, objective: Objective, meter: Meter) -> None:
        self.reason: str | None = None
        self._limits = limits
        self._objective = objective
        self._meter = meter
        self._first: dict[int, TrialRecord] = {}
        """The first trials of this session, those that it went on with included."""
        self._before = 0
        """Epochs trained before any of them."""

    def started(self, record: TrialRecord, trained: int) -> None:
        """A trial starts, or starts again, after so many epochs over all trials."""
        if not self._first:
            self._before = trained
        if len(self._first) < HOPELESS:
            self._first[record.number] = record

    def stop(self, reason: str) -> None:
        """Stop for another reason."""
        self.reason = self.reason or reason

    def look_at_clock(self, seconds: float) -> None:
        """Stop when the time is spent, or the GPUs' time."""
        limits = self._limits
        if limits.seconds is not None and seconds >= limits.seconds:
            self.stop(Stop.TIME)
        if limits.gpu_hours is not None and self._meter.gpu_hours >= limits.gpu_hours:
            self.stop(Stop.GPU_HOURS)

    def look_at_epochs(self, trained: int, others: int) -> None:
        """Stop unless another epoch may begin, beside those that `others` are training now."""
        if self._limits.epochs is not None and trained + others >= self._limits.epochs:
            self.stop(Stop.EPOCHS)

    def look_at_value(self, best: float | None) -> None:
        """Stop when the objective is reached."""
        limit = self._limits.value
        if limit is not None and best is not None and not self._objective.better(limit, best):
            self.stop(Stop.VALUE)

    def look_at_patience(self, trials: Trials) -> None:
        """Stop when too many trials have ended without a better value."""
        if self._limits.patience is None:
            return
        if without_improvement(trials, trials.best()) >= self._limits.patience:
            self.stop(Stop.PATIENCE)

    def look_at_failures(self, trained: int) -> None:
        """Stop when the session's first trials have all failed, and no trial finished an epoch.

        One of them that still trains may be the first that does.
        """
        failed = sum(record.outcome is Outcome.FAILED for record in self._first.values())
        if failed == HOPELESS and trained == self._before:
            self.stop(Stop.FAILURES)


def without_improvement(records: Mapping[int, TrialRecord], best: Best | None) -> int:
    """Trials that have ended since the best report came in; all of them where there is none.

    Worked out from the records alone, so that a resumed sweep counts on. A trial that failed before
    its first report is as late as its number.
    """

    def is_later(record: TrialRecord) -> bool:
        if best is None:
            return True
        leader, report = best
        if record.reports:
            return record is not leader and record.reports[-1].order > report.order
        return record.number > leader.number

    ended = (r for r in records.values() if not r.unfinished)
    return sum(is_later(record) for record in ended)

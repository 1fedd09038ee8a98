"""The scheduler's side of a sweep: what it sees of the trials, and its verdicts."""

from __future__ import annotations

from caviar.base.trial import Event, Report, TrialRecord
from caviar.controller.plan import Plan
from caviar.schedulers.base import Action, Scheduler


class Scheduling:
    """Puts a sweep's events to its scheduler, live and again on resume, and keeps the verdicts."""

    def __init__(self, plan: Plan, scheduler: Scheduler) -> None:
        self._plan = plan
        self._objective = plan.objective
        self._scheduler = scheduler
        self._verdicts: dict[int, tuple[int, Action]] = {}

    def observe(self, record: TrialRecord, what: Event | Report) -> None:
        """What happened to a trial."""
        number = record.number
        if isinstance(what, Report):
            score = self._objective.score(self._objective.of(what.metrics))
            self._scheduler.see(number, what.epoch, what.metrics)
            self._verdicts[number] = what.epoch, self._scheduler.report(number, what.epoch, score)
        elif what is Event.START:
            self._scheduler.start(number, record.parent)
        elif what is Event.PROMOTE:
            self._verdicts.pop(number, None)
            self._scheduler.promote(number)
        else:
            self._scheduler.end(number)

    def verdict(self, number: int, epoch: int) -> Action:
        """The verdict on a trial at an epoch, if that was its last; then it may be told again."""
        judged_at, verdict = self._verdicts.get(number, (epoch, Action.CONTINUE))
        return verdict if judged_at == epoch else Action.CONTINUE

    def is_baseline(self, number: int) -> bool:
        """The default configuration is what the winner has to beat: it is measured to the end."""
        return number == 0 and self._plan.default_first and self._scheduler.spares_default

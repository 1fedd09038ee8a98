"""The decisions of searcher and scheduler, on their way to the history and the screen."""

from __future__ import annotations

from collections import deque

from caviar.base.objective import Direction
from caviar.base.trial import Outcome, TrialRecord
from caviar.controller.events import DecisionEvent, Kind
from caviar.controller.plan import Log
from caviar.schedulers.base import Scheduler
from caviar.searchers.base import Searcher

LATEST = 20
"""Decisions that are kept for the screen."""

_KINDS = {
    Outcome.STOPPED_EARLY: Kind.STOPPED,
    Outcome.PAUSED: Kind.PAUSED,
    Outcome.RUNNING: Kind.PROMOTED,
}


class DecisionLog:
    """Passes decisions on to the history, and keeps them until somebody shows them.

    There are two kinds. What searcher and scheduler explain by themselves is news, and printed.
    What becomes of a single trial is for the live view and for the line of the trial.
    """

    def __init__(
        self, searcher: Searcher, scheduler: Scheduler, history: Log, *, direction: Direction
    ) -> None:
        self._searcher = searcher
        self._scheduler = scheduler
        self._history = history
        self._direction = direction
        self._messages: list[str] = []
        self.latest: deque[DecisionEvent] = deque(maxlen=LATEST)
        """The latest decisions of both kinds, the newest last."""
        self._last: dict[int, DecisionEvent] = {}
        """The last one of each trial."""

    def listen(self, at: float) -> None:
        """Note what searcher and scheduler explain, `at` seconds into the sweep."""
        for line in [*self._searcher.messages(), *self._scheduler.messages()]:
            self._note(DecisionEvent(kind=Kind.MESSAGE, at=at, message=line))
            self._messages.append(line)

    def decided(self, record: TrialRecord, outcome: Outcome, at: float) -> None:
        """Note that a trial was stopped, paused, or promoted, which is: is running again.

        The same decision is noted once, though a trial whose machine was lost comes to it again.
        Nothing is noted of a scheduler that explains itself.
        """
        reason = self._scheduler.why(record.number)
        if reason is None:
            return
        kind = _KINDS[outcome]
        event = DecisionEvent(
            kind=kind,
            at=at,
            trial=record.number,
            epoch=record.epoch,
            reason=None if kind is Kind.PROMOTED else reason,
        )
        if not event.is_same(self._last.get(record.number)):
            self._last[record.number] = event
            self._note(event)

    def reason(self, record: TrialRecord) -> str | None:
        """Why a trial was stopped early, as far as this session knows, for a person."""
        event = self._last.get(record.number)
        if event is None or record.outcome is not Outcome.STOPPED_EARLY:
            return None
        return event.why(self._direction)

    def _note(self, event: DecisionEvent) -> None:
        self._history.decide(event)
        self.latest.append(event)

    def messages(self) -> list[str]:
        """What was explained since this was asked last."""
        messages, self._messages = self._messages, []
        return messages

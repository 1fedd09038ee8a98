"""What searcher and scheduler say of their decisions, for the history and the screen."""

from __future__ import annotations

from collections import deque

from caviar.base.trial import Mode, Outcome, TrialRecord
from caviar.controller.plan import Log
from caviar.schedulers.base import Scheduler
from caviar.searchers.base import Searcher

LATEST = 20
"""Decisions that are kept for the screen."""

_DONE = {
    Outcome.STOPPED_EARLY: "stopped",
    Outcome.PAUSED: "paused",
    Outcome.RUNNING: "promoted",
}
_PROMOTED = "it is the best that waits there"


class DecisionLog:
    """Passes their lines on to the history, and keeps them until somebody shows them.

    There are two kinds. What they say by themselves is news, and printed. What becomes of a single
    trial is for the live view and for the line of the trial: there is one for each.
    """

    def __init__(
        self, searcher: Searcher, scheduler: Scheduler, history: Log, *, mode: Mode
    ) -> None:
        self._searcher = searcher
        self._scheduler = scheduler
        self._history = history
        self._words: list[str] = []
        self._mode = mode
        self.latest: deque[str] = deque(maxlen=LATEST)
        """The latest decisions of both kinds, the newest last."""
        self._lines: dict[int, str] = {}

    def listen(self, at: float) -> None:
        """Note what was said, `at` seconds into the sweep."""
        for line in [*self._searcher.said(), *self._scheduler.said()]:
            self._note(line, at)
            self._words.append(line)

    def decided(self, record: TrialRecord, outcome: Outcome, at: float) -> None:
        """Note that a trial was stopped, paused, or promoted, which is: is running again.

        The same decision is noted once, though a trial whose machine was lost comes to it again.
        Nothing is noted of a scheduler that explains itself.
        """
        reason = self._scheduler.why(record.number)
        if reason is None:
            return
        why = _PROMOTED if outcome is Outcome.RUNNING else reason.words(self._mode)
        line = f"{_DONE[outcome]} trial {record.number} at epoch {record.epoch}: {why}"
        if self._lines.get(record.number) != line:
            self._lines[record.number] = line
            self._note(line, at)

    def reason(self, record: TrialRecord) -> str | None:
        """Why a trial was stopped early, as far as this session knows."""
        line = self._lines.get(record.number)
        if line is None or record.outcome is not Outcome.STOPPED_EARLY:
            return None
        return line.partition(": ")[2]

    def _note(self, line: str, at: float) -> None:
        self._history.say(line, at)
        self.latest.append(line)

    def words(self) -> list[str]:
        """What was said since this was asked last."""
        words, self._words = self._words, []
        return words

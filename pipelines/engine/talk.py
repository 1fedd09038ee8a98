"""What searcher and scheduler say of their decisions, for the history and the screen."""

from __future__ import annotations

from pipelines.engine.plan import Log
from pipelines.engine.schedulers.base import Scheduler
from pipelines.engine.searchers.base import Searcher


class Talk:
    """Passes their lines on to the history, and keeps them until somebody shows them."""

    def __init__(self, searcher: Searcher, scheduler: Scheduler, history: Log) -> None:
        self._searcher = searcher
        self._scheduler = scheduler
        self._history = history
        self._words: list[str] = []

    def listen(self, at: float) -> None:
        """Note what was said, ``at`` seconds into the sweep."""
        for line in [*self._searcher.said(), *self._scheduler.said()]:
            self._history.say(line, at)
            self._words.append(line)

    def words(self) -> list[str]:
        """What was said since this was asked last."""
        words, self._words = self._words, []
        return words

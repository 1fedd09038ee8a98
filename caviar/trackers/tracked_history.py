"""Trackers follow a sweep beside its history, and cannot hold it up or end it.

Each has a thread of its own: a server that answers slowly costs the sweep nothing. What a tracker
raises is shown once, and it gets nothing more.
"""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace

from caviar.base.trial import Report, TrialRecord
from caviar.controller.events import DecisionEvent
from caviar.controller.plan import Log
from search_spaces import SearchSpace

PATIENCE = 60.0
"""Seconds that the end of a sweep waits for a tracker to take what it was sent."""


class Tracker(ABC):
    """Takes what happens to trials. Any method may raise; it is then not called again.

    Of a resumed sweep it gets what is new. All calls come from one thread.
    """

    option: str
    """What asks for it on the command line."""

    @abstractmethod
    def start(self, record: TrialRecord) -> None:
        """A new trial."""

    @abstractmethod
    def report(self, number: int, report: Report) -> None:
        """One epoch of a trial."""

    @abstractmethod
    def end(self, record: TrialRecord, best: float | None) -> None:
        """How a trial ended, and the metric's value at its best epoch."""

    @abstractmethod
    def close(self) -> None:
        """The sweep has ended, or stops here; some trials may not have."""


class Followed(Log):
    """The history, and the trackers that follow it."""

    def __init__(
        self, history: Log, trackers: Sequence[Tracker], say: Callable[[str], None]
    ) -> None:
        self._history = history
        self._followers = [_Follower(tracker, say) for tracker in trackers]

    def start(self, record: TrialRecord, space: SearchSpace) -> None:
        """A new trial."""
        self._history.start(record, space)
        then = replace(record)  # it changes while the trackers are behind
        for follower in self._followers:
            follower.tell(lambda tracker: tracker.start(then))

    def again(self, record: TrialRecord) -> None:
        """An unfinished trial runs again: the trackers see its next report."""
        self._history.again(record)

    def pause(self, record: TrialRecord) -> None:
        """A trial has left its worker: to the trackers it continues later."""
        self._history.pause(record)

    def report(self, number: int, report: Report) -> None:
        """One epoch of a trial."""
        self._history.report(number, report)
        for follower in self._followers:
            follower.tell(lambda tracker: tracker.report(number, report))

    def end(self, record: TrialRecord, best: float | None) -> None:
        """How a trial ended."""
        self._history.end(record, best)
        then = replace(record)
        for follower in self._followers:
            follower.tell(lambda tracker: tracker.end(then, best))

    def decide(self, event: DecisionEvent) -> None:
        """What was decided, which is for the history."""
        self._history.decide(event)

    def close(self) -> None:
        """Let the trackers take the rest; the history stays open."""
        for follower in self._followers:
            follower.tell(lambda tracker: tracker.close())
        for follower in self._followers:
            follower.join()


class _Follower:
    """One tracker and its thread."""

    def __init__(self, tracker: Tracker, say: Callable[[str], None]) -> None:
        self._tracker = tracker
        self._say = say
        self._queue: queue.SimpleQueue[Callable[[Tracker], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._follow, name=f"caviar{tracker.option}", daemon=True
        )
        self._thread.start()

    def tell(self, what: Callable[[Tracker], None]) -> None:
        self._queue.put(what)

    def join(self) -> None:
        self._queue.put(None)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            self._say(
                f"{self._tracker.option} has not taken everything within {PATIENCE:g} seconds; "
                "the history has it all"
            )

    def _follow(self) -> None:
        sound = True
        while (what := self._queue.get()) is not None:
            if not sound:
                continue
            try:
                what(self._tracker)
            except Exception as error:  # noqa: BLE001 - whatever it is, the sweep continues
                sound = False
                first = str(error).partition("\n")[0]
                self._say(
                    f"{self._tracker.option} gets no more, and the sweep goes on "
                    f"({type(error).__name__}: {first})"
                )

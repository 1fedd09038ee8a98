"""The interface of every scheduler: a report comes in, the trial goes on or stops."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Scheduler(ABC):
    """Judges trials by their score at an epoch: higher is better, NaN and infinities the worst.

    It knows no clock and no Ray: the same object runs live and on a replayed history, so its
    state after a resume is rebuilt by telling it the recorded reports in their order.
    """

    @abstractmethod
    def report(self, trial: int, epoch: int, score: float) -> bool:
        """Whether ``trial``, which has just finished ``epoch`` with ``score``, goes on."""

    @abstractmethod
    def table(self, trials: int | None) -> list[tuple[str, str]]:
        """What is printed before the start: rows of (what, how much), for ``trials`` trials."""

    def said(self) -> list[str]:
        """Lines for a person about what it has decided since it was asked last; most say nothing.

        Each is said once. Two spaces at the start of a line set it below the one before.
        """
        return []

"""The interface of every scheduler: what becomes of a trial that reports, and what runs next."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from caviar.base.trial import Mode
from caviar.schedulers.reasons import Reason
from search_spaces import SearchSpace


class Action(enum.Enum):
    """What becomes of a trial after a report."""

    CONTINUE = "continue"
    STOP = "stop"
    PAUSE = "pause"
    """It is saved and leaves its worker; it goes on when the scheduler promotes it, if ever."""


@dataclass(frozen=True, slots=True)
class Start:
    """A new trial, proposed by the searcher."""


@dataclass(frozen=True, slots=True)
class Promote:
    """A paused trial goes on."""

    trial: int


Change = Callable[[SearchSpace, Mapping[str, Any], np.random.Generator], dict[str, Any]]
"""From a configuration to the one that a fork of it trains with."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A new trial that goes on from the newest checkpoint of `parent`, changed."""

    parent: int
    change: Change
    replaces: int | None = None
    """A paused trial that ends with this."""


Move = Start | Promote | Fork


class Scheduler(ABC):
    """Judges trials by their score at an epoch: higher is better, NaN and infinities the worst.

    It knows no clock and no Ray: the same object runs live and on a replayed history. Its state is
    a function of the calls of `start`, `promote`, `report` and `end`, in their order, which
    a resumed sweep makes again; `next` and `dropped` only ask.

    The default configuration, trial 0, is never stopped and never paused, whatever the verdict,
    unless `spares_default` is False.
    """

    spares_default: ClassVar[bool] = True

    def know(self, space: SearchSpace, mode: Mode) -> None:  # noqa: B027 - most need not know
        """What is searched, and whether scores are values or negated ones; before all else."""

    def next(self, *, new: bool, paused: Set[int]) -> Move | None:
        """What a free worker does; None for nothing now, which ends a sweep where no trial runs.

        `new` says whether a new trial can be had; once it was False it stays so. `paused` holds
        the trials that can be promoted or replaced.
        """
        return Start() if new else None

    def start(self, trial: int, parent: int | None) -> None:  # noqa: B027 - not all want to know
        """A new trial, or a fork of `parent`, starts."""

    def promote(self, trial: int) -> None:  # noqa: B027
        """A paused trial goes on."""

    def see(self, trial: int, epoch: int, metrics: Mapping[str, float]) -> None:  # noqa: B027
        """All that `trial` reports of `epoch`, just before `report`."""

    @abstractmethod
    def report(self, trial: int, epoch: int, score: float) -> Action:
        """What becomes of `trial`, which has just finished `epoch` with `score`."""

    def end(self, trial: int) -> None:  # noqa: B027
        """`trial` has ended, for whatever reason: it reports no more."""

    def dropped(self, paused: Set[int]) -> Iterable[int]:
        """Those of the paused trials that will never be promoted: they end, stopped early."""
        return ()

    def why(self, trial: int) -> Reason | None:
        """Why `trial` does not go on: `report` or `dropped` has just said so.

        None for a scheduler that explains itself by `said`.
        """
        return None

    @abstractmethod
    def table(self, trials: int | None) -> list[tuple[str, str]]:
        """What is printed before the start: rows of (what, how much), for `trials` trials."""

    def messages(self) -> list[str]:
        """Lines for a person about what it has decided since it was asked last; most say nothing.

        Each is said once. Two spaces at the start of a line set it below the one before.
        """
        return []

"""What a sweep may spend, and where the controller writes and finds what it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from caviar.base.objective import Objective
from caviar.base.trial import Report, TrialRecord
from caviar.controller.events import DecisionEvent
from caviar.sweep.limits import Limits
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from caviar.sweep.sweep import Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep may spend and what it keeps."""

    objective: Objective
    max_epochs: int
    trials: int | None
    seed: int
    keep_checkpoints: int
    checkpoint_seconds: float
    retries: int = 0
    """How often a trial that failed by itself is run again."""
    limits: Limits = field(default_factory=Limits)
    gpus_per_trial: float = 0.0
    again: Sequence[Mapping[str, Any]] = ()
    """Configurations that run first of all, after the default, known or not."""
    members: int = 1
    """How many new trials one worker trains at once, at most; those that ran before or that start
    from a checkpoint train alone."""
    default_first: bool = True
    """Trial 0 is the default configuration, and runs to the end: what the winner has to beat."""

    @classmethod
    def of(cls, sweep: Sweep, **others: Any) -> Plan:
        """What the options of a sweep say; `others` are fields of the plan that they do not."""
        asked: dict[str, Any] = {
            "objective": sweep.objective,
            "max_epochs": sweep.max_epochs,
            "trials": sweep.trials,
            "seed": sweep.seed,
            "keep_checkpoints": sweep.keep_checkpoints,
            "checkpoint_seconds": sweep.checkpoint_seconds,
            "retries": sweep.retries,
            "limits": sweep.limits,
            "gpus_per_trial": sweep.gpus_per_trial,
        }
        return cls(**(asked | others))


class Log(Protocol):
    """Where the controller writes what happens; `History` on disk, nothing in a simulation."""

    def start(self, record: TrialRecord, space: SearchSpace) -> None:
        """A new trial."""

    def again(self, record: TrialRecord) -> None:
        """An unfinished trial runs again: of an earlier session, after a failure or a pause."""

    def pause(self, record: TrialRecord) -> None:
        """A trial has left its worker, and continues if it is promoted."""

    def report(self, number: int, report: Report) -> None:
        """One epoch of a trial."""

    def end(self, record: TrialRecord, best: float | None) -> None:
        """How a trial ended, and the objective of its best epoch."""

    def decide(self, event: DecisionEvent) -> None:
        """What the searcher or the scheduler has decided."""


class Checkpoints(Protocol):
    """Where the checkpoints are; `CheckpointFolder` on disk."""

    def newest(self, number: int) -> tuple[str, int] | None:
        """The newest whole checkpoint of a trial and its epoch."""

    def inherit(self, parent: int, child: int) -> tuple[str, int] | None:
        """A copy of it that belongs to a fork, and its epoch."""


class NoCheckpoints:
    """There are none: a trial that is cut off starts afresh."""

    def newest(self, number: int) -> None:
        """None."""

    def inherit(self, parent: int, child: int) -> None:
        """None."""

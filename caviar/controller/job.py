"""A job: what one worker trains at once, and what goes between the controller and whoever runs it.

Slots, GPU-hours and checkpoint folders belong to jobs; searcher, scheduler, history, budget and
report speak of trials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from caviar.base.trial import TrialRecord


@dataclass(frozen=True, slots=True)
class Member:
    """A trial of a job, from the start or from a checkpoint."""

    record: TrialRecord
    restore_from: str | None = None
    """The checkpoint's folder; None from the start."""
    forked: bool = False
    """The checkpoint is the parent's: hyperparameters and best epoch are not taken from it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One or several trials that one worker trains at once; a plain trial is a job of one.

    Args:
        number: its place among the jobs of this session, from 0.
        members: its trials, in the order in which they started; one at least.
    """

    number: int
    members: tuple[Member, ...]

    @property
    def lead(self) -> TrialRecord:
        """The first member, after whose number and attempt the job's checkpoint folder is named."""
        return self.members[0].record

    @property
    def trials(self) -> tuple[int, ...]:
        """The numbers of its trials."""
        return tuple(member.record.number for member in self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """What one trial reports of one epoch."""

    epoch: int
    """Counted from 1, over all attempts."""
    metrics: Mapping[str, float]
    """By name; what is not finite is allowed."""
    done: bool = False
    """The trial has trained as long as it was to."""
    diverged: bool = False
    """Objective or training loss are not finite."""
    error: str | None = None
    """The trial has failed in this epoch, which counts for nothing, and its worker is sound: it ran
    out of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a trial after an epoch."""

    continues: bool
    """Whether it trains another epoch now."""
    save: bool
    """Whether its job writes a checkpoint first."""

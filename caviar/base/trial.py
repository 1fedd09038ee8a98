"""What is known of a trial: its configuration, its learning curve and how it ended."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Mode = Literal["max", "min"]


class Outcome(enum.StrEnum):
    """How a trial ended. Two have not: `RUNNING` is training, or waits for a session that resumes
    it; `PAUSED` has left its worker to others, and continues if the scheduler promotes it."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED_EARLY = "stopped_early"
    FAILED = "failed"
    DIVERGED = "diverged"


@dataclass(frozen=True, slots=True)
class Report:
    """One epoch of one trial: `order` is its place among all the reports of the sweep."""

    epoch: int
    metrics: Mapping[str, float]
    order: int
    at: float
    """Seconds since the start of the sweep, over all its sessions."""
    gpu_seconds: float = 0.0
    """GPU-seconds of all trials of the sweep until then."""


@dataclass(slots=True)
class TrialRecord:
    """One trial, in natural units. `session` is the number of the session that ran it last.

    What happens in a sweep is counted: reports (`Report.order`), starts, promotions and ends
    share one count, so that a resumed sweep can go through all of it in its order.
    """

    number: int
    config: dict[str, Any]
    seed: int
    session: int = 0
    outcome: Outcome = Outcome.RUNNING
    reports: list[Report] = field(default_factory=list)
    error: str | None = None
    """The first line of what was raised; the traceback is in the folder `errors`."""
    again: list[str] = field(default_factory=list)
    """Why the trial was run again, each time: what was raised, or that its machine was lost."""
    started: list[float] = field(default_factory=list)
    """When it was given to a worker, once for each time that it ran: seconds since the start of
    the sweep, as `Report.at`. Empty in a history older than this field."""
    ended: float | None = None
    """When its worker was free of it, in the same seconds; None while it has not ended."""

    attempt: int = 0
    """How often it continued after a pause, a failure or in another session: Ray's trials of it."""
    begun: list[int] = field(default_factory=list)
    """When it started and when it was promoted, in the count of all that happens."""
    over: int | None = None
    """When it ended, in the same count."""
    parent: int | None = None
    """The trial whose checkpoint it started from, if it is a fork."""
    forked_at: int = 0
    """The epoch of that checkpoint; a fork's own epochs begin after it."""

    @property
    def epoch(self) -> int:
        """The fidelity this trial has reached, in epochs; a fork has its parent's to begin with."""
        return self.reports[-1].epoch if self.reports else self.forked_at

    @property
    def unfinished(self) -> bool:
        """Whether it may train on: it runs, is paused, or waits to be resumed."""
        return self.outcome in (Outcome.RUNNING, Outcome.PAUSED)

    def curve(self, metric: str) -> dict[int, float]:
        """Epoch to value of `metric`."""
        return {r.epoch: r.metrics[metric] for r in self.reports if metric in r.metrics}

    def is_measured(self, metric: str) -> bool:
        """Whether the last report has a value; a trial that may have diverged there has none."""
        value = self.reports[-1].metrics.get(metric) if self.reports else None
        return value is not None and math.isfinite(value)


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial, from the seed of the sweep and the trial's number; below 2^31."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


class Event(enum.Enum):
    """What happens to a trial besides its reports."""

    START = "start"
    PROMOTE = "promote"
    END = "end"


def happened(records: Mapping[int, TrialRecord]) -> list[tuple[int, int, Event | Report]]:
    """All that happened in a sweep, in its order: (order, trial, what).

    Of a trial whose start and end were not counted, the start comes first of all and the end after
    its last report.
    """
    found: list[tuple[int, int, Event | Report]] = []
    for number, record in records.items():
        begun = record.begun or [-1]
        found.append((begun[0], number, Event.START))
        found += [(order, number, Event.PROMOTE) for order in begun[1:]]
        found += [(report.order, number, report) for report in record.reports]
        if not record.unfinished:
            last = record.reports[-1].order if record.reports else begun[0]
            over = last if record.over is None else record.over
            found.append((over, number, Event.END))
    return sorted(found, key=lambda item: item[0])

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
    """How a trial ended. ``RUNNING`` has not ended: it is training, or waits to be resumed."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED_EARLY = "stopped_early"
    FAILED = "failed"
    DIVERGED = "diverged"


@dataclass(frozen=True, slots=True)
class Report:
    """One epoch of one trial: ``order`` is its place among all the reports of the sweep."""

    epoch: int
    metrics: Mapping[str, float]
    order: int
    at: float
    """Seconds since the start of the sweep, over all its sessions."""
    gpu_seconds: float = 0.0
    """GPU-seconds of all trials of the sweep until then."""


@dataclass(slots=True)
class TrialRecord:
    """One trial, in natural units. ``session`` is the number of the session that ran it last."""

    number: int
    config: dict[str, Any]
    seed: int
    session: int = 0
    outcome: Outcome = Outcome.RUNNING
    reports: list[Report] = field(default_factory=list)
    error: str | None = None
    """The first line of what was raised; the traceback is in the folder ``errors``."""
    again: list[str] = field(default_factory=list)
    """Why the trial was run again, each time: what was raised, or that its machine was lost."""
    started: list[float] = field(default_factory=list)
    """When it was given to a worker, once for each time that it ran: seconds since the start of
    the sweep, as ``Report.at``. Empty in a history older than this field."""
    ended: float | None = None
    """When its worker was free of it, in the same seconds; None while it has not ended."""

    @property
    def epoch(self) -> int:
        """The fidelity this trial has reached, in epochs; 0 before its first report."""
        return self.reports[-1].epoch if self.reports else 0

    def curve(self, metric: str) -> dict[int, float]:
        """Epoch to value of ``metric``."""
        return {r.epoch: r.metrics[metric] for r in self.reports if metric in r.metrics}

    def is_measured(self, metric: str) -> bool:
        """Whether the last report has a value; a trial that may have diverged there has none."""
        value = self.reports[-1].metrics.get(metric) if self.reports else None
        return value is not None and math.isfinite(value)


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial, from the seed of the sweep and the trial's number; below 2^31."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


def better(value: float, than: float, mode: Mode) -> bool:
    """Whether ``value`` beats ``than`` strictly."""
    return value > than if mode == "max" else value < than

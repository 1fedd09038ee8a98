"""How a sweep on disk stands: what `caviar list` and `caviar show` say of it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from caviar.base.format import how_it_ended
from caviar.base.trial import Outcome, TrialRecord
from caviar.store import checkpoints, experiments, layout
from caviar.store.experiments import Experiment
from caviar.store.session import CRASHED, Commit, How, SweepState, state


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStatus:
    """One sweep in figures. Times are in seconds."""

    state: SweepState
    metric: str
    best: float | None
    """The best epoch of the best trial; None before the first finite value."""
    baseline: float | None
    """The best epoch of the default configuration."""
    trials: int
    asked: int | None
    """Trials that it may start; None where only the time is limited."""
    outcomes: Mapping[str, int]
    """How many trials ended how, in words."""
    epochs: int
    seconds: float
    """It has run for so long, over all sessions."""
    sessions: int
    started: float
    """When it first started, in seconds since 1970; 0 where that is not known."""
    age: float | None
    """Since it was started."""
    commit: Commit | None
    """From which its first session ran."""


def of(experiment: Experiment) -> SweepStatus:
    """How a sweep stands now. A finished one is read from its summary, which is quick."""
    with experiment.history() as history:
        sessions = history.sessions()
        # One that crashed has no summary, or that of the session before.
        ended = bool(sessions) and sessions[-1].ended and sessions[-1].stop_reason != CRASHED
        summary = experiment.summary() if ended else None
        records = {} if summary is not None else history.records()
    if summary is None:
        summary = best_and_default(experiment, records) | {
            "trials": counts(records),
            "epochs_trained": sum(len(record.reports) for record in records.values()),
            "wall_seconds": max(
                [0.0]
                + [one.until for one in sessions]
                + [report.at for record in records.values() for report in record.reports]
            ),
        }
    now = state(sessions)
    ended_how = dict(summary["trials"])
    total = ended_how.pop("total")
    running = total - sum(ended_how.values())
    outcomes = {name.replace("_", " "): count for name, count in ended_how.items()}
    if running:
        runs = now == SweepState(How.RUNNING)
        outcomes[how_it_ended(Outcome.RUNNING) if runs else str(now)] = running
    metric = experiment.options.metric
    started = sessions[0].started if sessions else 0.0
    asked = sessions[-1].options.get("trials") if sessions else experiment.options.trials
    return SweepStatus(
        state=now,
        metric=metric,
        best=_value(summary["best"], metric),
        baseline=_value(summary["baseline"], metric),
        trials=total,
        asked=asked,
        outcomes=outcomes,
        epochs=summary["epochs_trained"],
        seconds=summary["wall_seconds"],
        sessions=len(sessions),
        started=started,
        age=time.time() - started if sessions else None,
        commit=sessions[0].git if sessions else None,
    )


def best_and_default(experiment: Experiment, records: Mapping[int, TrialRecord]) -> dict[str, Any]:
    """The best configuration and the default one, as in `summary.json` and strict JSON.

    `best` is None before the first finite value.
    """
    metric, mode = experiment.options.metric, experiment.options.direction
    best: dict[str, Any] | None = None
    if any(experiments.best_report(record, metric, mode) for record in _may_win(records)):
        record = experiment.best(records)
        report = experiments.best_report(record, metric, mode)
        assert report is not None  # the best trial has one
        checkpoint = checkpoints.newest(experiment.place / layout.TRIALS, record.number)
        best = {
            "trial": record.number,
            "epoch": report.epoch,
            "config": record.config,
            "metrics": _finite(report.metrics),
            "checkpoint": None if checkpoint is None else str(checkpoint[0]),
        }
    default = records.get(0)
    report = None if default is None else experiments.best_report(default, metric, mode)
    return {
        "name": experiment.name,
        "metric": metric,
        "mode": mode,
        "best": best,
        "baseline": {
            "config": None if default is None else default.config,
            "metrics": None if report is None else _finite(report.metrics),
        },
    }


def _may_win(records: Mapping[int, TrialRecord]) -> list[TrialRecord]:
    no = (Outcome.FAILED, Outcome.DIVERGED)
    return [record for record in records.values() if record.outcome not in no]


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def counts(records: Mapping[int, TrialRecord]) -> dict[str, int]:
    """How many trials there are and how many ended how, as in the summary."""
    ended = [outcome for outcome in Outcome if outcome is not Outcome.RUNNING]
    outcomes = [record.outcome for record in records.values()]
    return {"total": len(records)} | {one.value: outcomes.count(one) for one in ended}


def _value(found: Mapping[str, Any] | None, metric: str) -> float | None:
    metrics = None if found is None else found["metrics"]
    return None if metrics is None else metrics.get(metric)

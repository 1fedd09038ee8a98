"""How a sweep on disk stands: what `caviar list` and `caviar show` say of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from caviar.base.format import how_it_ended
from caviar.base.trial import Outcome
from caviar.base.trials import Trials
from caviar.store import summary
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
        found = experiment.summary() if ended else None
        records = {} if found is not None else history.records()
    if found is None:
        trials = Trials(experiment.options.objective, records)
        reports = [report.at for record in records.values() for report in record.reports]
        found = best_and_default(experiment, trials) | {
            "trials": counts(trials),
            "epochs_trained": trials.epochs,
            "wall_seconds": max([0.0, *(one.until for one in sessions), *reports]),
        }
    now = state(sessions)
    ended_how = dict(found["trials"])
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
        best=_value(found["best"], metric),
        baseline=_value(found["baseline"], metric),
        trials=total,
        asked=asked,
        outcomes=outcomes,
        epochs=found["epochs_trained"],
        seconds=found["wall_seconds"],
        sessions=len(sessions),
        started=started,
        age=time.time() - started if sessions else None,
        commit=sessions[0].git if sessions else None,
    )


def best_and_default(experiment: Experiment, trials: Trials) -> dict[str, Any]:
    """The best configuration and the default one, as in `summary.json` and strict JSON.

    `best` is None before the first finite value.
    """
    number = None if trials.best() is None else experiment.best(trials).number
    return {
        "name": experiment.name,
        "metric": trials.objective.metric,
        "mode": trials.objective.direction,
        "best": summary.best(trials, number, experiment.place),
        "baseline": summary.baseline(trials),
    }


def counts(trials: Trials) -> dict[str, int]:
    """How many trials there are and how many ended how, as in the summary."""
    ended = {how.value: n for how, n in trials.counts().items() if how is not Outcome.RUNNING}
    return {"total": len(trials)} | ended


def _value(found: Mapping[str, Any] | None, metric: str) -> float | None:
    metrics = None if found is None else found["metrics"]
    return None if metrics is None else metrics.get(metric)

"""What a sweep found, as `summary.json` and on the screen."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

from caviar.base.trial import Outcome
from caviar.base.trials import BASELINE, Trials
from caviar.store import checkpoints, layout
from caviar.store.answer import Answer
from caviar.store.location import Location


def summarise(
    trials: Trials,
    *,
    name: str,
    recipe: str,
    seed: int,
    seconds: float,
    folder: Location,
    answer: Answer | None = None,
) -> dict[str, Any]:
    """The summary of a sweep, finished or not, as JSON values.

    Args:
        trials: those of the search.
        name: of the sweep.
        recipe: of the sweep.
        seed: of the sweep.
        seconds: how long it has run, over all sessions.
        folder: of the sweep, for the checkpoint of the best trial.
        answer: what its finals said; the best trial is theirs. Without, it is the one with the best
            epoch, None before the first finite value.
    """
    objective = trials.objective
    return {
        "name": name,
        "recipe": recipe,
        "seed": seed,
        "metric": objective.metric,
        "mode": objective.direction,
        "trials": {
            "total": len(trials),
            **{outcome.value: trials.count(outcome) for outcome in _ENDED},
        },
        "epochs_trained": trials.epochs,
        "wall_seconds": round(seconds, 3),
        "baseline": baseline(trials),
        "best": best(trials, _winner(trials, answer), folder),
        "versions": versions(),
        "answer": None if answer is None else answer.to_json(),
    }


_ENDED = (Outcome.COMPLETED, Outcome.STOPPED_EARLY, Outcome.FAILED, Outcome.DIVERGED)


def _winner(trials: Trials, answer: Answer | None) -> int | None:
    """The trial of the search that won the finals, else the one with the best epoch."""
    if answer is not None and answer.trial is not None and trials.best_report(answer.trial):
        return answer.trial
    first = trials.best()
    return None if first is None else first.trial.number


def baseline(trials: Trials) -> dict[str, Any]:
    """The default configuration and the metrics of its best epoch, as in the summary."""
    report = trials.baseline()
    return {
        "config": trials[BASELINE].config if BASELINE in trials else None,
        "metrics": None if report is None else layout.finite(report.metrics),
    }


def best(trials: Trials, number: int | None, folder: Location) -> dict[str, Any] | None:
    """The trial `number` as the best one, as in the summary; None where it has no finite value.

    `folder` is that of the sweep, for its newest checkpoint.
    """
    report = None if number is None else trials.best_report(number)
    if number is None or report is None:
        return None
    checkpoint = checkpoints.newest(folder / layout.TRIALS, number)
    return {
        "trial": number,
        "epoch": report.epoch,
        "config": trials[number].config,
        "metrics": layout.finite(report.metrics),
        "checkpoint": None if checkpoint is None else str(checkpoint[0]),
    }


def versions() -> dict[str, str]:
    """What the sweep ran on."""
    names = ("caviar-tune", "ray", "torch", "optuna", "hyperopt", "numpy")
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in names
    }

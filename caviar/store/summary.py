"""What a sweep found, as `summary.json` and on the screen."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caviar.base.trial import Outcome
from caviar.controller.controller import SweepController
from caviar.store import checkpoints, layout
from caviar.store.location import Place


def summarise(
    controller: SweepController,
    *,
    name: str,
    recipe: str,
    folder: Path | Place,
    winner: int | None = None,
) -> dict[str, Any]:
    """The summary of a sweep, finished or not. `best` is None before the first finite report.

    `winner` is the trial that won the finals; without any the one with the best epoch is best.
    """
    plan = controller.plan
    outcomes = [Outcome.COMPLETED, Outcome.STOPPED_EARLY, Outcome.FAILED, Outcome.DIVERGED]
    best = controller.best()
    if winner is not None and (report := controller.best_report(winner)) is not None:
        best = controller.records[winner], report
    baseline = controller.best_report(0)
    return {
        "name": name,
        "recipe": recipe,
        "seed": plan.seed,
        "metric": plan.metric,
        "mode": plan.mode,
        "trials": {
            "total": len(controller.records),
            **{outcome.value: controller.count(outcome) for outcome in outcomes},
        },
        "epochs_trained": controller.epochs,
        "wall_seconds": round(controller.elapsed, 3),
        "baseline": {
            "config": controller.records[0].config if 0 in controller.records else None,
            "metrics": None if baseline is None else finite(baseline.metrics),
        },
        "best": None
        if best is None
        else {
            "trial": best[0].number,
            "epoch": best[1].epoch,
            "config": best[0].config,
            "metrics": finite(best[1].metrics),
            "checkpoint": _checkpoint(folder, best[0].number),
        },
        "versions": versions(),
    }


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics for JSON, which has no NaN: null in its place."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def _checkpoint(folder: Path | Place, trial: int) -> str | None:
    found = checkpoints.newest(folder / layout.TRIALS, trial)
    return None if found is None else str(found[0])


def versions() -> dict[str, str]:
    """What the sweep ran on."""
    names = ("caviar-tune", "ray", "torch", "optuna", "hyperopt", "numpy")
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in names
    }

"""Weights & Biases: a group of runs for the sweep, a run for each trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.trackers.tracked_history import Tracker

_FAILED = (Outcome.FAILED, Outcome.DIVERGED)


class WandB(Tracker):
    """Its own files are in `folder`. `token` makes the names of the runs this sweep's own."""

    option = "--wandb"

    def __init__(self, project: str, folder: Path, *, name: str, metric: str, token: str) -> None:
        self._project = project
        self._folder = folder
        self._name = name
        self._metric = metric
        self._token = token
        self._runs: dict[int, Any] = {}

    def _run(self, number: int, config: dict[str, Any] | None = None) -> Any:
        """The run of a trial; one of another session continues under the same id."""
        import wandb

        if number not in self._runs:
            self._runs[number] = wandb.init(
                project=self._project,
                group=self._name,
                name=f"trial {number}",
                id=f"{self._token}-{number}",
                resume="allow",
                config=config,
                dir=str(self._folder),
                reinit="create_new",  # many side by side
                settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
            )
        return self._runs[number]

    def start(self, record: TrialRecord) -> None:
        self._run(record.number, record.config)

    def report(self, number: int, report: Report) -> None:
        self._run(number).log(dict(report.metrics), step=report.epoch)

    def end(self, record: TrialRecord, best: float | None) -> None:
        run = self._run(record.number)
        run.summary["outcome"] = record.outcome.value
        if best is not None:
            run.summary[f"best_{self._metric}"] = best
        self._runs.pop(record.number).finish(exit_code=int(record.outcome in _FAILED))

    def close(self) -> None:
        import wandb

        for run in self._runs.values():
            run.finish()
        self._runs.clear()
        wandb.teardown()  # its service writes the last of it when it ends

"""TensorBoard: a run for each trial, its curves and its hyperparameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from caviar.base.trial import Report, TrialRecord
from caviar.trackers.tracked_history import Tracker

FOLDER = "tensorboard"
"""In the folder of the sweep."""


class TensorBoard(Tracker):
    """Writes below `folder`, a folder for each trial. `metric` is what is optimised."""

    option = "--tensorboard"

    def __init__(self, folder: Path, *, metric: str) -> None:
        self._folder = folder
        self._metric = metric
        self._writers: dict[int, Any] = {}

    def _writer(self, number: int) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        if number not in self._writers:  # one that continues in another session adds a file
            path = self._folder / f"trial_{number:04d}"
            self._writers[number] = SummaryWriter(str(path))
        return self._writers[number]

    def start(self, record: TrialRecord) -> None:
        self._writer(record.number)

    def report(self, number: int, report: Report) -> None:
        writer = self._writer(number)
        for name, value in report.metrics.items():
            writer.add_scalar(name, value, report.epoch)
        writer.flush()

    def end(self, record: TrialRecord, best: float | None) -> None:
        writer = self._writer(record.number)
        config = {
            name: value if isinstance(value, int | float | str | bool) else str(value)
            for name, value in record.config.items()
        }
        found = {} if best is None else {f"best/{self._metric}": best}
        # The same run, not one below it.
        writer.add_hparams({**config, "outcome": record.outcome.value}, found, run_name=".")
        self._writers.pop(record.number).close()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

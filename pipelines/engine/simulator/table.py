"""Tables of recorded learning curves: what a simulated sweep runs instead of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.engine.errors import UsageError
from pipelines.engine.records import Mode, Outcome, TrialRecord
from search_spaces import Float, Int, Parameter, SearchSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveTable:
    """One task: configurations that ran, their learning curves and how long an epoch took.

    A curve that is not finite somewhere has diverged there. One may be shorter than the rest,
    where the trial it was recorded from was stopped: ``known`` counts its epochs.
    """

    name: str
    space: SearchSpace
    metric: str
    mode: Mode
    configs: Sequence[Mapping[str, Any]]
    """In natural units."""
    values: Floats
    """[rows, epochs]: the metric after each epoch, in the metric's units."""
    seconds: Floats
    """[rows]: seconds that one epoch takes; above 0."""
    known: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """[rows]: epochs that were recorded, 1 or more; all of them by default."""

    def __post_init__(self) -> None:
        rows = len(self.configs)
        if self.values.ndim != 2 or len(self.values) != rows or not rows:
            raise UsageError(
                f"table {self.name!r}: values must have one row for each of its {rows} "
                f"configurations, at least one, and their shape is {self.values.shape}"
            )
        if self.seconds.shape != (rows,) or not bool(np.all(self.seconds > 0)):
            raise UsageError(f"table {self.name!r}: an epoch of each row takes above 0 seconds")
        if not len(self.known):
            object.__setattr__(self, "known", np.full(rows, self.max_epochs))
        if self.known.shape != (rows,) or self.known.min() < 1:
            raise UsageError(f"table {self.name!r}: each row needs 1 known epoch or more")

    @property
    def max_epochs(self) -> int:
        """The full fidelity, in epochs."""
        return int(self.values.shape[1])

    @property
    def objectives(self) -> Floats:
        """[rows]: the best epoch of each row; NaN for a row that diverges, which cannot win."""
        epochs = np.arange(self.max_epochs)
        shown = epochs < self.known[:, None]
        whole = np.all(np.isfinite(self.values) | ~shown, axis=1)
        worst = -np.inf if self.mode == "max" else np.inf
        filled = np.where(shown, self.values, worst)
        best = filled.max(axis=1) if self.mode == "max" else filled.min(axis=1)
        return np.where(whole, best, np.nan)

    @property
    def scale(self) -> tuple[float, float]:
        """The best known and the median objective: regret 0 and regret 1."""
        found = self.objectives
        sign = 1.0 if self.mode == "max" else -1.0
        ranked = np.sort(np.where(np.isnan(found), -np.inf, sign * found))
        best, median = ranked[-1], ranked[(len(ranked) - 1) // 2]
        if not np.isfinite(best):
            raise UsageError(f"table {self.name!r}: every row of it diverges")
        return sign * float(best), sign * float(median)

    def regret(self, value: float) -> float:
        """How far ``value`` is from the best known: (best - value) / (best - median)."""
        best, median = self.scale
        return (best - value) / (best - median)


def load_tables(path: Path) -> list[CurveTable]:
    """The tables of an ``.npz`` file, one a task.

    The file holds ``X [rows, parameters]`` in natural units with ``names``, ``lower``, ``upper``
    and the flags ``log`` and ``integer``; ``metric``, ``goal`` ("min" or "max") and, under the
    metric's name, the curves ``[tasks, rows, epochs]``; ``tasks`` or ``task_names``; and where
    they are known ``seconds_per_epoch [tasks, rows]``. Without them, the epochs of a row take a
    time drawn once a row: log-normal, median 1 s, σ = 0.5 (19 in 20 within a factor 2.7).
    With ``first_point_is_untrained`` the curves begin before the first epoch.
    """
    if not path.is_file():
        raise UsageError(f"There is no table of learning curves at {path}.")
    with np.load(path, allow_pickle=False) as data:
        arrays: dict[str, NDArray[Any]] = dict(data)
    x, metric = arrays["X"], str(arrays["metric"])
    space = SearchSpace(path.stem, [_parameter(arrays, i) for i in range(x.shape[1])])
    configs = [_config(space, row) for row in x]
    curves = arrays[metric].astype(np.float64)
    if arrays.get("first_point_is_untrained", np.False_):
        curves = curves[:, :, 1:]
    names = arrays["task_names"] if "task_names" in arrays else arrays["tasks"]
    uneven = np.random.default_rng(0).lognormal(0.0, 0.5, size=curves.shape[:2])
    seconds = arrays.get("seconds_per_epoch", uneven).astype(np.float64)
    return [
        CurveTable(
            name=str(name),
            space=space,
            metric=metric,
            mode="max" if str(arrays["goal"]) == "max" else "min",
            configs=configs,
            values=curves[task],
            seconds=seconds[task],
        )
        for task, name in enumerate(names)
    ]


def _parameter(arrays: Mapping[str, NDArray[Any]], i: int) -> Parameter:
    name, scale = str(arrays["names"][i]), "log" if arrays["log"][i] else "linear"
    low, high = float(arrays["lower"][i]), float(arrays["upper"][i])
    if arrays["integer"][i]:
        return Int(name=name, low=round(low), high=round(high), scale=scale)  # type: ignore[arg-type]
    return Float(name=name, low=low, high=high, scale=scale)  # type: ignore[arg-type]


def _config(space: SearchSpace, row: Floats) -> dict[str, Any]:
    values = {
        parameter.name: round(float(value)) if isinstance(parameter, Int) else float(value)
        for parameter, value in zip(space, row, strict=True)
    }
    return space.complete(values)


def from_records(
    records: Mapping[int, TrialRecord],
    *,
    space: SearchSpace,
    metric: str,
    mode: Mode,
    max_epochs: int,
    name: str,
) -> CurveTable:
    """The trials of a recorded sweep as a table, to replay it with other settings.

    Left out are trials without a single report and those that failed: nobody knows their curve.
    A trial that diverged has its last report as NaN, whatever was written there.
    """
    rows = [r for r in records.values() if r.reports and r.outcome is not Outcome.FAILED]
    if not rows:
        raise UsageError(f"history {name!r} holds no trial with a report: nothing to replay")
    values = np.full((len(rows), max_epochs), np.nan)
    known = np.ones(len(rows), np.int64)
    seconds = np.ones(len(rows))
    for i, record in enumerate(rows):
        for epoch, value in record.curve(metric).items():
            values[i, epoch - 1] = value
        known[i] = record.epoch
        if record.outcome is Outcome.DIVERGED:
            values[i, record.epoch - 1] = np.nan
        seconds[i] = _seconds_per_epoch(record)
    return CurveTable(
        name=name,
        space=space,
        metric=metric,
        mode=mode,
        configs=[record.config for record in rows],
        values=values,
        seconds=seconds,
        known=known,
    )


def _seconds_per_epoch(record: TrialRecord) -> float:
    """From the first report to the last; a trial of one epoch counts as 1 s."""
    first, last = record.reports[0], record.reports[-1]
    if last.epoch == first.epoch:
        return 1.0
    return max((last.at - first.at) / (last.epoch - first.epoch), 1e-3)

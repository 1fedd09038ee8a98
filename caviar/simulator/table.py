"""Tables of recorded learning curves: what a simulated sweep runs instead of training."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from caviar.base.errors import UsageError
from caviar.base.objective import Objective
from search_spaces import Config, Float, Int, Parameter, SearchSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveTable:
    """One task: configurations that ran, their learning curves and how long an epoch took.

    A curve that is not finite somewhere has diverged there. One may be shorter than the rest,
    where the trial it was recorded from was stopped: `known` counts its epochs.
    """

    name: str
    space: SearchSpace
    objective: Objective
    configs: Sequence[Config]
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
    def metric(self) -> str:
        """The objective's metric."""
        return self.objective.metric

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
        sign = self.objective.sign
        best = np.where(shown, sign * self.values, -np.inf).max(axis=1)
        return np.where(whole, sign * best, np.nan)

    @property
    def scale(self) -> tuple[float, float]:
        """The best known and the median objective: regret 0 and regret 1.

        The median counts rows that diverge as the worst; where they are half of all or more it has
        no value, and the median of the others stands in.
        """
        found = self.objectives
        ranked = np.sort(np.where(np.isnan(found), -np.inf, self.objective.sign * found))
        if np.isneginf(ranked[(len(ranked) - 1) // 2]):
            ranked = ranked[np.isfinite(ranked)]
        if not len(ranked):
            raise UsageError(f"table {self.name!r}: every row of it diverges")
        best, median = (
            self.objective.value(float(ranked[place])) for place in (-1, (len(ranked) - 1) // 2)
        )
        if best == median:
            raise UsageError(
                f"table {self.name!r}: the best of its {len(found)} rows and the median one are "
                f"equal ({best:.6g}), so no searcher can be told from another on it"
            )
        return best, median

    def regret(self, value: float) -> float:
        """How far `value` is from the best known: (best - value) / (best - median)."""
        best, median = self.scale
        return (best - value) / (best - median)


def load_tables(path: Path) -> list[CurveTable]:
    """The tables of an `.npz` file, one a task.

    The file holds `X [rows, parameters]` in natural units with `names`, `lower`, `upper`
    and the flags `log` and `integer`; `metric`, `goal` ("min" or "max") and, under the
    metric's name, the curves `[tasks, rows, epochs]`; `tasks` or `task_names`; and where
    they are known `seconds_per_epoch [tasks, rows]`. Without them, the epochs of a row take a
    time drawn once a row: log-normal, median 1 s, σ = 0.5 (19 in 20 within a factor 2.7).
    With `first_point_is_untrained` the curves begin before the first epoch.
    """
    arrays = _arrays(path)
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
            objective=Objective(metric, "max" if str(arrays["goal"]) == "max" else "min"),
            configs=configs,
            values=curves[task],
            seconds=seconds[task],
        )
        for task, name in enumerate(names)
    ]


_NEEDED = ("X", "names", "lower", "upper", "log", "integer", "metric", "goal")


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise UsageError(f"There is no table of learning curves at {path}.")
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays: dict[str, NDArray[Any]] = dict(data)
    except (ValueError, OSError, TypeError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path} is no .npz file of learning curves ({error}): write one with numpy.savez."
        ) from error
    lacking = [name for name in _NEEDED if name not in arrays]
    if "metric" in arrays and str(arrays["metric"]) not in arrays:
        lacking.append(str(arrays["metric"]))
    if "task_names" not in arrays and "tasks" not in arrays:
        lacking.append("tasks")
    if lacking:
        raise UsageError(
            f"{path} is no table of learning curves: it lacks {', '.join(lacking)}, "
            f"and it holds {', '.join(arrays) or 'nothing'}."
        )
    return arrays


def _parameter(arrays: Mapping[str, NDArray[Any]], i: int) -> Parameter:
    name = str(arrays["names"][i])
    scale: Literal["log", "linear"] = "log" if arrays["log"][i] else "linear"
    low, high = float(arrays["lower"][i]), float(arrays["upper"][i])
    if arrays["integer"][i]:
        return Int(name=name, low=round(low), high=round(high), scale=scale)
    return Float(name=name, low=low, high=high, scale=scale)


def _config(space: SearchSpace, row: Floats) -> Config:
    values = {
        parameter.name: round(float(value)) if isinstance(parameter, Int) else float(value)
        for parameter, value in zip(space, row, strict=True)
    }
    return space.complete(values)

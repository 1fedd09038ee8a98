"""Remembering the best epoch of a trial with its weights."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor


@dataclass(slots=True)
class BestEpoch:
    """The best epoch so far by one metric; the earlier one of equals. Weights are copies.

    With keep="last" the last epoch counts as the best one, and no metric is looked at.
    """

    metric: str
    mode: Literal["max", "min"]
    keep: Literal["best", "last"] = "best"
    epoch: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    weights: dict[str, Any] | None = None

    def offer(self, metrics: Mapping[str, float], weights: Callable[[], Mapping[str, Any]]) -> bool:
        """Take a finished epoch into account; returns whether it is the best one now.

        `weights` gives tensors and plain values, and is called for the best epochs only.
        """
        if self.keep == "best" and not self._beats(metrics[self.metric]):
            return False
        self.epoch = int(metrics["epoch"])
        self.metrics = dict(metrics)
        self._copy(weights())
        return True

    def _copy(self, state: Mapping[str, Any]) -> None:
        kept = self.weights
        if kept is None:
            self.weights = {name: _copied(value) for name, value in state.items()}
            return
        for name, value in state.items():
            mine = kept.get(name)
            if isinstance(value, Tensor) and isinstance(mine, Tensor) and mine.shape == value.shape:
                mine.copy_(value)  # no new memory for each best epoch
            else:
                kept[name] = _copied(value)

    def _beats(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.epoch is None:
            return True
        incumbent = self.metrics[self.metric]
        return value > incumbent if self.mode == "max" else value < incumbent


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)

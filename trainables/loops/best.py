"""Remembering the best epoch of a trial with its weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn


@dataclass(slots=True)
class BestEpoch:
    """The best epoch so far by one metric; the earlier one of equals. Weights are copies."""

    metric: str
    mode: Literal["max", "min"]
    epoch: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    weights: dict[str, Tensor] | None = None

    def offer(self, metrics: Mapping[str, float], model: nn.Module) -> bool:
        """Take a finished epoch into account; returns whether it is the best one now."""
        value = metrics[self.metric]
        if not math.isfinite(value) or not self._beats(value):
            return False
        self.epoch = int(metrics["epoch"])
        self.metrics = dict(metrics)
        state = model.state_dict()
        if self.weights is None:
            self.weights = {name: tensor.clone() for name, tensor in state.items()}
        else:
            for name, tensor in state.items():
                self.weights[name].copy_(tensor)
        return True

    def _beats(self, value: float) -> bool:
        if self.epoch is None:
            return True
        incumbent = self.metrics[self.metric]
        return value > incumbent if self.mode == "max" else value < incumbent

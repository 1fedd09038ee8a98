"""The objective of a sweep: which metric is optimised, and what counts as better.

Nothing else compares scores. A *value* is what a trial reports, in units of the metric; a *score*
is the value with the sign that makes higher better, which is what searchers and schedulers compare.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from caviar.base.trial import Report

Key = TypeVar("Key")
Direction = Literal["max", "min"]

_SMALL = frozenset(
    {
        "loss", "error", "err", "mae", "mse", "rmse", "msle", "rmsle", "mape", "smape", "nll",
        "perplexity", "ppl", "brier", "ece", "wer", "cer", "eer", "fid",
    }
)  # fmt: skip
"""Words in a metric's name of which less is better."""


def direction_of(metric: str) -> Direction:
    """What a metric's name says: a loss, an error and a time are better when small.

    >>> direction_of("val_accuracy"), direction_of("val_loss"), direction_of("mae_of_ages")
    ('max', 'min', 'min')
    """
    name = metric.lower()
    small = name.endswith(("loss", "error", "seconds")) or _SMALL.intersection(name.split("_"))
    return "min" if small else "max"


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric and its direction, and every comparison by it.

    Args:
        metric: the name under which trials report it.
        direction: `"max"` where more is better, `"min"` where less is.

    Raises:
        ValueError: for another direction.
    """

    metric: str
    direction: Direction

    def __post_init__(self) -> None:
        if self.direction not in ("max", "min"):
            raise ValueError(f"direction: must be max or min, got {self.direction!r}.")

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return 1.0 if self.direction == "max" else -1.0

    def score(self, value: float) -> float:
        """A value as a score: higher is better; NaN stays NaN.

        >>> Objective("val_loss", "min").score(0.25)
        -0.25
        """
        return value if self.direction == "max" else -value

    def value(self, score: float) -> float:
        """The value of a score: the inverse of `score`."""
        return self.score(score)

    def of(self, metrics: Mapping[str, float]) -> float:
        """The value among reported metrics; NaN where it is missing."""
        return metrics.get(self.metric, math.nan)

    def better(self, value: float, than: float | None) -> bool:
        """Whether `value` beats `than` strictly.

        What is not finite beats nothing, and every finite value beats it and None.

        >>> goal = Objective("val_accuracy", "max")
        >>> goal.better(0.9, 0.8), goal.better(0.8, 0.8), goal.better(0.1, math.nan)
        (True, False, True)
        """
        if not math.isfinite(value):
            return False
        return than is None or not math.isfinite(than) or self.score(value) > self.score(than)

    def gain(self, value: float, over: float) -> float:
        """How much better `value` is than `over`, in units of the metric; negative where worse.

        >>> Objective("val_loss", "min").gain(0.25, over=0.5)
        0.25
        """
        return self.score(value) - self.score(over)

    def best(self, values: Iterable[float]) -> float | None:
        """The best finite value; None where there is none."""
        best: float | None = None
        for value in values:
            if self.better(value, best):
                best = value
        return best

    def best_epoch(self, reports: Iterable[Report]) -> Report | None:
        """The report with the best value, the earliest of equals; None without a finite value."""
        best: Report | None = None
        for report in reports:
            if self.better(
                self.of(report.metrics), None if best is None else self.of(best.metrics)
            ):
                best = report
        return best

    def ranked(self, values: Mapping[Key, float]) -> list[Key]:
        """The keys by their values, the best first; equals keep their order, what is not finite
        comes last.

        >>> Objective("val_loss", "min").ranked({"a": 0.5, "b": math.nan, "c": 0.25})
        ['c', 'a', 'b']
        """
        return sorted(values, key=lambda key: self.rank(values[key]))

    def rank(self, value: float) -> float:
        """A sort key: the better, the smaller; what is not finite is infinite, the last."""
        return -self.score(value) if math.isfinite(value) else math.inf

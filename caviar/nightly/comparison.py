"""Whether tonight's winner is better, the same or worse, beyond the noise of the seeds."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal

from caviar.base import noise as base
from caviar.base.objective import Objective

Verdict = Literal["better", "same", "worse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One configuration trained with several seeds under the same conditions."""

    mean: float
    """Of the metric's best epoch."""
    std: float
    """Standard deviation over the seeds, with n - 1; 0 or more."""
    seeds: int
    """How many, 2 or more for a noise to be known."""

    def to_json(self) -> dict[str, object]:
        """As in `champion.json`."""
        return asdict(self)


def noise(a: Score, b: Score) -> float:
    """The difference of means that chance alone exceeds once in twenty times.

    As of `caviar.base.noise.noise`. Infinite with one seed each: then nothing is known about the
    noise, and no difference counts.

    >>> round(noise(Score(mean=0.9, std=0.01, seeds=3), Score(mean=0.8, std=0.01, seeds=3)), 4)
    0.0227
    """
    spreads = [base.Spread(one.std, one.seeds) for one in (a, b)]
    found = base.noise(spreads, a.seeds, b.seeds)
    return math.inf if found is None else found


def compare(new: Score, old: Score, objective: Objective) -> Verdict:
    """`new` against `old`; the same unless the difference of the means exceeds the noise."""
    gain = objective.gain(new.mean, over=old.mean)
    if abs(gain) <= noise(new, old) or not math.isfinite(gain):
        return "same"
    return "better" if gain > 0 else "worse"

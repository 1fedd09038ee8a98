"""Is tonight's winner better, the same or worse? Said only beyond the noise of the seeds."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from caviar.base.trial import Mode

Verdict = Literal["better", "same", "worse"]
CONFIDENCE = 0.95
"""How sure a difference must be, on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One configuration trained with several seeds under the same conditions."""

    mean: float
    """Of the metric's best epoch."""
    std: float
    """Standard deviation over the seeds, with n - 1; 0 or more."""
    seeds: int
    """How many, 2 or more for a noise to be known."""

    def to_json(self) -> dict[str, Any]:
        """As in `champion.json`."""
        return asdict(self)


def noise(a: Score, b: Score) -> float:
    """The difference of means that chance alone exceeds once in twenty times.

    Student's t for two samples of equal variance:
    t(0.975, n_a + n_b - 2) · s_pooled · sqrt(1/n_a + 1/n_b). Infinite with one seed each: then
    nothing is known about the noise, and no difference counts.

    >>> round(noise(Score(mean=0.9, std=0.01, seeds=3), Score(mean=0.8, std=0.01, seeds=3)), 4)
    0.0227
    """
    from scipy.stats import t

    freedom = a.seeds + b.seeds - 2
    if freedom < 1:
        return math.inf
    variance = ((a.seeds - 1) * a.std**2 + (b.seeds - 1) * b.std**2) / freedom
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, freedom))
    return quantile * math.sqrt(variance * (1 / a.seeds + 1 / b.seeds))


def compare(new: Score, old: Score, mode: Mode) -> Verdict:
    """`new` against `old`; the same unless the difference of the means exceeds the noise."""
    gain = new.mean - old.mean if mode == "max" else old.mean - new.mean
    if abs(gain) <= noise(new, old) or not math.isfinite(gain):
        return "same"
    return "better" if gain > 0 else "worse"

"""Why a trial does not go on from a rung, in words with the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from caviar.base.trial import Mode


@dataclass(frozen=True, slots=True)
class BelowCut:
    """Its score is below the rung's cut; both as the scheduler sees them, higher being better."""

    score: float
    cut: float

    def words(self, mode: Mode) -> str:
        """In terms of the metric, whose values are negated scores where `mode` is min.

        >>> BelowCut(0.71, 0.78).words("max"), BelowCut(-0.5, -0.25).words("min")
        ("0.71 is below the rung's cut 0.78", "0.5 is above the rung's cut 0.25")
        """
        sign, side = (1, "below") if mode == "max" else (-1, "above")
        value, cut = _apart(sign * self.score, sign * self.cut)
        return f"{value} is {side} the rung's cut {cut}"


@dataclass(frozen=True, slots=True)
class BelowMedian:
    """Its best score is below the median of what the others had on average by that epoch."""

    score: float
    median: float

    def words(self, mode: Mode) -> str:
        """In terms of the metric.

        >>> BelowMedian(0.71, 0.78).words("max")
        "its best 0.71 is below the median of the others' means 0.78"
        """
        sign, side = (1, "below") if mode == "max" else (-1, "above")
        value, median = _apart(sign * self.score, sign * self.median)
        return f"its best {value} is {side} the median of the others' means {median}"


@dataclass(frozen=True, slots=True)
class Ranked:
    """Its place among the trials that a rung has seen is not good enough, or came too late."""

    score: float
    place: int
    """1 is the best."""
    of: int
    """Trials that the rung has seen, this one included."""
    rule: str
    """Who goes on, as the end of a sentence."""

    def words(self, mode: Mode) -> str:
        """In terms of the metric.

        >>> Ranked(0.71, 5, 9, "the best 3 go on").words("max")
        '0.71 is number 5 of 9 there, and the best 3 go on'
        """
        value = self.score if mode == "max" else -self.score
        return f"{value:.4g} is number {self.place} of {self.of} there, and {self.rule}"


@dataclass(frozen=True, slots=True)
class Waits:
    """It is paused until the others of its bracket are there."""

    score: float
    missing: int
    """Trials that have not come yet, as far as they have started."""

    def words(self, mode: Mode) -> str:
        """In terms of the metric.

        >>> Waits(0.71, 4).words("max")
        'it has 0.71, and waits for 4 more of its bracket'
        """
        value = self.score if mode == "max" else -self.score
        others = f"{self.missing} more of its bracket" if self.missing else "its bracket to fill"
        return f"it has {value:.4g}, and waits for {others}"


@dataclass(frozen=True, slots=True)
class NotFinite:
    """What it reported is not a finite number."""

    def words(self, mode: Mode) -> str:
        """The same for every metric."""
        return "its value is not finite"


Reason = BelowCut | BelowMedian | Ranked | Waits | NotFinite


def reason_of(fields: object) -> Reason | None:
    """The reason that was stored as `{"kind": name of the class, **its fields}`; None for another.

    >>> reason_of({"kind": "BelowCut", "score": 0.25, "cut": 0.5})
    BelowCut(score=0.25, cut=0.5)
    """
    if not isinstance(fields, Mapping):
        return None
    values = {str(name): value for name, value in fields.items() if name != "kind"}
    try:
        return _KINDS[str(fields.get("kind"))](**values)
    except (KeyError, TypeError):  # of a later version, or of somebody's own scheduler
        return None


_KINDS: dict[str, Callable[..., Reason]] = {
    kind.__name__: kind for kind in (BelowCut, BelowMedian, Ranked, Waits, NotFinite)
}


def _apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with four significant digits, or as many more as tell them apart."""
    for digits in range(4, 18):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1] or not math.isfinite(one - other):
            break
    return texts

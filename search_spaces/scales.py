"""Scales: how a number lies on the unit interval, and back.

A scale is a strictly increasing function f, and a range [low, high] on it. The unit coordinate of a
value v is its share of the way from low to high as f sees it:

    unit(v)  = (f(v) - f(low)) / (f(high) - f(low))
    value(u) = f⁻¹(f(low) + u · (f(high) - f(low)))

    linear   f(v) = v
    log      f(v) = ln v            equal shares to every decade of v
    log1m    f(v) = -ln(1 - v)      equal shares to every decade of 1 - v (named after log1p)

`log1m` is the scale of a momentum β: β averages about 1/(1-β) values, so the step from 0.9990 to
0.9995 (1000 values to 2000) matters as much as the step from 0.9 to 0.95 (10 to 20). Source: A.
Ng, "Tuning Process": α = 10**r with r uniform in -4…0; β = 1 - 10**r with r in -3…-1.

    >>> round(Scale("log", 1e-4, 1.0).value(0.5), 12)
    0.01
    >>> round(Scale("log1m", 0.9, 0.999).value(0.5), 12)
    0.99
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

ScaleName = Literal["linear", "log", "log1m"]
SCALES: tuple[str, ...] = get_args(ScaleName)


def _identity(value: float) -> float:
    return value


def _log1m(value: float) -> float:
    return -math.log1p(-value)


def _exp1m(x: float) -> float:
    return -math.expm1(-x)


_FORWARD: dict[str, Callable[[float], float]] = {
    "linear": _identity,
    "log": math.log,
    "log1m": _log1m,
}
_BACKWARD: dict[str, Callable[[float], float]] = {
    "linear": _identity,
    "log": math.exp,
    "log1m": _exp1m,
}


@dataclass(frozen=True, slots=True)
class Scale:
    """The range [low, high] on the scale `name`; `value` and `unit` are each other's inverse."""

    name: ScaleName
    low: float
    high: float

    def __post_init__(self) -> None:
        complaint = complaint_about(self.name, self.low, self.high)
        if complaint:
            raise ValueError(complaint)

    def value(self, unit: float) -> float:
        """The natural value at a coordinate in [0, 1]; the ends are hit exactly.

        >>> Scale("log", 1e-3, 1e3).value(1.0)
        1000.0
        """
        if unit <= 0.0:
            return self.low
        if unit >= 1.0:
            return self.high
        start, end = _FORWARD[self.name](self.low), _FORWARD[self.name](self.high)
        value = _BACKWARD[self.name](start + unit * (end - start))
        return min(max(value, self.low), self.high)

    def unit(self, value: float) -> float:
        """The coordinate of a natural value: in [0, 1] inside the range, beyond it outside.

        >>> Scale("linear", 10.0, 20.0).unit(12.5)
        0.25
        """
        start, end = _FORWARD[self.name](self.low), _FORWARD[self.name](self.high)
        return (_FORWARD[self.name](value) - start) / (end - start)


@dataclass(frozen=True, slots=True)
class Cells:
    """The values low, low + step, …, high, each with its share of a scale.

    A value owns the stretch from half a step below it to half a step above it, so that on a linear
    scale all shares are equal and on a log scale 1 has more than 2; `numpy.linspace` and rounding
    would give the two ends half a share. (Optuna's integer distributions do the same.)

    >>> Cells(Scale("linear", 1.5, 4.5), 2, 1, 3).index(0.34)
    1
    """

    scale: Scale  # from low - step/2 to high + step/2
    low: float
    step: float
    count: int

    def index(self, unit: float) -> int:
        """The number (0, 1, …) of the value that owns a coordinate."""
        position = math.floor((self.scale.value(unit) - self.low) / self.step + 0.5)
        return min(max(position, 0), self.count - 1)

    def value(self, index: int) -> float:
        """The value of a number: low + index · step."""
        return self.low + index * self.step

    def unit(self, index: int) -> float:
        """A coordinate that the value surely owns: its own."""
        return self.scale.unit(self.value(index))

    def edges(self, index: int) -> tuple[float, float]:
        """Where the share of a value begins and ends on the unit interval."""
        first = 0.0 if index == 0 else self.scale.unit(self.low + (index - 0.5) * self.step)
        last = self.low + (index + 0.5) * self.step
        return first, 1.0 if index == self.count - 1 else self.scale.unit(last)


def complaint_about(name: str, low: float, high: float) -> str | None:
    """What is wrong with a range on a scale (rule, value, what to do), or None."""
    if name not in SCALES:
        return f"a scale is one of {', '.join(SCALES)}, got {name!r}"
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
        return (
            f"bounds must be finite numbers, got low={low:g} and high={high:g}: "
            "take the widest range worth a trial"
        )
    if low == high:
        return f"low < high must hold, got low=high={low:g}: use Fixed for a single value"
    if low > high:
        return f"low < high must hold, got low={low:g} and high={high:g}: swap them"
    if name == "log" and low <= 0:
        return f"a log scale needs low > 0, got low={low:g}: raise low or use scale='linear'"
    if name == "log1m" and not (low > 0 and high < 1):
        return (
            f"a log1m scale (log in 1-β) needs 0 < low and high < 1, got low={low:g} and "
            f"high={high:g}: for a momentum 0.9 to 0.999 is usual"
        )
    return None

"""Float and Int: numbers on a scale, continuous or in steps."""

import math
import numbers
from dataclasses import dataclass, field
from typing import Any, ClassVar

from search_spaces.conditions import AtLeast, Is, OneOf, Single
from search_spaces.described import UNSET, Described
from search_spaces.scales import Cells, Scale, ScaleName, complaint_about
from search_spaces.text import is_number, show

TOLERANCE = 1e-9  # in unit coordinates: float noise, far below any difference in training


@dataclass(frozen=True, kw_only=True, slots=True)
class _Number(Described):
    """A number on a scale: with a step it has cells, without one it is continuous."""

    low: float
    high: float
    scale: ScaleName = "linear"
    step: float | None = None
    default: float = UNSET
    span: Scale = field(init=False, repr=False, compare=False)
    cells: Cells | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.check_description()
        for bound in ("low", "high", "step"):
            self.put(bound, self._bound(bound, getattr(self, bound)))
        complaint = complaint_about(self.scale, self.low, self.high)
        if complaint:
            raise self.refuse(complaint)
        self.put("span", Scale(self.scale, self.low, self.high))
        self.put("cells", self._cells())
        default = self._middle() if self.default is UNSET else self.default
        try:
            self.put("default", self.normal(default))
        except ValueError as error:
            raise ValueError(f"{error} (it is the default: give another one)") from None

    def _middle(self) -> float:
        # without the last digits of the way through the scale: 0.01, not 0.010000000000000004
        return self._natural(float(f"{self.decode(0.5):.12g}"))

    def _bound(self, field_name: str, value: Any) -> float | None:
        raise NotImplementedError

    def _natural(self, value: float) -> float:
        raise NotImplementedError

    def _cells(self) -> Cells | None:
        if self.step is None:
            return None
        if not (self.step > 0 and math.isfinite(self.step)):
            raise self.refuse(f"step must be above 0, got {self.step:g}: leave it out")
        steps = (self.high - self.low) / self.step
        count = round(steps) + 1
        if count < 2 or abs(steps - round(steps)) > 1e-6:
            fit = self._natural(self.low + math.floor(steps + 1e-6) * self.step)
            raise self.refuse(
                f"high must be low plus a whole number of steps, got low={show(self.low)}, "
                f"high={show(self.high)}, step={show(self.step)}: {show(fit)} would fit"
            )
        half = self.step / 2
        complaint = complaint_about(self.scale, self.low - half, self.high + half)
        if complaint:
            raise self.refuse(
                f"half a step beyond the bounds must still be on the {self.scale} scale, got "
                f"low={show(self.low)}, high={show(self.high)}, step={show(self.step)}: "
                f"take a smaller step"
            )
        stretched = Scale(self.scale, self.low - half, self.high + half)
        return Cells(stretched, self.low, self.step, count)

    def decode(self, raw: float) -> Any:
        """The natural value at a unit coordinate."""
        if not -TOLERANCE <= raw <= 1 + TOLERANCE:
            raise self.refuse(f"a coordinate must be in 0 … 1, got {raw!r}")
        if self.cells is None:
            return self._natural(self.span.value(raw))
        return self._natural(self.cells.value(self.cells.index(raw)))

    def encode(self, value: Any) -> float:
        """The unit coordinate of a natural value: `decode(encode(v)) == v`."""
        value = self.normal(value)
        if self.cells is None:
            return min(max(self.span.unit(value), 0.0), 1.0)
        return self.cells.unit(self.position(value))

    def position(self, value: float) -> int:
        """The number of a value's cell; only with a step."""
        assert self.cells is not None
        return round((value - self.low) / self.cells.step)

    def normal(self, value: Any) -> Any:
        """The value as this parameter writes it; ValueError when it cannot have it."""
        self._check_type(value)
        value = float(value) if not isinstance(value, int) else value
        room = TOLERANCE * (self.high - self.low)
        if self.scale == "log1m":  # 1-β may be tiny where high - low is not
            room = TOLERANCE * (1 - self.high)
        elif self.scale == "log":
            room = TOLERANCE * self.low
        if not self.low - room <= value <= self.high + room:
            raise self.refuse(f"must be in {show(self.low)} … {show(self.high)}, got {show(value)}")
        if self.cells is None:
            return self._natural(min(max(value, self.low), self.high))
        steps = (value - self.low) / self.cells.step
        if abs(steps - round(steps)) > 1e-6:
            near = self._natural(self.cells.value(min(math.floor(steps), self.cells.count - 1)))
            raise self.refuse(
                f"must be {show(self.low)} plus a whole number of steps of "
                f"{show(self.cells.step)}, got {show(value)}: {show(near)} would fit"
            )
        return self._natural(self.cells.value(round(steps)))

    def _check_type(self, value: Any) -> None:
        if not is_number(value) or not math.isfinite(value):
            raise self.refuse(f"must be a number, got {value!r}")

    def token(self, value: Any) -> int | float:
        """What makes two values the same one: the cell, or the coordinate without float noise."""
        value = self.normal(value)
        if self.cells is not None:
            return self.position(value)
        return round(self.span.unit(value), 9) + 0.0  # + 0.0: no minus zero

    def grid(self, points: int) -> tuple[Any, ...]:
        """Values at even distances on the scale, both ends included; one point: the middle."""
        if self.cells is not None and points >= self.cells.count:
            return tuple(
                self._natural(self.cells.value(index)) for index in range(self.cells.count)
            )
        raws = [0.5] if points == 1 else [index / (points - 1) for index in range(points)]
        return tuple(dict.fromkeys(self.decode(raw) for raw in raws))

    def could(self, *conditions: Single) -> bool:
        """Whether these conditions on this parameter hold together for any of its values."""
        exact = [c for c in conditions if isinstance(c, Is | OneOf)]
        if exact and self.cells is None:
            raise self.refuse(
                f"a condition on a continuous parameter needs AtLeast or AtMost, got "
                f"'{exact[0]}': a single value has no chance of being drawn"
            )
        if exact:
            candidates = [value for value in exact[0].named() if self._has(value)]
        else:
            # the lowest value that every AtLeast allows: if not this one, then none
            low = max([self.low, *(c.value for c in conditions if isinstance(c, AtLeast))])
            if self.cells is not None:
                low = self.cells.value(math.ceil((low - self.low) / self.cells.step - 1e-9))
            candidates = [low] if low <= self.high else []
        return any(all(c.tests(value) for c in conditions) for value in candidates)

    def _has(self, value: Any) -> bool:
        try:
            self.normal(value)
        except ValueError:
            return False
        return True

    def describe(self) -> tuple[str, str]:
        """Range and scale as a person reads them."""
        step = f" step {show(self.step)}" if self.step not in (None, 1) else ""
        return f"{show(self.low)} … {show(self.high)}{step}", self.scale


@dataclass(frozen=True, kw_only=True, slots=True)
class Float(_Number):
    """A real number on a linear, log or log1m scale, with an optional step.

    Args:
        name: letters, digits, "_" and ".": its key in a configuration.
        low: the lowest value, included; above 0 on a log scale.
        high: the highest value, included; above low, and below 1 on a log1m scale.
        scale: "linear" (default), "log" (uniform in log x) or "log1m" (uniform in log(1 - x)).
        step: distance of neighbouring values from low on; None, the default, for all values.
        default: value of the default configuration; the middle of the scale by default.
        tier: order of importance, 1 first; None, the default, when the source gives none.
        source: the document that gives the range, and a remark; empty by default.
        when: the condition under which it takes part; None, the default, for always.

    Raises:
        ValueError: a range, scale, step or default that is impossible, with the parameter's name.

    >>> Float(name="learning_rate", low=1e-4, high=1.0, scale="log").default
    0.01
    """

    kind: ClassVar[str] = "float"

    def _bound(self, field_name: str, value: Any) -> float | None:
        if field_name == "step" and value is None:
            return None
        if not is_number(value):
            raise self.refuse(f"{field_name} must be a number, got {value!r}")
        return float(value)

    def _natural(self, value: float) -> float:
        # 0.1 + 2 · 0.1 is 0.3 for a person; twelve digits are beyond any step that means something
        return float(value) if self.step is None else float(f"{value:.12g}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Int(_Number):
    """A whole number on a linear or log scale.

    Args:
        name: letters, digits, "_" and ".": its key in a configuration.
        low: the lowest value, included; 1 or more on a log scale.
        high: the highest value, included; low plus a whole number of steps.
        scale: "linear" (default) or "log".
        step: distance of neighbouring values; 1 by default.
        default: value of the default configuration; the middle of the scale by default.
        tier: order of importance, 1 first; None, the default, when the source gives none.
        source: the document that gives the range, and a remark; empty by default.
        when: the condition under which it takes part; None, the default, for always.

    Raises:
        ValueError: a range, scale, step or default that is impossible, with the parameter's name.

    >>> Int(name="units", low=10, high=784, scale="log").default
    86
    """

    kind: ClassVar[str] = "int"

    low: int
    high: int
    step: int | None = 1
    default: int = UNSET

    def _bound(self, field_name: str, value: Any) -> int:
        if field_name == "step" and value is None:
            return 1
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise self.refuse(f"{field_name} must be a whole number, got {value!r}: use Float?")
        return int(value)

    def _natural(self, value: float) -> int:
        return round(value)

    def _check_type(self, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise self.refuse(f"must be a whole number, got {value!r}")

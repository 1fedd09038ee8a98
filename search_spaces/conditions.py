"""Conditions: when a parameter takes part. Data, not code: they compare, print and go to JSON.

A condition looks at another parameter's natural value. While that other parameter is itself absent,
no condition on it holds: conditions nest to any depth.

    >>> Is("optimizer", "sgd").holds({"optimizer": "sgd"})
    True
    >>> AtLeast("hidden_layers", 3).holds({"hidden_layers": 2})
    False
    >>> str(AllOf(OneOf("optimizer", ["sgd", "rmsprop"]), AtMost("hidden_layers", 2)))
    'optimizer is sgd or rmsprop, and hidden_layers <= 2'
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.text import as_json, is_number, same_value, show


@dataclass(frozen=True, slots=True)
class _OnOne:
    """A condition on one other parameter."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValueError(
                f"a condition names another parameter by its text, got {self.name!r}: "
                f"{type(self).__name__}('optimizer', ...)"
            )

    def tests(self, value: object) -> bool:
        """Whether a value of the other parameter fulfils it."""
        raise NotImplementedError

    def holds(self, config: Mapping[str, object]) -> bool:
        return self.name in config and self.tests(config[self.name])

    def single(self) -> tuple[Any, ...]:
        """The conditions this one is made of, each on one parameter."""
        return (self,)


@dataclass(frozen=True, slots=True)
class Is(_OnOne):
    """The other parameter has this value.

    Args:
        name: of the other parameter.
        value: a JSON value that it can have; a continuous number needs `AtLeast` or `AtMost`.

    Raises:
        ValueError: the name is no text, or the value no JSON value.
    """

    value: Any

    def __post_init__(self) -> None:
        _OnOne.__post_init__(self)
        object.__setattr__(self, "value", _json_value(self.name, self.value))

    def named(self) -> tuple[Any, ...]:
        """The values it names."""
        return (self.value,)

    def tests(self, value: object) -> bool:
        return same_value(value, self.value)

    def renamed(self, rename: Callable[[str], str]) -> "Is":
        return Is(rename(self.name), self.value)

    def to_json(self) -> dict[str, object]:
        return {"is": [self.name, self.value]}

    def __str__(self) -> str:
        return f"{self.name} is {show(self.value)}"


@dataclass(frozen=True, slots=True)
class OneOf(_OnOne):
    """The other parameter has one of these values.

    Args:
        name: of the other parameter.
        values: JSON values that it can have, at least one.

    Raises:
        ValueError: there are no values, or one is no JSON value.
    """

    values: tuple[Any, ...]

    def __init__(self, name: str, values: Iterable[Any]) -> None:
        object.__setattr__(self, "name", name)
        _OnOne.__post_init__(self)
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(f"OneOf takes a list of values of {name!r}, got {values!r}: use Is")
        object.__setattr__(self, "values", tuple(_json_value(name, value) for value in values))
        if not self.values:
            raise ValueError(f"OneOf needs at least one value of {name!r}, got none")

    def named(self) -> tuple[Any, ...]:
        """The values it names."""
        return self.values

    def tests(self, value: object) -> bool:
        return any(same_value(value, mine) for mine in self.values)

    def renamed(self, rename: Callable[[str], str]) -> "OneOf":
        return OneOf(rename(self.name), self.values)

    def to_json(self) -> dict[str, object]:
        return {"one_of": [self.name, list(self.values)]}

    def __str__(self) -> str:
        return f"{self.name} is {' or '.join(show(value) for value in self.values)}"


@dataclass(frozen=True, slots=True)
class AtLeast(_OnOne):
    """The other parameter, a number, is this or more.

    Args:
        name: of the other parameter.
        value: the bound, finite and in natural units, included up to float noise.

    Raises:
        ValueError: the bound is no finite number.
    """

    value: float

    def __post_init__(self) -> None:
        _OnOne.__post_init__(self)
        _need_number(self.name, self.value)

    def tests(self, value: object) -> bool:
        return is_number(value) and (value >= self.value or _close(value, self.value))

    def renamed(self, rename: Callable[[str], str]) -> "AtLeast":
        return AtLeast(rename(self.name), self.value)

    def to_json(self) -> dict[str, object]:
        return {"at_least": [self.name, self.value]}

    def __str__(self) -> str:
        return f"{self.name} >= {show(self.value)}"


@dataclass(frozen=True, slots=True)
class AtMost(_OnOne):
    """The other parameter, a number, is this or less.

    Args:
        name: of the other parameter.
        value: the bound, finite and in natural units, included up to float noise.

    Raises:
        ValueError: the bound is no finite number.
    """

    value: float

    def __post_init__(self) -> None:
        _OnOne.__post_init__(self)
        _need_number(self.name, self.value)

    def tests(self, value: object) -> bool:
        return is_number(value) and (value <= self.value or _close(value, self.value))

    def renamed(self, rename: Callable[[str], str]) -> "AtMost":
        return AtMost(rename(self.name), self.value)

    def to_json(self) -> dict[str, object]:
        return {"at_most": [self.name, self.value]}

    def __str__(self) -> str:
        return f"{self.name} <= {show(self.value)}"


Single = Is | OneOf | AtLeast | AtMost


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of several conditions holds.

    Args:
        conditions: two or more; an `AllOf` among them counts as its parts.

    Raises:
        ValueError: there are fewer than two, or something is no condition.
    """

    conditions: tuple[Single, ...]

    def __init__(self, *conditions: "Condition") -> None:
        for condition in conditions:
            if not isinstance(condition, _OnOne | AllOf):
                raise ValueError(
                    f"AllOf joins conditions, AllOf(Is(...), AtLeast(...)), got {condition!r}"
                )
        flat = tuple(one for condition in conditions for one in condition.single())
        if len(flat) < 2:
            raise ValueError(
                f"AllOf joins two conditions or more, got {len(flat)}: one is used as it is"
            )
        object.__setattr__(self, "conditions", flat)

    def holds(self, config: Mapping[str, object]) -> bool:
        return all(condition.holds(config) for condition in self.conditions)

    def single(self) -> tuple[Single, ...]:
        return self.conditions

    def renamed(self, rename: Callable[[str], str]) -> "AllOf":
        return AllOf(*(condition.renamed(rename) for condition in self.conditions))

    def to_json(self) -> dict[str, object]:
        return {"all_of": [condition.to_json() for condition in self.conditions]}

    def __str__(self) -> str:
        return ", and ".join(str(condition) for condition in self.conditions)


Condition = Single | AllOf

_KINDS: dict[str, Callable[[str, Any], Single]] = {
    "is": Is,
    "one_of": OneOf,
    "at_least": AtLeast,
    "at_most": AtMost,
}


def condition_from_json(data: Any) -> Condition:
    """The condition that `to_json` wrote; ValueError when it is none."""
    for kind, make in _KINDS.items():
        if _has_only(data, kind) and len(data[kind]) == 2:
            name, value = data[kind]
            return make(name, value)
    if _has_only(data, "all_of"):
        return AllOf(*(condition_from_json(one) for one in data["all_of"]))
    raise ValueError(
        f"a condition is one of {', '.join(_KINDS)} with [name, value], or all_of with a list of "
        f"those, got {data!r}"
    )


def _has_only(data: Any, key: str) -> bool:
    return isinstance(data, Mapping) and list(data) == [key] and isinstance(data[key], list)


def _json_value(name: str, value: Any) -> Any:
    try:
        return as_json(value)
    except TypeError as error:
        raise ValueError(
            f"a condition compares {name!r} with a JSON value, but {error}: name it by a text"
        ) from None


def _need_number(name: str, value: Any) -> None:
    if not is_number(value):
        raise ValueError(f"a bound on {name!r} must be a number, got {value!r}: use Is or OneOf")
    if not math.isfinite(value):
        raise ValueError(f"a bound on {name!r} must be a finite number, got {value!r}")


def _close(value: float, bound: float) -> bool:
    # a value on the bound must stay on its side after a way through coordinates and back
    return math.isclose(value, bound, rel_tol=1e-12, abs_tol=1e-15)

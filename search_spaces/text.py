"""Small helpers for what people read: suggestions, numbers, and JSON values compared as JSON."""

import copy
import difflib
import json
import math
import numbers
from collections.abc import Iterable
from typing import Any, TypeGuard


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint to put behind "unknown name": the nearest known one, else the list of all.

    >>> did_you_mean("momentun", ["learning_rate", "momentum"])
    "did you mean 'momentum'?"
    """
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(known)}" if known else "there are none"


def show(value: object) -> str:
    """A value as a person writes it: 0.0001, 1e-06, relu, [64, 32].

    >>> show(0.1 + 0.2), show("relu"), show([64, 32])
    ('0.3', 'relu', '[64, 32]')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | dict):
        return json.dumps(value)
    return str(value)


def is_number(value: object) -> TypeGuard[float]:
    """True for int, float and NumPy's scalars; a bool is not a number here."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_count(value: object) -> bool:
    """True for a whole number, 1 or more.

    >>> is_count(3), is_count(0), is_count(True), is_count(2.0)
    (True, False, False, False)
    """
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def as_json(value: Any) -> Any:
    """A copy made of JSON types only (tuples become lists); TypeError for what JSON cannot hold."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise TypeError(f"JSON has no {value!r}")
        return float(value)
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: as_json(item) for key, item in value.items()}
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return as_json(value.item())  # numpy.bool_
    raise TypeError(f"JSON has no {type(value).__name__}")


def canonical(value: object) -> str:
    """One text for equal JSON values, another for unequal ones: True, 1 and "1" all differ."""
    return json.dumps(as_json(value), sort_keys=True)


def same_value(a: object, b: object) -> bool:
    """Equality as conditions mean it: numbers by value (2 is 2.0), all else as JSON.

    >>> same_value(2, 2.0), same_value(True, 1), same_value([1], (1,))
    (True, False, True)
    """
    if type(a) is type(b) and isinstance(a, str | int):
        return bool(a == b)
    if is_number(a) and is_number(b):
        return bool(a == b)
    return canonical(a) == canonical(b)


def own(value: Any) -> Any:
    """A copy where sharing could hurt: what a trial does to its list must not reach the space."""
    return copy.deepcopy(value) if isinstance(value, list | dict) else value

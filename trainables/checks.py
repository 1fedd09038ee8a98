"""The rules that names and numbers from outside have to keep, each with one wording."""

import difflib
from collections.abc import Collection
from typing import Any


def did_you_mean(name: str, known: Collection[str]) -> str:
    """ "Did you mean 'relu'? " for a name close to a known one, else nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}? " if close else ""


def one_of(what: str, name: Any, known: Collection[str]) -> str:
    """The name, which must be a known one.

    Raises ValueError with the nearest known name, and all of them.
    """
    if name not in known:
        hint = did_you_mean(str(name), known)
        raise ValueError(f"Unknown {what} {name!r}. {hint}Known: {', '.join(known)}.")
    return str(name)


def whole(name: str, value: Any, lowest: int) -> int:
    """The value as an int, which must be whole (2.0 is) and at least `lowest`."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):  # a word, None, NaN; infinity
        number = lowest - 1
    if number != value or number < lowest:
        raise ValueError(f"{name} must be a whole number of at least {lowest}, but it is {value}.")
    return number


def share(name: str, value: Any) -> float:
    """The value as a float, which must be within 0 <= value < 1."""
    number = float(value)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be within 0 <= p < 1, but it is {number}.")
    return number


def at_least_zero(name: str, value: Any) -> float:
    """The value as a float, which must be 0 or more; NaN is not."""
    number = float(value)
    if not number >= 0:
        raise ValueError(f"{name} must be at least 0, but it is {value}.")
    return number

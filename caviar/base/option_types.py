"""The types of options: what fits one, and how a person says it."""

from __future__ import annotations

import numbers
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def converted(value: Any, kind: Any) -> Any:
    """`value` as an option of this type holds it, where there is no doubt what is meant.

    >>> converted("dropout=0", tuple[str, ...]), converted("results", Path)
    (('dropout=0',), PosixPath('results'))
    """
    if typing.get_origin(kind) is tuple and isinstance(value, str | list):
        return (value,) if isinstance(value, str) else tuple(value)
    if kind in (Path, Path | None) and isinstance(value, str):
        return Path(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)  # of NumPy too


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` is of this type. A whole number is a number, and True is neither.

    >>> fits(1, float | None), fits(True, int), fits("max", typing.Literal["max", "min"])
    (True, False, True)
    """
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in _UNIONS:
        return any(fits(value, one) for one in parts)
    if origin is typing.Literal:
        return value in parts
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(one, parts[0]) for one in value)
    if kind in (int, float):
        return isinstance(value, int | kind) and not isinstance(value, bool)
    return isinstance(value, origin or kind)


def in_words(kind: Any) -> str:
    """A type as a person says it.

    >>> in_words(int | None), in_words(typing.Literal["max", "min"] | None)
    ('a whole number or None', 'max, min or None')
    """
    *most, last = dict.fromkeys(_words(kind, alone=True))
    return f"{', '.join(most)} or {last}" if most else last


def _words(kind: Any, *, alone: bool) -> Iterator[str]:
    origin = typing.get_origin(kind)
    if origin in _UNIONS:
        for one in typing.get_args(kind):
            yield from _words(one, alone=False)
    elif kind is bool and not alone:  # no switch: it has a third value
        yield from ("True", "False")
    elif origin is typing.Literal:
        yield from map(str, typing.get_args(kind))
    else:
        yield _WORDS.get(origin or kind) or f"a {kind.__name__}"


_UNIONS = (typing.Union, types.UnionType)
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "text",
    type: "a class",
    Path: "a path",
    bool: "no value",
    types.NoneType: "None",
}

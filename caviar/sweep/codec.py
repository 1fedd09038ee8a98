"""The options of a sweep to JSON values and back, as its folder and its history keep them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caviar.base import uris
from caviar.sweep import parts
from caviar.sweep.sweep import Sweep, by_name


def describe(sweep: Sweep) -> dict[str, Any]:
    """The options of a sweep as JSON values; its data is found there from any working directory."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(sweep):
        value = getattr(sweep, field.name)
        if field.name in ("searcher", "scheduler"):
            values[field.name] = parts.described(value)
        elif field.name == "device":
            values[field.name] = dataclasses.asdict(value)
        elif field.name in ("space", "trainable"):
            values[field.name] = by_name(value)
        elif field.name == "data_dir" and value is not None:
            values[field.name] = uris.absolute(value)
        else:
            values[field.name] = value if isinstance(value, int | float | None) else _plain(value)
    return values


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value)


def with_stored_options(sweep: Sweep, stored: Mapping[str, Any]) -> Sweep:
    """`sweep` with the options that an earlier session had, as of `describe`.

    Those of another version, which this one does not have, are left out.
    """
    now = describe(sweep)
    values: dict[str, Any] = {}
    for name, value in stored.items():
        if name not in now or value == now[name]:
            continue  # the same: a space or a class from Python stays the object that it is
        if name in ("searcher", "scheduler"):
            part = getattr(sweep, name)
            if parts.is_named(value["name"], part):
                values[name] = parts.with_options(part, value)
        elif name == "device":
            values[name] = dataclasses.replace(sweep.device, **value)
        else:
            values[name] = _typed(name, value)
    return dataclasses.replace(sweep, **values)


def restored(stored: Mapping[str, Any]) -> Sweep:
    """The options that a session had, by themselves.

    A searcher or a scheduler whose class cannot be imported any more has its name and its options.
    """
    found: dict[str, Any] = {kind: parts.stored(kind, stored[kind]) for kind in parts.KINDS}
    return with_stored_options(Sweep(**found), stored)


def _typed(name: str, value: Any) -> Any:
    if name in ("storage", "data_dir") and value is not None:
        return Path(value)
    return tuple(value) if name in ("fix", "warm_start") else value

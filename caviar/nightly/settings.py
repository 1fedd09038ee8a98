"""`nightly.toml`: what runs every night. It is data: nothing in it is executed."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caviar.base.errors import UsageError, did_you_mean
from caviar.base.uris import written
from caviar.nightly import night_file
from caviar.store.location import Location
from caviar.sweep.rerun import option
from caviar.sweep.sweep import Sweep

_NIGHTLYS_OWN = ("name", "storage", "resume", "warm_start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The table `[nightly]`: everything beside the sweep itself."""

    name: str
    """The folder of all nights, in `storage`."""
    storage: Path = Path("results")
    """The folder of all sweeps."""
    recipe: str = "asha_parzen"
    """The recipe whose options the table `[sweep]` changes."""
    warm_nights: int | None = None
    """How many of the nights before warm the sweep, the last ones; all of them without a number, 0
    for none."""
    keep_nights: int = 14
    """Nights whose checkpoints are kept, beside the champion's; histories are kept for ever."""
    resume_hours: float = 20
    """A night that was cut off is continued when it is started again within so many hours of its
    start."""
    notify: tuple[str, ...] = ()
    """Names of environment variables that hold apprise URLs, such as CAVIAR_NOTIFY: a URL holds a
    secret, and a secret stays out of files."""
    notify_when: tuple[str, ...] = ("better", "worse", "failed")
    """Which ends are worth a message: better, same, worse, failed."""

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name or self.name in (".", ".."):
            raise UsageError(
                f"nightly.name is one folder inside nightly.storage, and it is {self.name!r}."
            )
        if Location.of(self.storage).local is None:
            raise UsageError(
                "nightly.storage is a folder, which a lock and the champion's file need, and it is "
                f"{written(self.storage)}: give one that this machine mounts."
            )
        for field, least in (("warm_nights", 0), ("keep_nights", 1), ("resume_hours", 0)):
            value = getattr(self, field)
            if value is not None and value < least:
                raise UsageError(f"nightly.{field} must be at least {least}, and it is {value}.")
        for when in self.notify_when:
            if when not in ENDS:
                raise UsageError(
                    f"nightly.notify_when holds some of {', '.join(ENDS)}, and it has {when!r}."
                    + did_you_mean(when, ENDS)
                )

    @property
    def folder(self) -> Path:
        """The folder of all nights."""
        return self.storage.expanduser() / self.name


ENDS = tuple(end for end in typing.get_args(night_file.End) if end != night_file.CUT_OFF)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file asks for."""

    settings: Settings
    usual: Sweep
    """The sweep of the recipe."""
    options: tuple[str, ...]
    """The table `[sweep]` as the command line of its recipe, which checks it."""


def read(path: Path, load_recipe: Callable[[str], Sweep]) -> Plan:
    """The plan in a file; raises `UsageError` for whatever is not right in it.

    `load_recipe` gives the sweep of a recipe by its name.
    """
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}): give --config a file.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML ({error}).") from error
    unknown = sorted(set(found) - {"nightly", "sweep"})
    if unknown:
        raise UsageError(
            f"{path} has the tables [nightly] and [sweep], and it has {unknown[0]!r} too."
            + did_you_mean(unknown[0], ["nightly", "sweep"])
        )
    sweep = found.get("sweep", {})
    own = [name for name in _NIGHTLYS_OWN if name in sweep or name.replace("_", "-") in sweep]
    if own:
        raise UsageError(
            f"{path}: sweep.{own[0]} is what the nights decide by themselves: leave it out."
        )
    settings = _settings(found.get("nightly", {}), path)
    usual = load_recipe(settings.recipe)
    return Plan(settings, usual, tuple(_options(sweep, usual, path)))


def _settings(table: object, path: Path) -> Settings:
    if not isinstance(table, dict) or "name" not in table:
        raise UsageError(f"{path} needs the table [nightly] with a name in it.")
    types_ = typing.get_type_hints(Settings)
    fields = {field.name: types_[field.name] for field in dataclasses.fields(Settings)}
    values = {}
    for key, value in table.items():
        if key not in fields:
            raise UsageError(f"{path}: there is no nightly.{key}." + did_you_mean(key, fields))
        values[key] = _typed(value, fields[key], f"{path}: nightly.{key}")
    return Settings(**values)


def _typed(value: Any, kind: Any, what: str) -> Any:
    if isinstance(kind, types.UnionType):  # of None, which TOML says by leaving the key out
        (kind,) = set(typing.get_args(kind)) - {types.NoneType}
    if isinstance(kind, types.GenericAlias):
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise UsageError(f"{what} is a list of strings, and it is {value!r}.")
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {Path: "a string", str: "a string", int: "a whole number", float: "a number"}
        raise UsageError(f"{what} is {names[kind]}, and it is {value!r}.")
    return value


def _options(table: Mapping[str, Any], usual: Any, path: Path, prefix: str = "") -> Iterator[str]:
    """`{"searcher": {"random_share": 0.2}}` as `--searcher.random-share 0.2`.

    `usual` is what the recipe has; what it does not have is left to the command line to refuse.
    """
    for key, value in table.items():
        default = getattr(usual, key, value)
        if isinstance(value, dict):
            yield from _options(value, default, path, f"{prefix}{key}.")
        elif isinstance(value, str | int | float | list):
            yield from option(f"{prefix}{key}", value, default)
        else:
            raise UsageError(f"{path}: sweep.{prefix}{key} is no number, text or list: {value!r}.")

"""Searchers and schedulers by name: ours by their class, anybody's as `package.module:Class`."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from caviar import schedulers, searchers
from caviar.base.errors import UsageError, did_you_mean
from caviar.base.option_types import converted
from caviar.schedulers import SchedulerOptions
from caviar.searchers import SearcherOptions
from caviar.sweep.stored_parts import StoredScheduler, StoredSearcher
from caviar.sweep.sweep import Sweep, by_name
from search_spaces.registry import failed

Part = SearcherOptions | SchedulerOptions

KINDS: Mapping[str, type[Part]] = {"searcher": SearcherOptions, "scheduler": SchedulerOptions}
"""The parts of a sweep that have a name, and what their options are derived from."""
_OURS: Mapping[str, ModuleType] = {"searcher": searchers, "scheduler": schedulers}


def known(kind: str) -> dict[str, type[Part]]:
    """The classes of Caviar by name, for `kind`, `searcher` or `scheduler`."""
    return {
        name: getattr(_OURS[kind], name)
        for name in _OURS[kind].__all__
        if issubclass(getattr(_OURS[kind], name), KINDS[kind])
        and getattr(_OURS[kind], name) is not KINDS[kind]
    }


def name_of(part: Part) -> str:
    """The name of a part: `Parzen` where it is ours, `package.module:Class` where it is not.

    >>> name_of(searchers.Parzen())
    'Parzen'
    """
    if isinstance(part, StoredSearcher | StoredScheduler):
        return part.name
    ours = any(type(part) in known(kind).values() for kind in KINDS)
    return type(part).__name__ if ours else by_name(type(part))


def described(part: Part) -> dict[str, object]:
    """The name and the options of a part, as a sweep is stored."""
    if isinstance(part, StoredSearcher | StoredScheduler):
        return {"name": part.name, **part.options}
    return {"name": name_of(part), **dataclasses.asdict(part)}


def is_named(name: object, part: Part) -> bool:
    """Whether a stored `name` is that of `part`; earlier versions stored the class alone."""
    known_name = name_of(part)
    return name == known_name or (":" in known_name and name == known_name.partition(":")[2])


def default(kind: str, name: str) -> Part:
    """A part by name, with its options as they are by default.

    Args:
        kind: `searcher` or `scheduler`.
        name: `Parzen` and its like, or `package.module:Class`, the class of the options.

    Raises:
        UsageError: There is no such class, or it cannot be imported, or it is no such part.
    """
    found = _class(kind, name)
    try:
        return found()
    except Exception as error:  # of the user's own code
        what = f"--{kind} names {name!r}, whose options have no default"
        raise UsageError(str(failed(what, error))) from error


def stored(kind: str, options: Mapping[str, object]) -> Part:
    """A part as a sweep was stored with it; one to read alone where its class is no more."""
    name = str(options["name"])
    values = {key: value for key, value in options.items() if key != "name"}
    try:
        return with_options(default(kind, name), values)
    except UsageError as error:
        if name in known(kind):
            raise
        stand_in = StoredSearcher if kind == "searcher" else StoredScheduler
        return stand_in(name=name, options=values, reason=str(error))


def with_options(part: Part, values: Mapping[str, object]) -> Part:
    """`part` with stored options; those of another version, which it does not have, are left out.

    Raises:
        UsageError: A class of the user's takes a value no more.
    """
    hints = typing.get_type_hints(type(part))
    names = {field.name for field in dataclasses.fields(part)}
    kept = {key: converted(value, hints[key]) for key, value in values.items() if key in names}
    try:
        return dataclasses.replace(part, **kept)
    except UsageError:
        raise
    except Exception as error:  # of the user's own code
        what = f"{name_of(part)} no longer takes the options that it was stored with"
        raise UsageError(str(failed(what, error))) from error


def chosen(sweep: Sweep, args: list[str]) -> tuple[Sweep, list[str], set[str]]:
    """`sweep` with the parts that `--searcher` and `--scheduler` name.

    Args:
        sweep: The sweep of the recipe.
        args: The command line.

    Returns:
        The sweep, the rest of the command line, and which parts it named.

    Raises:
        UsageError: An option has no value, or `default` refuses it.
    """
    rest: list[str] = []
    named: dict[str, str] = {}
    words = iter(args)
    for word in words:
        option, equals, value = word.partition("=")
        kind = option.removeprefix("--")
        if not word.startswith("--") or kind not in KINDS:
            rest.append(word)
            continue
        value = value if equals else next(words, "")
        if not value or value.startswith("--"):
            raise UsageError(
                f"{option} takes a name, such as {next(iter(known(kind)))}, or "
                "package.module:Class, and it got nothing."
            )
        named[kind] = value
    for kind, name in named.items():
        if name != name_of(getattr(sweep, kind)):
            sweep = _with(sweep, kind, default(kind, name))
    return sweep, rest, set(named)


def as_before(sweep: Sweep, options: Mapping[str, object], named: set[str]) -> Sweep:
    """`sweep` with the parts that a stored sweep had, but for those that are `named` anew.

    Raises:
        UsageError: The class of a part cannot be imported: the sweep can be read, not resumed.
    """
    for kind in KINDS.keys() - named:
        before = options.get(kind)
        if not isinstance(before, Mapping) or is_named(before["name"], getattr(sweep, kind)):
            continue
        if ":" in str(before["name"]) or before["name"] in known(kind):
            sweep = _with(sweep, kind, default(kind, str(before["name"])))
    return sweep


def _with(sweep: Sweep, kind: str, part: Part) -> Sweep:
    changes: dict[str, Any] = {kind: part}
    return dataclasses.replace(sweep, **changes)


def _class(kind: str, name: str) -> type[Part]:
    ours = known(kind)
    if name in ours:
        return ours[name]
    module_name, colon, class_name = name.partition(":")
    if not colon:
        raise UsageError(
            f"There is no {kind} {name!r}; there are {', '.join(ours)}, and yours as "
            "package.module:Class." + did_you_mean(name, ours)
        )
    if not all(part.isidentifier() for part in [*module_name.split("."), class_name]):
        raise UsageError(f"--{kind} takes package.module:Class, and it is {name!r}.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # of the user's own code
        raise _not_imported(kind, module_name, error) from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [one for one, value in vars(module).items() if isinstance(value, type)]
        raise UsageError(
            f"The module {module_name!r} has no class {class_name!r}."
            + did_you_mean(class_name, classes)
        )
    if not issubclass(found, KINDS[kind]):
        raise UsageError(
            f"{name} is no {kind}: name the class of its options, which is derived from "
            f"caviar.{KINDS[kind].__name__}."
        )
    return found


def _not_imported(kind: str, module: str, error: Exception) -> UsageError:
    if isinstance(error, ModuleNotFoundError):
        return UsageError(
            f"--{kind} names the module {module!r}, and there is no module {error.name!r}: run "
            "from the folder that holds it, or install it."
        )
    return UsageError(str(failed(f"--{kind} names {module!r}, which cannot be imported", error)))

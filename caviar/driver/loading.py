"""From names to things: the search space, the trainable and the data set of a sweep."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import search_spaces
from caviar.base import shadowing
from caviar.base.errors import UsageError, did_you_mean
from caviar.store import disk_space
from caviar.sweep.sweep import AUTO, Sweep, by_name
from search_spaces import Choice, SearchSpace
from search_spaces.registry import failed
from search_spaces.text import show
from trainables import understood
from trainables.options import RESERVED_KEY, TrialOptions

if TYPE_CHECKING:
    from trainables.data import Dataset


def check(sweep: Sweep) -> None:
    """What can be checked in no time, before Ray starts; `load_trainable` checks the rest.

    Importing what trains takes a second, which Ray's start hides. Where a metric is asked for by
    name the second is spent: a slip there is common.
    """
    sentence = shadowing.hidden(str(Path.cwd()))
    if sentence is not None:  # here all is imported; in Ray's workers this folder comes first
        raise UsageError(sentence)
    _check_data(sweep)
    _trainable_path(sweep)
    if isinstance(sweep.trainable, type) or sweep.metric != _DEFAULT_METRIC:
        check_metric(sweep, load_trainable(sweep))


_DEFAULT_METRIC = Sweep().metric


def load_space(sweep: Sweep, data: Dataset | None = None) -> SearchSpace:
    """The search space, with the parameters of `fix` fixed; one that the searcher can search.

    `data` is needed where `space_depends_on_data`: the space then takes its sizes.
    """
    try:
        if isinstance(sweep.space, SearchSpace):
            space = sweep.space
        elif data is None:
            space = search_spaces.get(sweep.space)
        else:
            inputs = math.prod(data.input_shape)
            space = search_spaces.get(sweep.space, inputs=inputs, outputs=data.classes)
        if RESERVED_KEY in space.names:
            raise UsageError(
                f"A parameter cannot be named {RESERVED_KEY!r}, which is where a trial finds its "
                f"number and its seed, and the space {space.name!r} has one: rename it."
            )
        space = _fixed(space, sweep.fix)
        sweep.searcher.planned(space, trials=sweep.trials).check(space)
        return space
    except ValueError as error:
        raise UsageError(str(error)) from error


def space_depends_on_data(sweep: Sweep) -> bool:
    """Whether the search space takes the sizes of the data set."""
    if isinstance(sweep.space, SearchSpace):
        return False
    try:
        return search_spaces.depends_on_data(sweep.space)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _fixed(space: SearchSpace, assignments: tuple[str, ...]) -> SearchSpace:
    known = space.names
    options = {p.name: p.options for p in space if isinstance(p, Choice)}
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--fix takes NAME=VALUE, and it got {assignment!r}.")
        if name in values:
            raise UsageError(f"--fix takes every parameter once, and it got {name!r} twice.")
        values[name] = _value(text, options.get(name, ()))
        if name in space or name not in known:
            space = space.fix(name, values[name])
    for name in values:
        if name not in space:
            raise UsageError(
                f"--fix cannot hold {name!r}: with what else is fixed it never takes part, so "
                "leave it out."
            )
    if not space.searched:
        raise UsageError("A sweep searches something, and --fix holds every parameter: free one.")
    return space


def _value(text: str, options: Sequence[Any]) -> Any:
    """The one option that is printed like this, such as True; else JSON, or the text itself."""
    printed = [option for option in options if show(option) == text]
    if len(printed) == 1:
        return printed[0]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def with_trainable(sweep: Sweep, space: SearchSpace) -> Sweep:
    """`sweep` with the built-in trainable that understands its space, where it names none.

    Nothing is imported.
    """
    if sweep.trainable != AUTO:
        return sweep
    missing = {p: understood.not_understood(kind, space.names) for p, kind in _BUILT_IN.items()}
    best = min(missing, key=lambda path: len(missing[path]))
    if missing[best]:
        raise UsageError(
            f"No built-in trainable understands {', '.join(missing[best])} of the space "
            f"{space.name}: name yours with --trainable package.module:Class."
        )
    return dataclasses.replace(sweep, trainable=best)


def check_trainable(sweep: Sweep, space: SearchSpace) -> None:
    """Refuse a built-in trainable that does not understand the space, without importing it."""
    if sweep.trainable in _BUILT_IN:
        try:
            understood.check_names(_BUILT_IN[str(sweep.trainable)], space.names)
        except ValueError as error:
            raise _another_trainable(error) from error


_BUILT_IN = {f"trainables:{kind}": kind for kind in understood.BUILT_IN}


def check_fits(
    trainable: type[Any], space: SearchSpace, data: Dataset, options: TrialOptions
) -> None:
    """Refuse a sweep of which every trial would fail, as far as its trainable can tell."""
    if not hasattr(trainable, "check_sweep"):
        return
    try:
        trainable.check_sweep(space.names, data, options)
    except ValueError as error:
        raise _another_trainable(error) from error
    try:
        trainable.check_reading(disk_space.candidates(space), data, options)
    except ValueError as error:
        raise UsageError(str(error)) from error


def tells_checkpoint(
    trainable: type[Any], space: SearchSpace, data: Dataset, options: TrialOptions
) -> bool:
    """Whether it is known before the first epoch how large the checkpoint of a trial is."""
    if not hasattr(trainable, "largest_checkpoint"):
        return False
    return trainable.largest_checkpoint([space.default()], data, options) is not None


def distributes(trainable: type[Any]) -> bool:
    """Whether several workers can train one trial of it."""
    return hasattr(trainable, "distributes") and bool(trainable.distributes())


def _another_trainable(error: ValueError) -> UsageError:
    if isinstance(error, understood.NotUnderstoodError):
        return UsageError(f"{error} Leave --trainable out, or name one that does.")
    return UsageError(str(error))


def load_trainable(sweep: Sweep) -> type[Any]:
    """The trainable class: of this package, of yours, or given as a class from Python.

    Raises `UsageError` where there is none, and where its module cannot be imported.
    """
    if sweep.trainable == AUTO:
        sweep = with_trainable(sweep, load_space(sweep))
    found: Any = sweep.trainable
    if isinstance(sweep.trainable, str):
        module_name, name = _trainable_path(sweep)
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise _not_imported(module_name, error) from error
        found = getattr(module, name, None)
        if not isinstance(found, type):
            raise _no_class(module, name)
    if not hasattr(found, "metrics"):
        raise UsageError(
            f"{by_name(sweep.trainable)} is no trainable, it names no metrics: "
            "derive it from trainables.TorchTrainable."
        )
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise UsageError(
            f"{by_name(sweep.trainable)} cannot train by itself: derive a class from it that "
            f"overrides {', '.join(missing)}."
        )
    return cast("type[Any]", found)


def _trainable_path(sweep: Sweep) -> tuple[str, str]:
    """The module and the class of the trainable's name; the module is there, and not imported."""
    path = by_name(sweep.trainable)
    if path == AUTO:
        return "trainables", "TorchTrainable"
    module_name, _, name = path.partition(":")
    if isinstance(sweep.trainable, type):
        return module_name, name
    if not all(part.isidentifier() for part in [*module_name.split("."), name]):
        raise UsageError(f"--trainable takes package.module:Class, and it is {path!r}.")
    here = str(Path.cwd())
    if here not in sys.path:  # your module lies where you stand, and workers are told of this path
        sys.path.insert(0, here)
    if module_name in sys.modules:
        if name not in dir(sys.modules[module_name]):
            raise _no_class(sys.modules[module_name], name)
        return module_name, name
    try:
        found = importlib.util.find_spec(module_name)
    except Exception as error:  # of a package, which is imported to look into it
        raise _not_imported(module_name, error) from error
    if found is None:
        raise _no_module(module_name, module_name)
    return module_name, name


def _no_class(module: ModuleType, name: str) -> UsageError:
    if module.__name__ == "__main__":
        return UsageError(
            f"The class {name!r} lies in a notebook or a script, which cannot be imported: put it "
            "into a module, and name it with --trainable module:Class."
        )
    there = vars(module)
    # What a module imports on first use is not there yet, and may be a class.
    classes = [known for known in dir(module) if isinstance(there.get(known, type), type)]
    return UsageError(
        f"The module {module.__name__!r} has no class {name!r}." + did_you_mean(name, classes)
    )


def _not_imported(wanted: str, error: Exception) -> UsageError:
    if isinstance(error, ModuleNotFoundError):
        return _no_module(wanted, error.name)
    return UsageError(str(failed(f"--trainable names {wanted!r}, which cannot be imported", error)))


def _no_module(wanted: str, missing: str | None) -> UsageError:
    return UsageError(
        f"--trainable names the module {wanted!r}, and there is no module {missing!r}: "
        "run from the folder it lies in, or install it."
    )


def check_metric(sweep: Sweep, trainable: type[Any]) -> None:
    """The metric is one that the trainable reports."""
    if sweep.metric not in trainable.metrics:
        raise UsageError(
            f"There is no metric {sweep.metric!r}; {trainable.__name__} reports "
            f"{', '.join(trainable.metrics)}." + did_you_mean(sweep.metric, trainable.metrics)
        )


def settled(sweep: Sweep, name: str | None) -> Sweep:
    """`auto` as the data set `name` that it stood for in a session: today it may stand for another
    one. As it is where no name was noted."""
    if sweep.dataset != "auto" or name is None:
        return sweep
    if name == "digits":  # which was then taken whole, whatever sizes were asked for
        return dataclasses.replace(
            sweep, dataset=name, data_dir=None, train_size=None, val_size=None
        )
    return dataclasses.replace(sweep, dataset=name)


def load_data(sweep: Sweep) -> tuple[Dataset, str | None]:
    """The data set and, where `auto` took digits for Fashion-MNIST, a line that says so."""
    dataset, note = _find_data(sweep)
    return standardised(sweep, dataset), note


def standardised(sweep: Sweep, data: Dataset) -> Dataset:
    """`data` standardised, if the sweep's is.

    Raises `UsageError` where nothing varies.
    """
    try:
        return data.standardised() if sweep.standardise else data
    except ValueError as error:
        raise UsageError(str(error)) from error


def for_trials(sweep: Sweep, data: Dataset) -> tuple[Dataset, TrialOptions]:
    """What every trial of a sweep is given: the data set, pooled for a cross-validation, and the
    options that all trials share."""
    options = TrialOptions(
        max_epochs=sweep.max_epochs,
        metric=sweep.metric,
        mode=sweep.direction,
        seed=sweep.seed,
        cpu_threads=max(1, int(sweep.cpus_per_trial)),
        folds=sweep.folds,
        augment=sweep.augment,
        device=sweep.device.sharing(sweep.gpus_per_trial),
    )
    return (data if sweep.folds == 1 else data.pooled()), options


def _check_data(sweep: Sweep) -> None:
    from trainables import data

    try:
        data.check(sweep.dataset if sweep.dataset != "auto" else "fashion_mnist", **_asked(sweep))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _asked(sweep: Sweep) -> dict[str, Any]:
    return {
        "data_dir": None if sweep.data_dir is None else str(sweep.data_dir),
        "train_size": sweep.train_size,
        "val_size": sweep.val_size,
        "target": sweep.target,
    }


def _find_data(sweep: Sweep) -> tuple[Dataset, str | None]:
    from trainables import data

    try:
        if sweep.dataset != "auto":
            return data.load(sweep.dataset, **_asked(sweep)), None
        try:
            return data.load("fashion_mnist", **_asked(sweep)), None
        except data.DataUnavailableError as error:
            reason = str(error).splitlines()[0]
        note = f"Sweeping the data set digits: Fashion-MNIST is not to be had here ({reason})"
        return data.load("digits"), note
    except (ValueError, data.DataUnavailableError) as error:
        raise UsageError(str(error)) from error

"""From names to things: the search space, the trainable and the data set of a sweep."""

from __future__ import annotations

import importlib
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import search_spaces
from pipelines.engine.errors import UsageError, did_you_mean
from pipelines.engine.sweep import Sweep
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from trainables.data import Dataset


def load_space(sweep: Sweep, data: Dataset | None = None) -> SearchSpace:
    """The search space, with the parameters of ``fix`` fixed; one that the searcher can search.

    ``data`` is needed where ``space_depends_on_data``: the space then takes its sizes.
    """
    try:
        if isinstance(sweep.space, SearchSpace):
            space = sweep.space
        elif data is None:
            space = search_spaces.get(sweep.space)
        else:
            inputs = math.prod(data.input_shape)
            space = search_spaces.get(sweep.space, inputs=inputs, outputs=data.classes)
        for assignment in sweep.fix:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise UsageError(f"--fix takes NAME=VALUE, and it got {assignment!r}.")
            space = space.fix(name, _value(text))
        sweep.searcher.check(space)
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


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def load_trainable(sweep: Sweep) -> type[Any]:
    """The trainable class: of this package, of yours, or given as a class from Python."""
    if isinstance(sweep.trainable, type):
        return sweep.trainable
    module_name, _, name = sweep.trainable.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), name]):
        raise UsageError(f"--trainable takes package.module:Class, and it is {sweep.trainable!r}.")
    here = str(Path.cwd())
    if here not in sys.path:  # your module lies where you stand, and workers are told of this path
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--trainable names the module {module_name!r}, and there is no module "
            f"{error.name!r}: run from the folder it lies in, or install it."
        ) from error
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise UsageError(
            f"The module {module_name!r} has no class {name!r}." + did_you_mean(name, dir(module))
        )
    if not hasattr(found, "metrics"):
        raise UsageError(
            f"{sweep.trainable} is no trainable, it names no metrics: "
            "derive it from trainables.TorchTrainable."
        )
    return found


def check_metric(sweep: Sweep, trainable: type[Any]) -> None:
    """The metric is one that the trainable reports."""
    if sweep.metric not in trainable.metrics:
        raise UsageError(
            f"There is no metric {sweep.metric!r}; {trainable.__name__} reports "
            f"{', '.join(trainable.metrics)}." + did_you_mean(sweep.metric, trainable.metrics)
        )


def load_data(sweep: Sweep) -> tuple[Dataset, str | None]:
    """The data set and, where ``auto`` took digits for Fashion-MNIST, a line that says so."""
    dataset, note = _find_data(sweep)
    return (dataset.standardised() if sweep.standardise else dataset), note


def _find_data(sweep: Sweep) -> tuple[Dataset, str | None]:
    from trainables import data

    folder = None if sweep.data_dir is None else str(sweep.data_dir)
    sizes = {"train_size": sweep.train_size, "val_size": sweep.val_size}
    try:
        if sweep.dataset != "auto":
            return data.load(sweep.dataset, data_dir=folder, **sizes), None
        try:
            return data.load("fashion_mnist", data_dir=folder, **sizes), None
        except data.DataUnavailableError as error:
            reason = str(error).splitlines()[0]
        note = f"Sweeping the data set digits: Fashion-MNIST is not to be had here ({reason})"
        return data.load("digits"), note
    except (ValueError, data.DataUnavailableError) as error:
        raise UsageError(str(error)) from error

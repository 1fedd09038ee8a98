"""Whether there is room for the checkpoints of a sweep, asked before it starts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.engine import files
from pipelines.engine.errors import UsageError
from pipelines.engine.sweep import Sweep
from search_spaces import Choice, Searched, SearchSpace

if TYPE_CHECKING:
    from trainables.data import Dataset
    from trainables.options import TrialOptions

CHECKPOINTS_A_TRIAL = 2
"""Should the last be cut off while it is written, the one before is whole."""
_SAMPLES = 30
_GB = 1e9


def check(
    sweep: Sweep,
    space: SearchSpace,
    trainable: type[Any],
    data: Dataset,
    options: TrialOptions,
    *,
    concurrent: int,
    folder: Path,
) -> None:
    """Raise ``UsageError`` where the checkpoints of this sweep may need more than there is.

    What they need: 2 for each trial that runs and each that is kept, of the largest model found in
    the space. Where the class cannot tell the size of a model, nothing is refused. Ray must run:
    a worker has torch imported already, and this process has not.
    """
    few = replace(data, **{part: getattr(data, part)[:1] for part in _PARTS})
    size = _in_a_worker(trainable, list(candidates(space)), few, options)
    if size is None:
        return
    trials = sweep.keep_checkpoints + concurrent
    needed = trials * CHECKPOINTS_A_TRIAL * size
    there = _existing(folder)
    room = shutil.disk_usage(there).free + _used(folder)
    limit = None if sweep.disk_limit is None else sweep.disk_limit * _GB
    if needed <= room and (limit is None or needed <= limit):
        return
    allowed = f"{room / _GB:.3g} GB are free at {there}"
    if limit is not None and limit < needed:
        allowed = f"--disk-limit is {sweep.disk_limit:g} GB"
    raise UsageError(
        f"The checkpoints of this sweep may take {needed / _GB:.3g} GB ({CHECKPOINTS_A_TRIAL} of "
        f"{size / _GB:.2g} GB for each of {concurrent} running and {sweep.keep_checkpoints} kept "
        f"trials), and {allowed}: lower --concurrent or --keep-checkpoints, or choose a --storage "
        "with more room."
    )


_PARTS = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")


def candidates(space: SearchSpace) -> Iterator[dict[str, Any]]:
    """Configurations among which the largest model is looked for: the default, the one of the
    largest numbers, and a few at random."""
    yield space.default()
    yield largest(space)
    generator = np.random.default_rng(0)
    for _ in range(_SAMPLES):
        yield space.sample(generator)


def largest(space: SearchSpace) -> dict[str, Any]:
    """The configuration of the largest numbers; words stay at their default.

    >>> from search_spaces import get
    >>> found = largest(get("mlp"))
    >>> found["hidden_layers"], found["batch_size"], found["activation"]
    (3, 256, 'relu')
    """
    return space.walk(_coordinate)


def _coordinate(parameter: Searched) -> float:
    if not isinstance(parameter, Choice):
        return 1.0
    sizes = [_number(option) for option in parameter.options]
    if None in sizes:
        return int(parameter.encode(parameter.default))
    return int(np.argmax(np.asarray(sizes, float)))


def _number(option: Any) -> float | None:
    """How large an option is: a number itself, a list of numbers by its sum; None for a word."""
    if isinstance(option, bool | str) or option is None:
        return None
    if isinstance(option, int | float):
        return float(option)
    if isinstance(option, list | tuple):
        parts = [_number(part) for part in option]
        return None if None in parts else sum(part for part in parts if part is not None)
    return None


def _in_a_worker(*arguments: Any) -> int | None:
    import ray

    found: int | None = ray.get(ray.remote(num_cpus=0)(largest_checkpoint).remote(*arguments))
    return found


def largest_checkpoint(
    trainable: type[Any],
    configs: list[Mapping[str, Any]],
    data: Dataset,
    options: TrialOptions,
) -> int | None:
    """The bytes of the largest checkpoint, None where the class cannot tell."""
    if not hasattr(trainable, "checkpoint_bytes"):
        return None
    sizes = [trainable.checkpoint_bytes(config, data, options) for config in configs]
    return max((size for size in sizes if size is not None), default=None)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _used(folder: Path) -> int:
    """What the checkpoints of earlier sessions take: they are among those that are kept."""
    return sum(path.stat().st_size for path in (folder / files.TRIALS).rglob("*.pt"))

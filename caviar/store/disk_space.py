"""Whether there is room for the checkpoints of a sweep.

Asked before the first epoch, as far as the models tell, and of each checkpoint that is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from caviar.base.errors import UsageError
from caviar.store import layout
from caviar.sweep.sweep import Sweep
from search_spaces import Choice, Searched, SearchSpace
from trainables.options import CheckpointLimit

CHECKPOINTS_A_TRIAL = 2
"""Should the last be cut off while it is written, the one before is whole."""
_SAMPLES = 30
_GB = 1e9


class NoRoomError(UsageError):
    """The checkpoints of a sweep may need more room than there is."""

    def __init__(self, words: str, *, trained: bool) -> None:
        super().__init__(words)
        self.trained = trained
        """Whether there are epochs to go on from."""


@dataclass(frozen=True, slots=True)
class Room:
    """The room for the checkpoints of a sweep: 2 for each trial that runs and each that is kept."""

    bytes: float
    words: str
    """What limits it."""
    running: int
    kept: int

    @property
    def each(self) -> float:
        """The bytes that one checkpoint may take."""
        return self.bytes / (CHECKPOINTS_A_TRIAL * (self.running + self.kept))

    def limit(self, space: SearchSpace) -> CheckpointLimit:
        """What the first trials are given: a worker has torch imported, and knows the model."""
        return CheckpointLimit(bytes=self.each, configurations=tuple(candidates(space)))

    def error(self, size: int, *, trained: bool) -> NoRoomError:
        """What to say of a largest checkpoint of `size` bytes; `trained` says that the sweep
        has epochs to go on from."""
        needed = CHECKPOINTS_A_TRIAL * (self.running + self.kept) * size
        goes_on = " With --resume the sweep goes on from what is trained." if trained else ""
        return NoRoomError(
            f"The checkpoints of this sweep may take {needed / _GB:.3g} GB ({CHECKPOINTS_A_TRIAL} "
            f"of {size / _GB:.2g} GB for each of {self.running} running and {self.kept} kept "
            f"trials), and {self.words}: lower --concurrent or --keep-checkpoints, or choose a "
            f"--storage with more room.{goes_on}",
            trained=trained,
        )


def room(sweep: Sweep, *, concurrent: int, folder: Path) -> Room:
    """The room in `folder` for `concurrent` trials and those that are kept."""
    there = _existing(folder)
    free: float = shutil.disk_usage(there).free + _used(folder)
    words = f"{free / _GB:.3g} GB are free at {there}"
    if sweep.disk_limit is not None and sweep.disk_limit * _GB < free:
        free, words = sweep.disk_limit * _GB, f"--disk-limit is {sweep.disk_limit:g} GB"
    return Room(free, words, running=concurrent, kept=sweep.keep_checkpoints)


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


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _used(folder: Path) -> int:
    """What the checkpoints of earlier sessions take: they are among those that are kept."""
    return bytes_of_checkpoints(folder / layout.TRIALS)


def bytes_of_checkpoints(folder: Path) -> int:
    """What the checkpoints in a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*.pt"))

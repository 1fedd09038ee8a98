"""Whether a sweep may start or resume in its folder, and what a new one notes there first."""

from __future__ import annotations

import dataclasses
import fcntl
import itertools
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.errors import UsageError, did_you_mean
from caviar.store import layout
from caviar.store.location import taken
from caviar.sweep import codec
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from caviar.store.history import History

BUDGETS = ("trials", "time_budget", "max_total_epochs", "gpu_hours", "patience", "stop_at")
"""What ends a sweep."""

MAY_CHANGE = frozenset(
    {
        *BUDGETS, "finalists", "final_seeds", "data_dir",
        "concurrent", "cpus_per_trial", "gpus_per_trial",
        "accelerator_type", "retries", "workers_per_trial", "spread_trial",
        "storage", "name", "resume",
        "history_url", "keep_checkpoints", "checkpoint_seconds", "disk_limit", "verbose",
        "tensorboard", "mlflow", "wandb",
    }
)  # fmt: skip
"""What a resumed sweep may be given anew. The rest defines the sweep: other values, other sweep."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sweep was first asked, as `sweep.json` in its folder."""

    recipe: str
    options: Mapping[str, Any]
    """As of `codec.describe`."""
    space: Mapping[str, Any]
    """As of `SearchSpace.to_json`."""


_KEYS = set(Asked.__dataclass_fields__)


def stored(folder: Path) -> Asked | None:
    """What the sweep in `folder` was first asked; None where there is no sweep.

    Raises:
        UsageError: where it is there and cannot be read.
    """
    path = folder / layout.OPTIONS
    with _usable(folder):
        if not layout.has_sweep(folder):
            return None
        content = path.read_bytes()
    try:
        found = dict(json.loads(content))
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path} is not readable as JSON ({error}): restore it to resume."
        ) from error
    try:
        return Asked(found["recipe"], found["options"], found["space"])
    except KeyError as error:
        raise not_ours(folder, error) from error


def not_ours(folder: Path, error: Exception) -> UsageError:
    """What to say where this version cannot use what a sweep was asked."""
    return UsageError(
        f"{folder / layout.OPTIONS} is not as this version of Caviar writes it ({error}): it is "
        "damaged, or another version's."
    )


def note(sweep: Sweep, space: SearchSpace, recipe: str, folder: Path) -> None:
    """Note what a new sweep was asked, in its folder, before there is a history.

    In this order nothing is in the way of the next start when a driver is killed in between: by
    itself it is no sweep, and with a history one that is resumed.
    """
    asked = Asked(recipe, codec.describe(sweep), space.to_json())
    layout.write_json(dataclasses.asdict(asked), folder / layout.OPTIONS)


def last_options(history: History, before: Asked) -> dict[str, Any]:
    """The options of the last session of a sweep, those that it lacks from the first."""
    sessions = history.sessions()
    return {**before.options, **(sessions[-1].options if sessions else {})}


def default_name(recipe: str, sweep: Sweep) -> str:
    """Recipe, the data set where one is named, and the time, which sorts."""
    named = [] if sweep.dataset == "auto" else [sweep.dataset]
    return "-".join([recipe, *named, time.strftime("%Y%m%d-%H%M%S")])


def unused(folder: Path) -> Path:
    """`folder`; where there is one already, with -2, -3 and so on behind its name."""
    with _usable(folder):
        return next(one for one in _in_turn(folder) if not one.exists())


def make_unused(folder: Path) -> Path:
    """Make the folder that `unused` says: of drivers that ask at once each gets its own."""
    with _usable(folder):
        return next(one for one in _in_turn(folder) if _is_made(one))


def _in_turn(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (folder.with_name(f"{folder.name}-{number}") for number in itertools.count(2))


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def check(sweep: Sweep, *, space: SearchSpace, recipe: str, folder: Path) -> None:
    """Raise `UsageError` unless this sweep can start or go on in `folder`."""
    before = stored(folder)
    if not sweep.resume:
        _check_folder(folder)
        if before is not None:
            raise taken(folder)
        with _usable(folder):
            if folder.exists() and not (folder.is_dir() and _is_unused(folder)):
                raise UsageError(f"{folder} holds other files already: choose another --name.")
            _check_writable(folder)
        return
    if before is None:
        with _usable(folder):
            if (folder / layout.OPTIONS).is_file() and _is_unused(folder):
                raise UsageError(
                    f"The sweep {folder.name!r} in {folder.parent} was killed before its first "
                    "trial, and there is nothing to resume: leave out --resume."
                )
        asked = sorted(p.parent.name for p in folder.parent.glob(f"*/{layout.OPTIONS}"))
        there = [name for name in asked if name != folder.name]
        raise UsageError(
            f"There is no sweep {folder.name!r} to resume in {folder.parent}."
            + did_you_mean(folder.name, there)
        )
    if before.recipe != recipe:
        raise UsageError(
            f"{folder.name!r} was started with the recipe {before.recipe!r}: "
            f"resume it with that one, not {recipe!r}."
        )
    if SearchSpace.from_json(before.space) != space:
        raise UsageError(
            f"{folder.name!r} searched another space than {space.name!r} as it is now: its trials "
            "and checkpoints do not fit. Resume it with the space it had, or start a new sweep."
        )
    now = codec.describe(sweep)
    for name, value in before.options.items():
        if name not in MAY_CHANGE and not _kept(value, now.get(name)):
            raise UsageError(
                f"{name} of {folder.name!r} was {value}, and a resumed sweep keeps it "
                f"(got {now.get(name)}): leave the option out, or start a new sweep."
            )


def _kept(before: Any, now: Any) -> bool:
    """Whether a value is as it was; of a part, each option that it had then."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(
            now.get(name) == value or (name == "name" and str(now.get(name)).endswith(f":{value}"))
            for name, value in before.items()
        )
    return bool(before == now)


def _is_unused(folder: Path) -> bool:
    """Whether a folder is empty, or all it holds is what a sweep was asked that never began."""
    options = folder / layout.OPTIONS
    if any(path not in (options, folder / _PROBE) for path in folder.iterdir()):
        return False
    try:
        return not options.exists() or json.loads(options.read_text()).keys() >= _KEYS
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
        return False


def _check_folder(folder: Path) -> None:
    odd = sorted(set(str(folder)) & set("?%#{}"))
    if odd:
        raise UsageError(
            f"The history is a database with a URL, which cannot hold {' '.join(odd)}, and the "
            f"folder is {folder}: choose another --storage or --name."
        )


def _check_writable(folder: Path) -> None:
    """Make the folder, write into it and take it away again: nothing else tells for sure."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _PROBE).touch()
        (folder / _PROBE).unlink(missing_ok=True)  # by another driver's probe
    finally:
        for path in made:
            with suppress(OSError):  # not made, or another sweep writes there already
                path.rmdir()


_PROBE = ".caviar"


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be used ({error.strerror}): "
            "choose another --storage or --name."
        ) from error


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Let one driver alone begin a new sweep in `folder`, until it has a history there.

    Two that start at once both find the folder unused, seconds before. The lock of a killed driver
    goes with it. Raises `UsageError` where another driver came first.
    """
    with _usable(folder):
        opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems of a network lock no folder
            fcntl.flock(opened, fcntl.LOCK_EX)
        if layout.has_sweep(folder):
            raise taken(folder)
        yield
    finally:
        os.close(opened)

"""A sweep may take several sessions: what each was asked, how long it took, where it goes on."""

from __future__ import annotations

import dataclasses
import fcntl
import itertools
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar import schedulers, searchers
from caviar.base.errors import UsageError, did_you_mean
from caviar.controller.controller import SweepController
from caviar.store import disk_space, layout
from caviar.store.location import Location, taken
from caviar.store.provenance import commit
from caviar.store.session import CRASHED, Session
from caviar.store.summary import versions
from caviar.sweep.sweep import Sweep, by_name
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from caviar.store.history import History
    from trainables.data import Dataset

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


def describe(sweep: Sweep) -> dict[str, Any]:
    """The options of a sweep as JSON values; its data lies there from any working directory."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(sweep):
        value = getattr(sweep, field.name)
        if field.name in ("searcher", "scheduler"):
            values[field.name] = {"name": type(value).__name__, **dataclasses.asdict(value)}
        elif field.name == "device":
            values[field.name] = dataclasses.asdict(value)
        elif field.name in ("space", "trainable"):
            values[field.name] = by_name(value)
        elif field.name == "data_dir" and value is not None:
            values[field.name] = str(Location.of(value))
        else:
            values[field.name] = value if isinstance(value, int | float | None) else _plain(value)
    return values


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value)


def stored(folder: Path) -> dict[str, Any] | None:
    """What the sweep in `folder` was first asked: recipe, options, space; None without one."""
    path = folder / layout.OPTIONS
    with _usable(folder):
        if not layout.has_sweep(folder):
            return None
        content = path.read_bytes()
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path} is not readable as JSON ({error}): restore it to resume."
        ) from error


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
    if before["recipe"] != recipe:
        raise UsageError(
            f"{folder.name!r} was started with the recipe {before['recipe']!r}: "
            f"resume it with that one, not {recipe!r}."
        )
    if SearchSpace.from_json(before["space"]) != space:
        raise UsageError(
            f"{folder.name!r} searched another space than {space.name!r} as it is now: its trials "
            "and checkpoints do not fit. Resume it with the space it had, or start a new sweep."
        )
    now = describe(sweep)
    for name, value in before["options"].items():
        if name not in MAY_CHANGE and not _kept(value, now.get(name)):
            raise UsageError(
                f"{name} of {folder.name!r} was {value}, and a resumed sweep keeps it "
                f"(got {now.get(name)}): leave the option out, or start a new sweep."
            )


def _kept(before: Any, now: Any) -> bool:
    """Whether a value is as it was; of a part, each option that it had then."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(now.get(name) == value for name, value in before.items())
    return bool(before == now)


def _is_unused(folder: Path) -> bool:
    """Whether a folder is empty, or all it holds is what a sweep was asked that never began."""
    options = folder / layout.OPTIONS
    if any(path not in (options, folder / _PROBE) for path in folder.iterdir()):
        return False
    try:
        return not options.exists() or json.loads(options.read_text()).keys() >= _ASKED
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


def note(sweep: Sweep, space: SearchSpace, recipe: str, folder: Path) -> None:
    """Note what a new sweep was asked, in its folder, before there is a history.

    In this order nothing is in the way of the next start when a driver is killed in between: by
    itself it is no sweep, and with a history one that goes on.
    """
    asked = {"recipe": recipe, "options": describe(sweep), "space": space.to_json()}
    layout.write_json(asked, folder / layout.OPTIONS)


_ASKED = {"recipe", "options", "space"}


def last_options(history: History, before: dict[str, Any]) -> dict[str, Any]:
    """`before`, what a sweep was first asked, with the options of its last session."""
    sessions = history.sessions()
    last = sessions[-1].options if sessions else {}
    return {**before, "options": {**before["options"], **last}}


def with_stored_options(sweep: Sweep, before: dict[str, Any]) -> Sweep:
    """`sweep` with the options that it was given in an earlier session."""
    now = describe(sweep)
    values: dict[str, Any] = {}
    for name, value in before["options"].items():
        if name not in now or value == now[name]:
            continue  # the same: a space or a class from Python stays the object that it is
        if name in ("searcher", "scheduler"):
            known = now[name].keys() - {"name"}  # the rest is another version's
            options = {key: v for key, v in value.items() if key in known}
            if value["name"] == now[name]["name"]:
                values[name] = dataclasses.replace(getattr(sweep, name), **options)
        elif name == "device":
            values[name] = dataclasses.replace(sweep.device, **value)
        else:
            values[name] = _typed(name, value)
    return dataclasses.replace(sweep, **values)


def restored(before: dict[str, Any]) -> Sweep:
    """The options of a sweep's first session, by themselves.

    A searcher or a scheduler of your own, which only Python can name, is left at the default.
    """
    parts = {}
    for part, known in (("searcher", searchers), ("scheduler", schedulers)):
        name = before["options"][part]["name"]
        if name in known.__all__:
            parts[part] = getattr(known, name)()
    return with_stored_options(Sweep(**parts), before)


def _typed(name: str, value: Any) -> Any:
    if name in ("storage", "data_dir") and value is not None:
        return Path(value)
    return tuple(value) if name in ("fix", "warm_start") else value


def count(history: History) -> int:
    """How many sessions there were."""
    return len(history.sessions())


def spent(history: History) -> float:
    """Seconds that the earlier sessions took; a killed one counts up to its last report."""
    ends = [session.until for session in history.sessions()]
    reports = [r.at for record in history.records().values() for r in record.reports]
    return max([0.0, *ends, *reports])


def gpu_seconds(history: History) -> float:
    """GPU-seconds that the trials of earlier sessions took; a killed one's as above."""
    ends = [session.gpu_seconds for session in history.sessions()]
    reports = [r.gpu_seconds for record in history.records().values() for r in record.reports]
    return max([0.0, *ends, *reports])


@contextmanager
def recorded(
    history: History,
    controller: SweepController,
    sweep: Sweep,
    space: SearchSpace,
    *,
    data: Dataset | None = None,
    concurrent: int | None = None,
) -> Iterator[None]:
    """Note the session in the history, from its start, and its seconds when it ends.

    `data` is the data set: `auto` may stand for another one tomorrow, and its values may be others.
    `concurrent` is how many trials the machines run side by side.
    """
    place = count(history)
    session = Session(
        started=time.time(),
        begin=controller.elapsed,
        until=controller.elapsed,
        options=describe(sweep),
        versions=versions(),
        data=None if data is None else data.describe(),
        data_checksum=None if data is None else data.checksum,
        dataset=None if data is None else data.name,
        concurrent=concurrent,
        host=platform.node(),
        pid=os.getpid(),
        git=commit(Path.cwd()),
    )
    history.note(session, place)
    if place == 0:
        history.set("space", space.to_json())
    stop_reason: str | None = CRASHED
    try:
        yield
        stop_reason = controller.stop_reason
    except disk_space.NoRoomError:
        stop_reason = controller.stop_reason
        raise
    finally:
        ended = dataclasses.replace(
            session,
            until=controller.elapsed,
            gpu_seconds=controller.meter.gpu_seconds,
            ended=True,
            stop_reason=stop_reason,
        )
        history.note(ended, place)


def is_other_data(checksum: str | None, data: Dataset) -> bool:
    """Whether `data` has other values than those whose checksum was noted; False where none was,
    by a version that took none."""
    return checksum is not None and checksum != data.checksum


def check_data(noted: Session, data: Dataset, *, name: str) -> None:
    """Raise `UsageError` where `data` is other than what a session of `name` has noted."""
    if is_other_data(noted.data_checksum, data):
        raise UsageError(
            f"A sweep keeps its data, and that of {name!r} was {noted.data} (checksum "
            f"{noted.data_checksum}) and is {data.describe()} (checksum {data.checksum}): say with "
            f"--data-dir where it lies as it was, or start a new sweep with --warm-start {name}."
        )


def note_finals(history: History, how: str | None) -> None:
    """Note the state of its finals in the last session: `session.RUNNING`, `session.CRASHED`, or
    why they stopped before their end; None when they are over."""
    sessions = history.sessions()
    history.note(dataclasses.replace(sessions[-1], finals=how), len(sessions) - 1)

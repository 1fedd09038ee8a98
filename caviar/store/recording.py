"""What is noted of each session while it runs, and what earlier ones have spent."""

from __future__ import annotations

import dataclasses
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from caviar.base.errors import UsageError
from caviar.controller.controller import SweepController
from caviar.store import disk_space
from caviar.store.provenance import commit
from caviar.store.session import CRASHED, Session
from caviar.store.summary import versions
from caviar.sweep import codec
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from caviar.store.history import History
    from trainables.data import Dataset


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
        options=codec.describe(sweep),
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

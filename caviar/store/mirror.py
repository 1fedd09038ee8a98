"""A sweep's notes on the driver's own disk, copied into storage that all machines see.

SQLite must not lie on a network's file system, and S3 has no files to lock: on a cluster the
history is on the disk of the driver's machine, and copied into the storage every few seconds. The
checkpoints go there directly. A sweep whose head is gone continues from what the storage has.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from caviar.base.errors import UsageError
from caviar.store import layout
from caviar.store.location import Location, cannot_be_used, taken

COPY_SECONDS = 5.0
"""How often the history is copied, at the least: what a lost head can cost beside checkpoints."""
LEAST_SECONDS = 1.0
"""And at the most: a copy is the whole file."""
_PROBE = ".caviar"


def on_disk(lies: Location, *, resume: bool) -> Path:
    """A folder of this machine with what the sweep has noted so far; its own where it has one.

    Raises `UsageError` when the storage cannot be read, and for a new sweep whose name is taken.
    """
    if lies.local is not None:
        return lies.local
    mirror = Mirror(lies)
    try:
        there = layout.has_sweep(lies)
        if there and not resume:
            raise taken(lies)
        if not there and resume:
            raise UsageError(f"There is no sweep {lies} to resume.")
        lies.write(_PROBE, b"")
        lies.remove(_PROBE)
        mirror.fetch(resume=resume)
    except OSError as error:
        raise cannot_be_used(lies, error) from error
    return mirror.folder


class Mirror:
    """The folder of a sweep on the driver's own disk, copied into the storage while it runs."""

    def __init__(
        self, place: Location, *, every: float = math.inf, say: Callable[[str], None] = print
    ) -> None:
        self.place = place
        # As often as checkpoints, of which two are kept: the older one is never ahead of the copy.
        self._seconds = min(COPY_SECONDS, max(every, LEAST_SECONDS))
        self.folder = place.cache("sweeps")
        self._say = say
        self._written: dict[str, str] = {}
        self._ended = threading.Event()

    def fetch(self, *, resume: bool) -> None:
        """Bring the folder up to what the storage has; what is further on here stays.

        An earlier driver on this machine may have died before its last copy. Without `resume`
        nothing that lies here belongs to the sweep.
        """
        if not resume:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (layout.OPTIONS, layout.SUMMARY, layout.HISTORY_URL):
            content = self.place.read(name)
            if content is not None:
                (self.folder / name).write_bytes(content)
        for name in (layout.DECISIONS, layout.DECISION_EVENTS):
            content, log = self.place.read(name), self.folder / name
            if content is not None and not (log.is_file() and log.stat().st_size > len(content)):
                log.write_bytes(content)
        content = self.place.read(layout.HISTORY)
        here = self.folder / layout.HISTORY
        if content is None:
            return
        with tempfile.TemporaryDirectory() as scratch:
            there = Path(scratch, layout.HISTORY)
            there.write_bytes(content)
            if _rows(there) > _rows(here):
                for old in self.folder.glob(f"{layout.HISTORY}*"):
                    old.unlink()
                here.write_bytes(content)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Copy every few seconds, and once more at the end.

        Raises `UsageError` when that last copy fails: the results are here, and not there.
        """
        thread = threading.Thread(target=self._keep, name="storage", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
        try:
            self.copy()
        except OSError as error:
            raise UsageError(
                f"The storage {self.place} could not be written at the end ({error}). Nothing is "
                f"lost, it is in {self.folder}: the same command with --resume copies it."
            ) from error

    def _keep(self) -> None:
        trouble = None
        while not self._ended.wait(self._seconds):
            before = trouble
            try:
                self.copy()
                trouble = None
            except OSError as error:  # full, or away for a while: the next copy has it all
                trouble = str(error).partition("\n")[0]
            if trouble != before:
                now = "can be written again" if trouble is None else f"cannot be written: {trouble}"
                self._say(f"storage    {self.place} {now}")

    def copy(self) -> None:
        """Copy what has changed."""
        errors = (self.folder / layout.ERRORS).glob("*.txt")
        whole = (
            layout.OPTIONS,
            layout.SUMMARY,
            layout.REPORT,
            layout.DECISIONS,
            layout.DECISION_EVENTS,
            layout.HISTORY_URL,
        )
        names = [*whole, *(f"{layout.ERRORS}/{e.name}" for e in errors)]
        contents = {name: self.folder / name for name in names}
        for name, path in contents.items():
            if path.is_file():
                self._write(name, path.read_bytes())
        if (self.folder / layout.HISTORY).is_file():
            self._write(layout.HISTORY, _snapshot(self.folder / layout.HISTORY))

    def _write(self, name: str, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        if self._written.get(name) != digest:
            self.place.write(name, content)
            self._written[name] = digest


@contextlib.contextmanager
def working_folder(
    lies: Location,
    *,
    shared: bool,
    resume: bool,
    every: float = math.inf,
    say: Callable[[str], None] = print,
) -> Iterator[Path]:
    """Where the history of the sweep is written: where it `lies`, or on the driver's disk.

    `shared` says that several machines write there: it is then a mirror of ours. So is an object
    store. `every` is the seconds between the checkpoints of a trial.

    Raises `UsageError` for a new sweep where another driver has begun one since. An object store
    locks nothing: of two that begin within seconds of each other both may go on.
    """
    if lies.local is not None and not shared:
        lies.local.mkdir(parents=True, exist_ok=True)
        yield lies.local
        return
    mirror = Mirror(lies, every=every, say=say)
    if not resume and layout.has_sweep(mirror.place):
        raise taken(lies)
    mirror.fetch(resume=resume)
    with mirror.kept():
        yield mirror.folder


def _snapshot(database: Path) -> bytes:
    """The whole of a SQLite database that is being written, as one file."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, database.name)
        with (
            contextlib.closing(sqlite3.connect(database, timeout=60)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        return copy.read_bytes()


def _rows(database: Path) -> int:
    """How much a history holds: every event of a sweep adds a row, none takes one away."""
    if not database.is_file():
        return -1
    with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection:
        try:
            counts: list[int] = [
                connection.execute(f"select count(*) from {table}").fetchone()[0]
                for table in ("trials", "trial_user_attributes", "trial_values")
            ]
        except sqlite3.OperationalError:  # no history yet
            return 0
    return int(sum(counts))

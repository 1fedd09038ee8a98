"""Storage that all machines of a cluster see, and the copy of the history that is kept there.

SQLite must not lie on a network's file system, and S3 has no files to lock: on a cluster the
history is on the disk of the driver's machine, and copied into the storage every few seconds. The
checkpoints go there directly. A sweep whose head is gone goes on from what the storage has.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.engine import files
from pipelines.engine.errors import UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

COPY_SECONDS = 5.0
"""How often the history is copied: what a lost head can cost beside the last checkpoints."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that all machines see: of a mounted file system, or of an object store."""

    kind: str
    """``file``, or the URI that pyarrow makes the file system from."""
    root: str
    """The folder there."""

    @classmethod
    def folder(cls, path: Path) -> Place:
        """A folder of a mounted file system."""
        return cls("file", str(path))

    def __str__(self) -> str:
        return self.root if self.kind == "file" else self.kind

    @property
    def system(self) -> FileSystem:
        """The file system, as pyarrow and Ray take it."""
        from pyarrow import fs

        return fs.LocalFileSystem() if self.kind == "file" else fs.FileSystem.from_uri(self.kind)[0]

    def read(self, name: str) -> bytes | None:
        """The content of a file; None where there is none."""
        try:
            with self.system.open_input_stream(f"{self.root}/{name}") as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        path = f"{self.root}/{name}"
        system = self.system
        system.create_dir(path.rpartition("/")[0], recursive=True)
        # An object appears when it is whole; a file is given its name then.
        part = f"{path}.part" if self.kind == "file" else path
        with system.open_output_stream(part) as stream:
            stream.write(content)
        if part != path:
            system.move(part, path)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.system.delete_file(f"{self.root}/{name}")


class Mirror:
    """The folder of a sweep on the driver's own disk, copied into the storage while it runs."""

    def __init__(self, place: Place, *, say: Callable[[str], None] = print) -> None:
        self.place = place
        self.folder = _local_folder(place)
        self._say = say
        self._written: dict[str, str] = {}
        self._ended = threading.Event()

    def fetch(self, *, resume: bool) -> None:
        """Bring the folder up to what the storage has; what is further on here stays.

        An earlier driver on this machine may have died before its last copy. Without ``resume``
        nothing that lies here belongs to the sweep.
        """
        if not resume:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (files.OPTIONS, files.SUMMARY, files.HISTORY_URL):
            content = self.place.read(name)
            if content is not None:
                (self.folder / name).write_bytes(content)
        content, log = self.place.read(files.DECISIONS), self.folder / files.DECISIONS
        if content is not None and not (log.is_file() and log.stat().st_size > len(content)):
            log.write_bytes(content)
        content = self.place.read(files.HISTORY)
        here = self.folder / files.HISTORY
        if content is None:
            return
        with tempfile.TemporaryDirectory() as scratch:
            there = Path(scratch, files.HISTORY)
            there.write_bytes(content)
            if _rows(there) > _rows(here):
                for old in self.folder.glob(f"{files.HISTORY}*"):
                    old.unlink()
                here.write_bytes(content)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Copy every few seconds, and once more at the end.

        Raises ``UsageError`` when that last copy fails: the results are here, and not there.
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
        while not self._ended.wait(COPY_SECONDS):
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
        errors = (self.folder / files.ERRORS).glob("*.txt")
        whole = (files.OPTIONS, files.SUMMARY, files.DECISIONS, files.HISTORY_URL)
        names = [*whole, *(f"{files.ERRORS}/{e.name}" for e in errors)]
        contents = {name: self.folder / name for name in names}
        for name, path in contents.items():
            if path.is_file():
                self._write(name, path.read_bytes())
        if (self.folder / files.HISTORY).is_file():
            self._write(files.HISTORY, _snapshot(self.folder / files.HISTORY))

    def _write(self, name: str, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        if self._written.get(name) != digest:
            self.place.write(name, content)
            self._written[name] = digest


@contextlib.contextmanager
def working_folder(
    folder: Path, *, shared: bool, resume: bool, say: Callable[[str], None] = print
) -> Iterator[Path]:
    """Where the history of the sweep in ``folder`` is written: there, or on the driver's disk.

    ``shared`` says that several machines write into ``folder``: it is then a mirror of ours.
    """
    if not shared:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    mirror = Mirror(Place.folder(folder), say=say)
    mirror.fetch(resume=resume)
    with mirror.kept():
        yield mirror.folder


def _local_folder(place: Place) -> Path:
    """A folder of this machine's disk that belongs to this place alone."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    digest = hashlib.sha256(f"{place.kind} {place.root}".encode()).hexdigest()[:16]
    return Path(cache, "caviar", "sweeps", digest)


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
            counts: list[Any] = [
                connection.execute(f"select count(*) from {table}").fetchone()[0]
                for table in ("trials", "trial_user_attributes", "trial_values")
            ]
        except sqlite3.OperationalError:  # no history yet
            return 0
    return int(sum(counts))

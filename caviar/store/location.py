"""Storage that all machines of a cluster see, and the copy of the history that is kept there.

SQLite must not lie on a network's file system, and S3 has no files to lock: on a cluster the
history is on the disk of the driver's machine, and copied into the storage every few seconds. The
checkpoints go there directly. A sweep whose head is gone goes on from what the storage has.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import hashlib
import math
import os
import re
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.errors import UsageError
from caviar.store import layout

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

COPY_SECONDS = 5.0
"""How often the history is copied, at the least: what a lost head can cost beside checkpoints."""
LEAST_SECONDS = 1.0
"""And at the most: a copy is the whole file."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that all machines see: of a mounted file system, or of an object store.

    It has what the checkpoints need of `Path`: the same code finds them in either.
    """

    root: str
    """The folder, or the file; bucket and key in an object store."""
    scheme: str = "file"
    """`file`, or of an object store: s3, gs."""
    query: str = ""
    """What else the URI says: `?region=eu-central-1`."""

    @classmethod
    def folder(cls, path: Path) -> Place:
        """A folder of a mounted file system."""
        return cls(str(path))

    def __str__(self) -> str:
        return self.root if self.scheme == "file" else f"{self.scheme}://{self.root}{self.query}"

    def __truediv__(self, name: str) -> Place:
        return Place(f"{self.root}/{name}", self.scheme, self.query)

    @property
    def name(self) -> str:
        """The last part."""
        return self.root.rpartition("/")[2]

    @property
    def system(self) -> FileSystem:
        """The file system, as pyarrow and Ray take it."""
        return _opened(self.scheme, self.root.partition("/")[0], self.query)

    def read(self, name: str) -> bytes | None:
        """The content of a file in it; None where there is none."""
        try:
            return (self / name).read_bytes()
        except FileNotFoundError:
            return None

    def read_bytes(self) -> bytes:
        """The content of the file that it is.

        Raises FileNotFoundError where there is none, OSError where it cannot be read.
        """
        with self.system.open_input_stream(self.root) as stream:
            return bytes(stream.read())

    def write(self, name: str, content: bytes) -> None:
        """Write a file in it, whole or not at all."""
        path = f"{self.root}/{name}"
        system = self.system
        # An object appears when it is whole; a file is given its name then.
        part = path
        if self.scheme == "file":
            system.create_dir(path.rpartition("/")[0], recursive=True)
            part = f"{path}.part"
        with system.open_output_stream(part) as stream:
            stream.write(content)
        if part != path:
            system.move(part, path)

    def remove(self, name: str) -> None:
        """Remove a file in it, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.system.delete_file(f"{self.root}/{name}")

    def is_file(self) -> bool:
        """Whether it is a file."""
        return bool(self.system.get_file_info(self.root).is_file)

    def size(self) -> int:
        """Bytes of the file that it is."""
        return int(self.system.get_file_info(self.root).size)

    def glob(self, pattern: str) -> list[Place]:
        """What lies in it under a name of this pattern."""
        from pyarrow import fs

        selector = fs.FileSelector(self.root, allow_not_found=True)
        found = [info.base_name for info in self.system.get_file_info(selector)]
        return [self / name for name in sorted(found) if fnmatch.fnmatch(name, pattern)]

    def remove_all(self) -> None:
        """Remove the folder that it is, and all in it."""
        with contextlib.suppress(FileNotFoundError):
            self.system.delete_dir(self.root)


@functools.cache
def _opened(scheme: str, bucket: str, query: str) -> FileSystem:
    """One a process: S3's takes 8 s where no metadata service of Amazon's answers."""
    from pyarrow import fs

    if scheme == "file":
        return fs.LocalFileSystem()
    return fs.FileSystem.from_uri(f"{scheme}://{bucket}{query}")[0]


_PROBE = ".caviar"
_URI = re.compile(r"^(s3|gs|gcs|abfs|abfss|hdfs):/{1,2}([^?]+)(\?.*)?$")


def home(storage: Path, name: str) -> Path | Place:
    """Where the sweep `name` lies in `storage`, a folder or a URI such as s3://BUCKET/FOLDER.

    An option that is a path keeps one of the two slashes of a URI.

    >>> str(home(Path("s3://bucket/a?region=us-east-1"), "b"))
    's3://bucket/a/b?region=us-east-1'
    """
    return place(storage) / name


def place(path: Path | str) -> Path | Place:
    """The folder that a person has written: of this machine, or of an object store.

    >>> place("s3://bucket/a/")
    Place(root='bucket/a', scheme='s3', query='')
    """
    uri = _URI.match(str(path))
    if uri is None:
        return Path(path).expanduser().resolve()
    return Place(uri[2].rstrip("/"), uri[1], uri[3] or "")


def written(storage: Path) -> str:
    """`storage` as a person writes it.

    >>> written(Path("s3://bucket/a")), written(Path("results"))
    ('s3://bucket/a', 'results')
    """
    uri = _URI.match(str(storage))
    return str(storage) if uri is None else f"{uri[1]}://{uri[2]}{uri[3] or ''}"


def on_disk(lies: Path | Place, *, resume: bool) -> Path:
    """A folder of this machine with what the sweep has noted so far; its own where it has one.

    Raises `UsageError` when the storage cannot be read, and for a new sweep whose name is taken.
    """
    if isinstance(lies, Path):
        return lies
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


def taken(lies: Path | Place) -> UsageError:
    """What to say of a new sweep where there is one."""
    return UsageError(
        f"{lies} holds a sweep already: add --resume to go on with it, or choose another --name."
    )


def cannot_be_used(lies: Place, error: OSError) -> UsageError:
    """What to say where an object store does not answer."""
    return UsageError(
        f"The storage {lies} cannot be used ({error}): are bucket, region and credentials "
        "right? Credentials come from the environment, as for every tool of its maker."
    )


class Mirror:
    """The folder of a sweep on the driver's own disk, copied into the storage while it runs."""

    def __init__(
        self, place: Place, *, every: float = math.inf, say: Callable[[str], None] = print
    ) -> None:
        self.place = place
        # As often as checkpoints, of which two are kept: the older one is never ahead of the copy.
        self._seconds = min(COPY_SECONDS, max(every, LEAST_SECONDS))
        self.folder = local_folder(place, "sweeps")
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
        content, log = self.place.read(layout.DECISIONS), self.folder / layout.DECISIONS
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
    lies: Path | Place,
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
    if isinstance(lies, Path) and not shared:
        lies.mkdir(parents=True, exist_ok=True)
        yield lies
        return
    mirror = Mirror(Place.folder(lies) if isinstance(lies, Path) else lies, every=every, say=say)
    if not resume and layout.has_sweep(mirror.place):
        raise taken(lies)
    mirror.fetch(resume=resume)
    with mirror.kept():
        yield mirror.folder


def local_folder(place: Place, kind: str) -> Path:
    """A folder of this machine's disk that belongs to this place alone, for one `kind` of use."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    digest = hashlib.sha256(str(place).encode()).hexdigest()[:16]
    return Path(cache, "caviar", kind, digest)


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

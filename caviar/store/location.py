"""Where a sweep is: one type for a folder or a file, on this machine's file systems or in an
object store.

What reads and writes the files of a sweep asks it, and is the same code for either.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from caviar.base import uris
from caviar.base.errors import UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_HERE = "file"


@dataclass(frozen=True, slots=True)
class Location:
    """A folder or a file, of this machine's file systems or of an object store.

    `str()` is the path, or the URI. Any call on one in an object store raises OSError where the
    store does not answer.
    """

    root: str
    """The path; bucket and key in an object store."""
    scheme: str = _HERE
    """`file`, or of an object store: s3, gs."""
    query: str = ""
    """What else the URI says: `?region=eu-central-1`."""

    @classmethod
    def of(cls, path: Path | str) -> Location:
        """What a person has written: a path, which becomes absolute, or a URI.

        An option that is a path keeps one of the two slashes of a URI.

        >>> Location.of("s3://bucket/a/")
        Location(root='bucket/a', scheme='s3', query='')
        >>> str(Location.of(Path("s3://bucket/a?region=us-east-1")) / "b")
        's3://bucket/a/b?region=us-east-1'
        """
        uri = uris.uri(path)
        if uri is None:
            return cls(uris.absolute(path))
        return cls(uri.path.rstrip("/"), uri.scheme, uri.query)

    def __str__(self) -> str:
        return self.root if self.scheme == _HERE else f"{self.scheme}://{self.root}{self.query}"

    def __truediv__(self, name: str) -> Location:
        path = self.local
        if path is not None:
            return Location(str(path / name))
        return Location(f"{self.root}/{name}", self.scheme, self.query)

    @property
    def local(self) -> Path | None:
        """The path on this machine's file systems; None in an object store."""
        return Path(self.root) if self.scheme == _HERE else None

    @property
    def name(self) -> str:
        """The last part."""
        return self.root.rpartition("/")[2]

    def is_file(self) -> bool:
        """Whether it is a file."""
        path = self.local
        return self._info().is_file if path is None else path.is_file()

    def size(self) -> int:
        """Bytes of the file that it is."""
        path = self.local
        return int(self._info().size if path is None else path.stat().st_size)

    def read_bytes(self) -> bytes:
        """The content of the file that it is.

        Raises:
            FileNotFoundError: where there is none.
            OSError: where it cannot be read.
        """
        path = self.local
        if path is not None:
            return path.read_bytes()
        with self._system().open_input_stream(self.root) as stream:
            return bytes(stream.read())

    def read(self, name: str) -> bytes | None:
        """The content of a file in it; None where there is none."""
        try:
            return (self / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file in it, whole or not at all; folders on the way are made."""
        target = self / name
        path = target.local
        if path is None:  # an object appears when it is whole
            with self._system().open_output_stream(target.root) as stream:
                stream.write(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(content)
        part.replace(path)

    def remove(self, name: str) -> None:
        """Remove a file in it, if it is there."""
        target = self / name
        path = target.local
        with contextlib.suppress(FileNotFoundError):
            if path is None:
                self._system().delete_file(target.root)
            else:
                path.unlink()

    def glob(self, pattern: str) -> list[Location]:
        """What is in it under a name of this pattern, sorted by name; nothing where it is not."""
        path = self.local
        if path is not None:
            return [Location(str(found)) for found in sorted(path.glob(pattern))]
        from pyarrow import fs

        selector = fs.FileSelector(self.root, allow_not_found=True)
        found = [info.base_name for info in self._system().get_file_info(selector)]
        return [self / name for name in sorted(found) if fnmatch.fnmatch(name, pattern)]

    def remove_all(self) -> None:
        """Remove the folder that it is, and all in it, as far as that can be done."""
        path = self.local
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
            return
        with contextlib.suppress(FileNotFoundError):
            self._system().delete_dir(self.root)

    def cache(self, kind: str) -> Path:
        """A folder of this machine's disk that belongs to this location alone, for one `kind` of
        use. It need not be there."""
        cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
        digest = hashlib.sha256(str(self).encode()).hexdigest()[:16]
        return Path(cache, "caviar", kind, digest)

    def _system(self) -> FileSystem:
        return _opened(self.scheme, self.root.partition("/")[0], self.query)

    def _info(self) -> FileInfo:
        return self._system().get_file_info(self.root)


@functools.cache
def _opened(scheme: str, bucket: str, query: str) -> FileSystem:
    """One a process: S3's takes 8 s where no metadata service of Amazon's answers."""
    from pyarrow import fs

    return fs.FileSystem.from_uri(f"{scheme}://{bucket}{query}")[0]


def taken(lies: Location | Path) -> UsageError:
    """What to say of a new sweep where there is one."""
    return UsageError(
        f"{lies} holds a sweep already: add --resume to go on with it, or choose another --name."
    )


def cannot_be_used(lies: Location, error: OSError) -> UsageError:
    """What to say where an object store does not answer."""
    return UsageError(
        f"The storage {lies} cannot be used ({error}): are bucket, region and credentials "
        "right? Credentials come from the environment, as for every tool of its maker."
    )

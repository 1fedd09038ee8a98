"""Where things are, as a person writes it: a path, or the URI of an object store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_URI = re.compile(r"^(s3|gs|gcs|abfs|abfss|hdfs):/{1,2}([^?]+)(\?.*)?$")


class Uri(NamedTuple):
    """The URI of a folder or a file in an object store."""

    scheme: str
    path: str
    """Bucket and key."""
    query: str
    """From its `?` on; may be empty."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}{self.query}"


def uri(path: Path | str) -> Uri | None:
    """What was written, as a URI; None for a path of this machine.

    An option that is a path keeps one of the two slashes of a URI.

    >>> uri(Path("s3://bucket/a?region=us-east-1"))
    Uri(scheme='s3', path='bucket/a', query='?region=us-east-1')
    """
    found = _URI.match(str(path))
    return None if found is None else Uri(found[1], found[2], found[3] or "")


def written(path: Path) -> str:
    """A path or a URI as a person writes it.

    >>> written(Path("s3://bucket/a")), written(Path("results"))
    ('s3://bucket/a', 'results')
    """
    return str(uri(path) or path)


def absolute(path: Path | str) -> str:
    """The same from any working directory: a URI as it is, a path from its root on.

    >>> absolute("s3:/bucket/a/")
    's3://bucket/a'
    """
    found = uri(path)
    if found is None:
        return str(Path(path).expanduser().resolve())
    return str(found._replace(path=found.path.rstrip("/")))

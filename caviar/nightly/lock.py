"""Two nights never overlap."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caviar.base.errors import UsageError
from caviar.base.format import duration


class OverlapError(UsageError):
    """Another night is running."""


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the lock of the nights in `folder`.

    The system gives it back when this process ends, however it ends, so nobody clears it by hand.
    On a network file system it needs NFS 4 or a lock daemon, as every such lock.

    Raises `OverlapError` where another process has it, and says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise OverlapError(_who(file.read(), folder)) from None
        file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}, file)
        file.flush()
        yield


def _who(text: str, folder: Path) -> str:
    try:
        holder = json.loads(text)
        by = f" (process {holder['pid']} on {holder['host']}, for "
        by += f"{duration(time.time() - holder['since'])})"
    except (json.JSONDecodeError, KeyError, TypeError):  # it has only just taken the lock
        by = ""
    return f"A night of {folder} is running already{by}: it ends first, two never overlap."

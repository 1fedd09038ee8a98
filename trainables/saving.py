"""Checkpoints into storage that may be away for a while, and out of one that is no folder."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray.train._internal.session import _TrainingResult

logger = logging.getLogger(__name__)

STORAGE_SECONDS = 60.0
"""How long a trial waits with a checkpoint for storage that cannot be written."""


def patiently(save: Callable[[str], Any], *, epoch: int | None) -> Any:
    """What `save` gives back, called with an empty directory until it raises no OSError.

    After STORAGE_SECONDS the trial goes on without: an empty result. Its next checkpoint may find
    room, and the one before is still there.
    """
    until = time.monotonic() + STORAGE_SECONDS
    while True:
        try:
            with tempfile.TemporaryDirectory() as scratch:
                return save(scratch)
        except OSError as error:
            if time.monotonic() > until:
                logger.warning("No checkpoint in epoch %s: %s", epoch, error)
                return _TrainingResult(checkpoint=None, metrics={})
        time.sleep(min(STORAGE_SECONDS, 2.0))


def flushed(saved: _TrainingResult) -> _TrainingResult:
    """`saved`, once a power cut leaves its files as they are, where they lie in a folder.

    Nothing is raised where a file system cannot do so: the content is checked on resume.
    """
    from pyarrow import fs

    checkpoint = saved.checkpoint
    if checkpoint is not None and isinstance(checkpoint.filesystem, fs.LocalFileSystem):
        folder = Path(checkpoint.path)
        with contextlib.suppress(OSError):
            for path in (*folder.iterdir(), folder):
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
    return saved


@contextmanager
def on_disk(checkpoint: str) -> Iterator[str]:
    """A checkpoint as a directory: what it is, or a copy of what lies under a URI."""
    if "://" not in checkpoint:
        yield checkpoint
        return
    from pyarrow import fs

    with tempfile.TemporaryDirectory() as scratch:
        fs.copy_files(checkpoint, scratch)
        yield scratch

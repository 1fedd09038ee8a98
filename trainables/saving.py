"""Checkpoints into storage that may be away for a while, and out of one that is no folder."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray.train._internal.session import _TrainingResult

logger = logging.getLogger(__name__)

STORAGE_SECONDS = 60.0
"""How long a trial waits with a checkpoint for storage that cannot be written."""


def patiently(save: Callable[[str], Any], *, epoch: int | None) -> Any:
    """What ``save`` gives back, called with an empty directory until it raises no OSError.

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

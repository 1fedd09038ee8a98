"""A folder that is there whole, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caviar.base.errors import UsageError


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder to write into that gets the name `out` when all went well, else is removed.

    Raises `UsageError` where `out` holds something already or cannot be made.
    """
    check_free(out)
    part = out.parent / f".{out.name}.{os.getpid()}"
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"The folder {out} cannot be made ({error.strerror}): choose another --out."
        ) from error
    try:
        yield part
        part.replace(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def check_free(out: Path) -> None:
    """Raise `UsageError` where `out` holds something already."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out} holds something already: choose another --out.")

"""Sweeps in an object store, copied to this machine's disk to be looked at.

A copy has what a sweep notes of itself; a checkpoint is copied when it is asked for. The copy lies
apart from the folder that a driver on this machine writes.
"""

from __future__ import annotations

from pathlib import Path

from caviar.store import layout
from caviar.store.location import Location, cannot_be_used
from trainables.manifest import NAME, Manifest

_COPIED = (
    layout.OPTIONS,
    layout.SUMMARY,
    layout.DECISIONS,
    layout.DECISION_EVENTS,
    layout.HISTORY_URL,
    layout.HISTORY,
)


def names(storage: Location) -> list[str]:
    """The names of the sweeps in `storage`, sorted.

    Raises `UsageError` where the store does not answer.
    """
    try:
        return [one.name for one in storage.glob("*") if layout.has_sweep(one)]
    except OSError as error:
        raise cannot_be_used(storage, error) from error


def copy(sweep: Location) -> Path | None:
    """The folder of a copy that is as the store has it now; None where no sweep is there.

    A file that has changed is replaced as a whole: who reads the old one reads it to its end.
    Raises `UsageError` where the store does not answer.
    """
    folder = sweep.cache("looked-at") / sweep.name
    try:
        if not layout.has_sweep(sweep):
            return None
        errors = [f"{layout.ERRORS}/{one.name}" for one in (sweep / layout.ERRORS).glob("*.txt")]
        for name in (*_COPIED, *errors):
            _bring(sweep.read(name), folder / name)
    except OSError as error:
        raise cannot_be_used(sweep, error) from error
    return folder


def checkpoint(lies: Location, manifest: Manifest) -> Path:
    """A folder of this machine with the files of a checkpoint.

    Raises `UsageError` where the store does not answer.
    """
    folder = lies.cache("looked-at")
    try:
        for name in (*manifest.files, NAME):
            _bring(lies.read(name), folder / name)
    except OSError as error:
        raise cannot_be_used(lies, error) from error
    return folder


def _bring(content: bytes | None, path: Path) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    elif not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        part.replace(path)

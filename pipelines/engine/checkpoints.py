"""Where the checkpoints of a trial lie, which is the newest whole one, and what may go.

``trials/trial-0007.2/checkpoint_000003``: trial 7, in the third session of the sweep (counted
from 0), its fourth checkpoint there; ``trial-0007.2.1`` when the trial ran again in that session,
its machine being lost. Each has a folder of its own because Ray numbers checkpoints from 0 in each:
an old one is never overwritten by a newer that may end half-written.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pipelines.engine.storage import Place
from trainables.manifest import CheckpointError, Manifest, read_manifest


def folder_name(number: int, session: int, attempt: int = 0) -> str:
    """The name of the folder of a trial in one session of the sweep, and one attempt in it.

    >>> folder_name(7, 0), folder_name(7, 2), folder_name(7, 0, 1)
    ('trial-0007', 'trial-0007.2', 'trial-0007.0.1')
    """
    name = f"trial-{number:04d}"
    if attempt:
        return f"{name}.{session}.{attempt}"
    return f"{name}.{session}" if session else name


def newest(trials: Path | Place, number: int) -> tuple[Path | Place, Manifest] | None:
    """The newest whole checkpoint of a trial, over all sessions; None where there is none.

    A truncated one is passed over: the one before it is whole.
    """
    found = []
    for path in _all(trials, number):
        try:
            found.append((path, read_manifest(path)))
        except CheckpointError:
            continue
    return max(found, key=lambda item: (item[1].epoch, item[0].name), default=None)


def remove(trials: Path | Place, number: int) -> None:
    """Delete all checkpoints of a trial."""
    for path in _all(trials, number):
        _delete(path)


def keep_newest(trials: Path | Place, number: int) -> None:
    """Delete all checkpoints of a trial but its newest whole one; all stay where none is whole."""
    found = newest(trials, number)
    for path in _all(trials, number):
        if found is not None and path != found[0]:
            _delete(path)


def tidy(trials: Path | Place) -> None:
    """Remove the folders that Ray made for trials which keep no checkpoint."""
    if not isinstance(trials, Path):
        return  # an object store has no folders
    for folder in trials.glob("trial-*"):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _delete(path: Path | Place) -> None:
    if isinstance(path, Path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.remove_all()


def _all(trials: Path | Place, number: int) -> list[Path | Place]:
    name = folder_name(number, 0)
    folders = [trials / name, *trials.glob(f"{name}.*")]
    return [path for folder in folders for path in folder.glob("checkpoint_*")]

"""Where the checkpoints of a trial are, which is the newest whole one, and what may go.

`trials/trial-0007.2/checkpoint_000003`: trial 7, its third attempt (counted from 0), its fourth
checkpoint there. An attempt ends with a pause, with a session of the sweep, or where the trial
failed and ran again. Each writes into a folder of its own because Ray numbers checkpoints from 0 in
each: an old one is never overwritten by a newer that may end half-written.
`trials/trial-0012.parent`: what trial 12, a fork, started from.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping

from caviar.base.trial import TrialRecord
from caviar.store.location import Location
from trainables.manifest import NAME, CheckpointError, Manifest, is_altered, read_manifest

_OF_PARENT = "parent"


def folder_name(number: int, attempt: int) -> str:
    """The name of the folder of a trial in one of its attempts."""
    return f"trial-{number:04d}" + (f".{attempt}" if attempt else "")


class CheckpointFolder:
    """The folder of all trials, as the controller asks for it."""

    def __init__(self, trials: Location) -> None:
        self._trials = trials

    def newest(self, number: int) -> tuple[str, int] | None:
        """The newest whole checkpoint of a trial and its epoch."""
        found = newest(self._trials, number)
        return None if found is None else (str(found[0]), found[1].epoch)

    def inherit(self, parent: int, child: int) -> tuple[str, int] | None:
        """A copy of the parent's newest checkpoint that belongs to a fork, and its epoch.

        A copy because the parent may be removed, or train on and overwrite it, before the fork's
        worker has read it. The files are linked where the file system can.
        """
        found = newest(self._trials, parent)
        if found is None:
            return None
        source, manifest = found
        copy = self._trials / f"{folder_name(child, 0)}.{_OF_PARENT}" / source.name
        copy.remove_all()
        if source.local is not None:
            shutil.copytree(source.local, str(copy), copy_function=_link)
        else:
            for name in (*manifest.files, NAME):  # the manifest last: with it a copy is whole
                copy.write(name, (source / name).read_bytes())
        return str(copy), manifest.epoch


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one that has no links
        shutil.copy2(source, target)


def newest(trials: Location, number: int) -> tuple[Location, Manifest] | None:
    """The newest whole checkpoint of a trial, over all attempts; None where there is none.

    A truncated one is passed over: the one before it is whole.
    """
    return next(iter(_newest_first(trials, number)), None)


def remove(trials: Location, number: int) -> None:
    """Delete all checkpoints of a trial."""
    for path in _all(trials, number):
        path.remove_all()


def keep_newest(trials: Location, number: int) -> None:
    """Delete all checkpoints of a trial but its newest whole one; all stay where none is whole."""
    found = newest(trials, number)
    for path in _all(trials, number):
        if found is not None and path != found[0]:
            path.remove_all()


def tidy(trials: Location) -> None:
    """Remove the folders that Ray made for trials which keep no checkpoint."""
    if trials.local is None:
        return  # an object store has no folders
    for folder in trials.local.glob("trial-*"):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def drop_unknown(trials: Location, records: Mapping[int, TrialRecord]) -> None:
    """Delete what unfinished trials have saved after the last report that the history has.

    A history that was copied into the storage before its machine was lost may be behind the
    checkpoints: a trial that went on from one would leave a gap in its curve. It goes on from the
    one before, and trains those epochs again.
    """
    for number, record in records.items():
        forked = record.parent is not None and not record.reports  # it has its parent's
        if not record.unfinished or forked:
            continue
        for path in _all(trials, number):
            with contextlib.suppress(CheckpointError):
                if read_manifest(path).epoch > record.epoch:
                    path.remove_all()


def drop_damaged(trials: Location, records: Mapping[int, TrialRecord]) -> None:
    """Delete the newest checkpoints of unfinished trials up to the first whose content is whole.

    Only before a sweep goes on: it reads them, where `newest` looks at sizes alone.
    """
    for number, record in records.items():
        if not record.unfinished:
            continue
        for path, manifest in _newest_first(trials, number):
            # An object store shows no object that is not whole, and reading is a download there.
            if path.local is None or not is_altered(path.local, manifest):
                break
            path.remove_all()


def _newest_first(trials: Location, number: int) -> list[tuple[Location, Manifest]]:
    """The checkpoints of a trial that are whole by the sizes of their files."""
    found = []
    for path in _all(trials, number):
        try:
            found.append((path, read_manifest(path)))
        except CheckpointError:
            continue
    return sorted(found, key=lambda item: (item[1].epoch, item[0].name), reverse=True)


def _all(trials: Location, number: int) -> list[Location]:
    name = folder_name(number, 0)
    folders = [trials / name, *trials.glob(f"{name}.*")]
    return [path for folder in folders for path in folder.glob("checkpoint_*")]

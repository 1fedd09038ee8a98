"""A sweep that lies on disk, found by its folder or by its name.

What every command after a sweep starts from. Neither Ray nor torch is imported, and nothing is
written: a sweep that runs at the same time is read as far as it has come. One in an object store is
read from a copy on this machine's disk.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.errors import UsageError, did_you_mean
from caviar.base.trial import TrialRecord
from caviar.base.trials import Trials
from caviar.base.uris import written
from caviar.store import answer, finals, layout, local_copy, starting
from caviar.store.answer import Answer
from caviar.store.location import Location
from caviar.store.starting import Asked
from caviar.sweep import codec
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from caviar.store.history import History

STORAGE = Path("results")
"""Where sweeps lie by default, as in `Sweep.storage`."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A sweep on disk, finished or not."""

    folder: Path
    """What is read of it; a copy where the sweep `lies` elsewhere."""
    recipe: str
    options: Sweep
    """What it was first asked. A space or a class that was given from Python is only named here."""
    space: SearchSpace
    """What it searches, whatever a space of that name is today."""
    lies: Location | None = None
    """Where it is, its checkpoints too, when `folder` is a copy of what it has noted."""

    @property
    def place(self) -> Location:
        """Where it is."""
        return Location(str(self.folder)) if self.lies is None else self.lies

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.place.name

    def refresh(self) -> None:
        """Bring the copy of one in an object store up to date."""
        if self.lies is not None and self.lies.local is None:
            local_copy.copy(self.lies)

    @contextmanager
    def history(self, url: str | None = None) -> Iterator[History]:
        """Its history, open for the length of a `with`; `url` as of `opened`."""
        history = self.opened(url)
        try:
            yield history
        finally:
            history.close()

    def opened(self, url: str | None = None) -> History:
        """Its history, which the caller closes. `url` is where its database has moved to.

        Raises `UsageError` where it is damaged, or in a database that cannot be reached.
        """
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import DatabaseError

        from caviar.store import database
        from caviar.store.history import History, noted  # Optuna and SQLAlchemy, half a second

        elsewhere = noted(self.folder)
        url = None if elsewhere is None else url or elsewhere["url"]
        if url is not None:
            database.check(url)
        try:
            return History(self.folder, name=None, objective=self.options.objective, url=url)
        except (DatabaseError, StorageInternalError) as error:
            cause = error.__cause__ if isinstance(error, StorageInternalError) else error
            reason = getattr(cause, "orig", cause)
            raise UsageError(
                f"{self.folder / layout.HISTORY} cannot be read as a database ({reason}): "
                "restore it from a copy."
            ) from error

    def trials(self) -> Trials:
        """Every trial so far, by its number."""
        with self.history() as history:
            return Trials(self.options.objective, history.records())

    def answer(self) -> Answer | None:
        """What its finals found; None where it has none, or before their end.

        A sweep of a version that did not write it into its summary has its finals to tell.
        """
        summary = self.summary()
        if summary is not None and "answer" in summary:
            stored = summary["answer"]
            return None if stored is None else Answer.from_json(stored)
        found = finals.read(self.folder)
        return None if found is None else answer.answer(self.trials(), found)

    def summary(self) -> dict[str, Any] | None:
        """`summary.json`; None before the end of the first session, and where it is damaged."""
        try:
            found = json.loads((self.folder / layout.SUMMARY).read_bytes())
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
            return None
        return found if _is_whole(found) else None

    def best(self, trials: Trials | None = None) -> TrialRecord:
        """The best trial: that of the summary, which is what a person was shown; where there is
        none, or epochs were trained since, the one with the best epoch so far, the first of equals.

        Args:
            trials: its trials where they were read already.

        Raises:
            UsageError: where no trial has reported a finite value.
        """
        trials = self.trials() if trials is None else trials
        summary = self.summary()
        shown = None if summary is None else summary["best"]
        if summary is not None and shown and summary["epochs_trained"] == trials.epochs:
            return trials[shown["trial"]]
        first = trials.best()
        if first is None:
            metric = self.options.metric
            raise UsageError(f"No trial of {self.name!r} has reported a finite {metric}.")
        return first.trial


def find(experiment: str | Path, storage: Path = STORAGE) -> Experiment:
    """The sweep in the folder `experiment`, or of that name in `storage`.

    Both may be of an object store, s3://BUCKET/FOLDER. Raises `UsageError` where there is none,
    and where its options are damaged.
    """
    itself = Location.of(experiment)
    inside = [] if itself.local is None else [Location.of(storage) / str(experiment)]
    for lies in (itself, *inside):
        folder = local_copy.copy(lies) if lies.local is None else lies.local
        before = None if folder is None else starting.stored(folder)
        if folder is not None and before is not None:
            found = _read(folder, before)
            return found if lies.local is not None else dataclasses.replace(found, lies=lies)
        if lies.local is not None and layout.has_history(lies):
            raise UsageError(
                f"{lies} has the history of a sweep, and no file {layout.OPTIONS} that says what "
                "it was asked: restore it from a copy."
            )
    where = written(storage)
    raise UsageError(
        f"There is no sweep {str(experiment)!r}, neither as a folder nor in {where}: name the "
        "folder that holds its history.db, or say with --storage where it lies."
        + did_you_mean(str(experiment), [n for n in names(storage) if n != str(experiment)])
    )


def names(storage: Path = STORAGE) -> list[str]:
    """The names of the sweeps in `storage`, sorted; none where there is no such folder."""
    return local_copy.names(Location.of(storage))


def trial(records: Mapping[int, TrialRecord], number: int, name: str) -> TrialRecord:
    """A trial by its number; raises `UsageError` where there is none."""
    if number not in records:
        there = f"0 … {max(records)}" if records else "none yet"
        raise UsageError(f"{name!r} has no trial {number}: its trials are {there}.")
    return records[number]


def _is_whole(summary: Any) -> bool:
    """Whether it has what is read of a summary."""
    try:
        best = summary["best"]
        parts = [summary["trials"]["total"], summary["epochs_trained"], summary["wall_seconds"]]
        parts += [] if best is None else [best["trial"]]
        metrics = [part["metrics"] for part in (best, summary["baseline"]) if part is not None]
    except (KeyError, TypeError):
        return False
    return all(isinstance(one, int | float) for one in parts) and all(
        isinstance(one, dict | None) for one in metrics
    )


def _read(folder: Path, before: Asked) -> Experiment:
    try:
        return Experiment(
            folder=folder,
            recipe=before.recipe,
            options=codec.restored(before.options),
            space=SearchSpace.from_json(before.space),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise starting.not_ours(folder, error) from error

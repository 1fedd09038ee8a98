"""The history of a sweep: every report and every end of every trial, in one Optuna storage.

`optuna-dashboard` opens it, the summary is drawn from it, a resumed sweep is rebuilt from it.
Parameters are stored in natural units. Each call below is on disk when it returns: a driver that
is killed has lost nothing that it has shown. (SQLite in write-ahead mode: a kill of the process
loses nothing, a power cut the last moments.)
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.event
import sqlalchemy.exc
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from caviar.base.errors import UsageError
from caviar.base.format import duration
from caviar.base.objective import Objective
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.controller.events import DecisionEvent
from caviar.store import database, history_rows, layout
from caviar.store.session import KEY, Session
from search_spaces import SearchSpace
from search_spaces.encoders import optuna_encoder

_EPOCH = "epoch "


class History:
    """The storage of one sweep. Trials must start in the order of their numbers.

    Without a `name` it is the one that is there already, also in a folder that was renamed.
    With a `url` it is in that database, and the folder notes where; a folder that does is opened
    without it. Raises `UsageError` when a new sweep's name is taken there.
    """

    def __init__(
        self, folder: Path, *, name: str | None, objective: Objective, url: str | None = None
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.path = folder / layout.HISTORY
        self._metric = objective.metric
        self._direction = objective.direction
        before = noted(folder)
        only_read = before is None and url is None and _may_only_be_read(self.path)
        if before is not None or url is not None:
            self._storage = RDBStorage(_address(before, url), engine_kwargs={"pool_pre_ping": True})
        else:
            self._storage = _in_file(self.path)
            if not only_read:
                sqlalchemy.event.listen(self._storage.engine, "connect", _write_ahead)
                self._storage.engine.dispose()  # connections made before the listener
        if before is not None:
            name = before["study"]
        if name is None:  # there is none yet where a driver was killed when it had made the file
            name = next(iter(optuna.get_all_study_names(self._storage)), folder.name)
        try:
            if only_read:
                self._study = optuna.load_study(study_name=name, storage=self._storage)
            else:
                self._study = optuna.create_study(
                    storage=self._storage,
                    study_name=name,
                    direction=_DIRECTIONS[objective.direction],
                    load_if_exists=url is None or before is not None,
                )
        except optuna.exceptions.DuplicatedStudyError as error:
            raise UsageError(
                f"The database of --history-url holds a sweep {name!r} already: choose another "
                "--name."
            ) from error
        if before is None and url is not None:
            layout.write_json({"url": url, "study": name}, folder / layout.HISTORY_URL)
        self._ids = {t.number: t._trial_id for t in self._study.get_trials(deepcopy=False)}

    # What holds for the whole sweep.

    def set(self, key: str, value: Any) -> None:
        """Note a JSON value of the whole sweep."""
        self._study.set_user_attr(key, value)

    def get(self, key: str, default: Any = None) -> Any:
        """The JSON value noted under `key`."""
        return self._study.user_attrs.get(key, default)

    def sessions(self) -> list[Session]:
        """The sessions of the sweep so far, the first one first."""
        return [Session.from_json(one) for one in self.get(KEY, [])]

    def note(self, session: Session, place: int) -> None:
        """Note a session in its place, 0 for the first: what was noted there is replaced."""
        stored = list(self.get(KEY, []))
        stored[place : place + 1] = [session.to_json()]
        self.set(KEY, stored)

    # The life of a trial.

    def start(self, record: TrialRecord, space: SearchSpace) -> None:
        """A new trial, in natural units."""
        with self._storage.engine.begin() as connection:
            self._ids[record.number] = history_rows.start(
                connection,
                self._study._study_id,
                number=record.number,
                params=optuna_encoder.natural_params(space, record.config),
                distributions=optuna_encoder.natural_distributions(space, record.config),
                attrs={
                    "config": record.config,
                    "seed": record.seed,
                    "session": record.session,
                    "outcome": record.outcome.value,
                    "started": record.started,
                    "attempt": record.attempt,
                    "begun": record.begun,
                    **_fork(record),
                },
            )

    def again(self, record: TrialRecord) -> None:
        """An unfinished trial runs again: of an earlier session, after a failure or a pause."""
        attrs: dict[str, Any] = {
            "session": record.session,
            "started": record.started,
            "attempt": record.attempt,
            "begun": record.begun,
            "outcome": record.outcome.value,
        }
        if record.again:
            attrs["again"] = record.again
        self._change(record.number, attrs)

    def pause(self, record: TrialRecord) -> None:
        """A trial has left its worker, and goes on if it is promoted."""
        self._change(record.number, {"outcome": record.outcome.value})

    def _change(self, number: int, attrs: Mapping[str, Any]) -> None:
        with self._storage.engine.begin() as connection:
            history_rows.change(connection, self._ids[number], attrs)

    def report(self, number: int, report: Report) -> None:
        """One epoch of a trial."""
        row = {"order": report.order, "at": round(report.at, 3), "metrics": dict(report.metrics)}
        if report.gpu_seconds:
            row["gpu_seconds"] = round(report.gpu_seconds, 3)
        with self._storage.engine.begin() as connection:
            history_rows.report(
                connection,
                self._ids[number],
                report,
                key=f"{_EPOCH}{report.epoch}",
                row=row,
                value=report.metrics.get(self._metric),
            )

    def end(self, record: TrialRecord, best: float | None) -> None:
        """How a trial ended. `best` is its objective: the best epoch's value."""
        state = _STATES[record.outcome]
        if state == TrialState.COMPLETE and best is None:
            state = TrialState.FAIL
        attrs: dict[str, Any] = {"outcome": record.outcome.value}
        if record.error is not None:
            attrs["error"] = record.error
        if record.ended is not None:
            attrs["ended"] = record.ended
        if record.over is not None:
            attrs["over"] = record.over
        with self._storage.engine.begin() as connection:
            history_rows.end(
                connection,
                self._ids[record.number],
                state=state,
                value=best if state == TrialState.COMPLETE else None,
                attrs=attrs,
            )

    def decide(self, event: DecisionEvent) -> None:
        """Append a decision to the files of decisions: its fields, and a line for a person."""
        with self.path.with_name(layout.DECISION_EVENTS).open("a", encoding="utf-8") as events:
            events.write(json.dumps(event.to_json(), ensure_ascii=False) + "\n")
        with self.path.with_name(layout.DECISIONS).open("a", encoding="utf-8") as log:
            log.write(f"{duration(event.at):>14}  {event.words(self._direction)}\n")

    def records(self) -> dict[int, TrialRecord]:
        """Everything there is, by trial number."""
        return {t.number: _record(t) for t in self._study.get_trials(deepcopy=False)}

    def delete(self) -> None:
        """Take the sweep out of its database."""
        optuna.delete_study(study_name=self._study.study_name, storage=self._storage)

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def stored_records(folder: Path) -> dict[int, TrialRecord]:
    """Everything in the history of the sweep in `folder`, by trial number; nothing is written.

    The folder may have been moved or renamed since. Raises `UsageError` where its history cannot
    be read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder / layout.HISTORY
    try:
        storage = _in_file(path)
        try:
            study = optuna.load_study(study_name=None, storage=storage)
            return {t.number: _record(t) for t in study.get_trials(deepcopy=False)}
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except (sqlalchemy.exc.DatabaseError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"{path} is not the history of a sweep of ours ({str(error).splitlines()[0]})."
        ) from error


def noted(folder: Path) -> dict[str, str] | None:
    """The `url` and the `study` that the folder notes in place of a file of its own."""
    path = folder / layout.HISTORY_URL
    return dict(json.loads(path.read_text())) if path.is_file() else None


def _address(before: Mapping[str, str] | None, url: str | None) -> str:
    """The database, which may have moved since it was noted."""
    address = database.url(url or (before or {})["url"])
    return address.render_as_string(hide_password=False)


def _record(trial: FrozenTrial) -> TrialRecord:
    attrs: Mapping[str, Any] = trial.user_attrs
    reports = [
        Report(
            epoch=int(key.removeprefix(_EPOCH)),
            metrics=row["metrics"],
            order=row["order"],
            at=row["at"],
            gpu_seconds=row.get("gpu_seconds", 0.0),
        )
        for key, row in attrs.items()
        if key.startswith(_EPOCH)
    ]
    return TrialRecord(
        number=trial.number,
        config=dict(attrs["config"]),
        seed=attrs["seed"],
        session=attrs["session"],
        outcome=Outcome(attrs["outcome"]),
        reports=sorted(reports, key=lambda report: report.epoch),
        error=attrs.get("error"),
        again=list(attrs.get("again", [])),
        started=list(attrs.get("started", [])),
        ended=attrs.get("ended"),
        # Histories of versions that paused and forked nothing lack the rest. There, the folders of
        # a trial counted sessions.
        attempt=attrs.get("attempt", attrs.get("leg", attrs["session"])),
        begun=list(attrs.get("begun", [])),
        over=attrs.get("over"),
        parent=attrs.get("parent"),
        forked_at=attrs.get("forked_at", 0),
    )


def _fork(record: TrialRecord) -> dict[str, int]:
    if record.parent is None:
        return {}
    return {"parent": record.parent, "forked_at": record.forked_at}


def _in_file(path: Path) -> RDBStorage:
    options: dict[str, Any] = _WAIT_FOR_A_LOCK
    if _may_only_be_read(path):
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        options = {"creator": lambda: sqlite3.connect(uri, uri=True, check_same_thread=False)}
    return RDBStorage(f"sqlite:///{path}", engine_kwargs=options)


def _may_only_be_read(path: Path) -> bool:
    """Whether no write-ahead log lies beside a history, nor can: then SQLite opens it only as one
    that nobody changes."""
    log = path.with_name(f"{path.name}-wal")
    return path.is_file() and not os.access(path.parent, os.W_OK) and not log.exists()


_WAIT_FOR_A_LOCK = {"connect_args": {"timeout": 60}}  # seconds; a dashboard may be reading

_DIRECTIONS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}
_STATES = {
    Outcome.COMPLETED: TrialState.COMPLETE,
    Outcome.STOPPED_EARLY: TrialState.PRUNED,
    Outcome.FAILED: TrialState.FAIL,
    Outcome.DIVERGED: TrialState.FAIL,
}


def _write_ahead(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()

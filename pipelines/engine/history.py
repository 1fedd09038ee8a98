"""The history of a sweep: every report and every end of every trial, in one Optuna storage.

``optuna-dashboard`` opens it, the summary is drawn from it, a resumed sweep is rebuilt from it.
Parameters are stored in natural units. Each call below is on disk when it returns: a driver that
is killed has lost nothing that it has shown. (SQLite in write-ahead mode: 0.7 ms a call where the
default journal takes 1.7 ms; a kill of the process loses nothing, a power cut the last moments.)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.event
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from pipelines.engine import files
from pipelines.engine.records import Mode, Outcome, Report, TrialRecord
from search_spaces import SearchSpace
from search_spaces.encoders import optuna_encoder

_EPOCH = "epoch "


class History:
    """The storage of one sweep. Trials must start in the order of their numbers."""

    def __init__(self, folder: Path, *, name: str, metric: str, mode: Mode) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.path = folder / files.HISTORY
        self._metric = metric
        self._storage = RDBStorage(f"sqlite:///{self.path}", engine_kwargs=_WAIT_FOR_A_LOCK)
        sqlalchemy.event.listen(self._storage.engine, "connect", _write_ahead)
        self._storage.engine.dispose()  # connections made before the listener
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=name,
            direction="maximize" if mode == "max" else "minimize",
            load_if_exists=True,
        )
        self._ids = {t.number: t._trial_id for t in self._study.get_trials(deepcopy=False)}

    # What holds for the whole sweep.

    def set(self, key: str, value: Any) -> None:
        """Note a JSON value of the whole sweep."""
        self._study.set_user_attr(key, value)

    def get(self, key: str, default: Any = None) -> Any:
        """The JSON value noted under ``key``."""
        return self._study.user_attrs.get(key, default)

    # The life of a trial.

    def start(self, record: TrialRecord, space: SearchSpace) -> None:
        """A new trial, in natural units."""
        distributions = optuna_encoder.natural_distributions(space, record.config)
        template = create_trial(
            state=TrialState.RUNNING,
            params=optuna_encoder.natural_params(space, record.config),
            distributions=distributions,
            user_attrs={
                "config": record.config,
                "seed": record.seed,
                "session": record.session,
                "outcome": record.outcome.value,
                "leg": record.leg,
                "begun": record.begun,
                **_fork(record),
            },
        )
        trial_id = self._storage.create_new_trial(self._study._study_id, template_trial=template)
        self._ids[record.number] = trial_id

    def again(self, record: TrialRecord) -> None:
        """An unfinished trial of an earlier session, or a paused one, runs again."""
        # The outcome first: killed before the next line, the trial is paused again on resume.
        self._attr(record.number, "outcome", record.outcome.value)
        self._attr(record.number, "leg", record.leg)
        self._attr(record.number, "session", record.session)
        self._attr(record.number, "begun", record.begun)

    def pause(self, record: TrialRecord) -> None:
        """A trial has left its worker, and goes on if it is promoted."""
        self._attr(record.number, "outcome", record.outcome.value)

    def report(self, number: int, report: Report) -> None:
        """One epoch of a trial."""
        value = report.metrics.get(self._metric)
        row = {"order": report.order, "at": round(report.at, 3), "metrics": dict(report.metrics)}
        self._attr(number, f"{_EPOCH}{report.epoch}", row)
        if value is not None:
            self._storage.set_trial_intermediate_value(self._ids[number], report.epoch, value)

    def end(self, record: TrialRecord, best: float | None) -> None:
        """How a trial ended. ``best`` is its objective: the best epoch's value."""
        if record.error is not None:
            self._attr(record.number, "error", record.error)
        self._attr(record.number, "ended", record.ended)
        self._attr(record.number, "outcome", record.outcome.value)
        state = _STATES[record.outcome]
        if state == TrialState.COMPLETE and best is None:
            state = TrialState.FAIL
        values = [best] if state == TrialState.COMPLETE and best is not None else None
        self._storage.set_trial_state_values(self._ids[record.number], state, values)

    def _attr(self, number: int, key: str, value: Any) -> None:
        self._storage.set_trial_user_attr(self._ids[number], key, value)

    def records(self) -> dict[int, TrialRecord]:
        """Everything there is, by trial number."""
        return {t.number: _record(t) for t in self._study.get_trials(deepcopy=False)}

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def _record(trial: FrozenTrial) -> TrialRecord:
    attrs: Mapping[str, Any] = trial.user_attrs
    reports = [
        Report(
            epoch=int(key.removeprefix(_EPOCH)),
            metrics=row["metrics"],
            order=row["order"],
            at=row["at"],
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
        # Histories of versions that paused and forked nothing lack the rest. There, the folders of
        # a trial counted sessions.
        leg=attrs.get("leg", attrs["session"]),
        begun=list(attrs.get("begun", ())),
        ended=attrs.get("ended"),
        parent=attrs.get("parent"),
        forked_at=attrs.get("forked_at", 0),
    )


def _fork(record: TrialRecord) -> dict[str, int]:
    if record.parent is None:
        return {}
    return {"parent": record.parent, "forked_at": record.forked_at}


_WAIT_FOR_A_LOCK = {"connect_args": {"timeout": 60}}  # seconds; a dashboard may be reading

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

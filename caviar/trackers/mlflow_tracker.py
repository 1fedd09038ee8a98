"""MLflow: an experiment for the sweep, a run for each trial."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.trackers.tracked_history import Tracker

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_FAILED = (Outcome.FAILED, Outcome.DIVERGED)


def client(uri: str) -> MlflowClient:
    """The client of a tracking server or of a database; raises what MLflow raises."""
    from mlflow.tracking import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # else it tells of its own tables
    return MlflowClient(tracking_uri=uri)


class MLflow(Tracker):
    """`token` tells the runs of this sweep from others': a resumed one finds its own by it."""

    option = "--mlflow"

    def __init__(self, uri: str, *, name: str, metric: str, token: str) -> None:
        self._uri = uri
        self._name = name
        self._metric = metric
        self._token = token
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._runs: dict[int, str] = {}

    def _connected(self) -> MlflowClient:
        if self._client is None:
            connection = client(self._uri)
            found = connection.get_experiment_by_name(self._name)
            self._experiment = (
                connection.create_experiment(self._name) if found is None else found.experiment_id
            )
            self._client = connection
        return self._client

    def _run(self, number: int) -> str:
        """The run of a trial, which another session may have begun."""
        connection = self._connected()
        if number not in self._runs:
            mine = f"tags.`caviar.sweep` = '{self._token}' and tags.`caviar.trial` = '{number}'"
            found = connection.search_runs([self._experiment], mine, max_results=1)
            if found:
                self._runs[number] = found[0].info.run_id
            else:
                tags = {"caviar.sweep": self._token, "caviar.trial": str(number)}
                begun = connection.create_run(
                    self._experiment, tags=tags, run_name=f"trial {number}"
                )
                self._runs[number] = begun.info.run_id
        return self._runs[number]

    def start(self, record: TrialRecord) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in record.config.items()]
        self._connected().log_batch(self._run(record.number), params=params)

    def report(self, number: int, report: Report) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        values = [Metric(name, value, now, report.epoch) for name, value in report.metrics.items()]
        self._connected().log_batch(self._run(number), metrics=values)

    def end(self, record: TrialRecord, best: float | None) -> None:
        connection, run = self._connected(), self._run(record.number)
        connection.set_tag(run, "outcome", record.outcome.value)
        if best is not None:
            connection.log_metric(run, f"best_{self._metric}", best)
        status = "FAILED" if record.outcome in _FAILED else "FINISHED"
        connection.set_terminated(run, status)

    def close(self) -> None:
        """Nothing is held open."""

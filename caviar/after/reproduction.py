"""A trial trained again, beside the curve that the sweep recorded of it."""

from __future__ import annotations

import itertools
import math
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.errors import UsageError
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.controller import forks
from caviar.driver import in_process, loading
from caviar.store.experiments import Experiment, trial
from caviar.store.session import Session
from caviar.store.summary import versions
from caviar.sweep import codec
from caviar.sweep.sweep import Sweep
from trainables.options import TrialInfo

if TYPE_CHECKING:
    from trainables.data import Dataset

_CLOCKS = ("seconds", "per_second")
"""How the names of metrics end that say how fast the machine was."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference between two curves; infinite where one of them has no value."""

    size: float = 0.0
    metric: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What a sweep noted of a trial and of the session that ran it last."""

    record: TrialRecord
    options: Sweep
    versions: Mapping[str, str] | None
    """None where the sweep is older than the note."""
    data: str | None
    checksum: str | None = None
    """Of the data; None as above."""
    ancestors: Sequence[TrialRecord] = ()
    """Of a fork: the trials that it goes on from, the first of them first."""


@dataclass(slots=True, kw_only=True)
class Reproduction:
    """What came of training a trial again."""

    original: Original
    data: str
    """The data set it was trained on now."""
    checksum: str | None = None
    """Of that data."""
    difference: Difference = field(default_factory=Difference)
    epochs: int = 0
    """Epochs that both curves have."""
    missing: int = 0
    """Epochs that were recorded, and did not come again."""
    outcome: str | None = None
    """What ended the trial now: diverged, out_of_memory, or None."""
    error: str | None = None
    """The last line of what was raised now."""
    traceback: str | None = None

    def is_same(self, tolerance: float) -> bool:
        """Whether no metric differs by more than `tolerance`, and the trial ended alike."""
        record = self.original.record
        if self.missing or self.difference.size > tolerance:
            return False
        if record.outcome is Outcome.DIVERGED:
            return self.outcome == "diverged"
        if record.outcome is Outcome.FAILED:
            return self.outcome == "out_of_memory" or self.error == record.error
        return self.outcome is None and self.error is None

    def other_data(self) -> tuple[str, str] | None:
        """The data then and now, where the two differ."""
        then, checksum = self.original.data, self.original.checksum
        if checksum is not None and checksum != self.checksum:
            return f"{then} (checksum {checksum})", f"{self.data} (checksum {self.checksum})"
        return (then, self.data) if then not in (None, self.data) else None

    def other_versions(self) -> list[tuple[str, str, str]]:
        """What ran then and now, where the two differ, with Python among it."""
        now = versions()
        then = self.original.versions or {}
        names = [name for name in then if now.get(name, "none") != then[name]]
        return [(name, then[name], now.get(name, "none")) for name in names]


def original(experiment: Experiment, number: int) -> Original:
    """Read a trial and what its session noted.

    Raises `UsageError` where there is no such trial, or nothing to compare with.
    """
    with experiment.history() as history:
        records = history.records()
        record = trial(records, number, experiment.name)
        noted = history.sessions()
    if not record.reports and record.outcome is not Outcome.FAILED:
        raise UsageError(f"Trial {number} of {experiment.name!r} has not reported an epoch yet.")
    session = noted[record.session] if record.session < len(noted) else Session()
    options = experiment.options
    if session.options:
        options = codec.restored(session.options)
    summary = experiment.summary() or {}
    return Original(
        record=record,
        options=loading.with_trainable(loading.settled(options, session.dataset), experiment.space),
        versions=session.versions or summary.get("versions"),
        data=session.data,
        checksum=session.data_checksum,
        ancestors=forks.ancestors(record, records),
    )


def with_other_places(
    sweep: Sweep, *, data_dir: Path | None = None, trainable: str | None = None
) -> Sweep:
    """`sweep` with its files or its class where they are now."""
    changes: dict[str, Any] = {}
    if data_dir is not None:
        changes["data_dir"] = data_dir
    if trainable is not None:
        changes["trainable"] = trainable
    return replace(sweep, **changes)


def run(
    before: Original,
    sweep: Sweep,
    trainable: type[Any],
    dataset: Dataset,
    *,
    on_epoch: Callable[[Report, Mapping[str, float]], None],
) -> Reproduction:
    """Train the trial again, as far as it was trained, in this process; before a fork its
    ancestors, each up to the epoch where the next one goes on from it.

    Args:
        before: what was recorded.
        sweep: its options, perhaps `with_other_places`.
        trainable: its class.
        dataset: its data set, as loaded.
        on_epoch: told of each epoch: the recorded report, and the metrics now.
    """
    record = before.record
    found = Reproduction(original=before, data=dataset.describe(), checksum=dataset.checksum)
    data, options = loading.for_trials(sweep, dataset)
    recorded = {report.epoch: report for report in record.reports}
    # A failure came in the epoch after the last report.
    count = record.epoch - record.forked_at + (1 if record.outcome is Outcome.FAILED else 0)
    given: dict[str, Any] = {"data": data, "options": options, "gpus": sweep.gpus_per_trial}
    try:
        with (
            _after_its_ancestors(before, trainable, given) as info,
            in_process.trial(trainable, record.config, info=info, **given) as running,
        ):
            for row in in_process.epochs(running, trainable.metrics, count):
                found.outcome = row["outcome"]
                report = recorded.get(row["epoch"])
                if report is None:
                    continue
                found.epochs += 1
                gap = difference(report, row["metrics"])
                if gap.size > found.difference.size:
                    found.difference = gap
                on_epoch(report, row["metrics"])
    except Exception as error:  # noqa: BLE001 - whatever a trainable raises is what is asked for
        found.error = traceback.format_exception_only(error)[-1].strip()
        found.traceback = traceback.format_exc()
    found.missing = len(recorded) - found.epochs
    return found


@contextmanager
def _after_its_ancestors(
    before: Original, trainable: type[Any], given: Mapping[str, Any]
) -> Iterator[TrialInfo]:
    """What the trial is told: where the checkpoint of its ancestors is, which are trained here."""
    chain = [*before.ancestors, before.record]
    info = TrialInfo(number=chain[0].number, seed=chain[0].seed)
    with tempfile.TemporaryDirectory(prefix="caviar-") as scratch:
        for one, heir in itertools.pairwise(chain):
            place = tempfile.mkdtemp(dir=scratch)
            with in_process.trial(trainable, one.config, info=info, **given) as running:
                for _ in in_process.epochs(
                    running, trainable.metrics, heir.forked_at - one.forked_at
                ):
                    pass
                running.save_checkpoint(place)
            info = TrialInfo(number=heir.number, seed=heir.seed, restore_from=place, fork=True)
        yield info


def difference(report: Report, now: Mapping[str, float]) -> Difference:
    """The metric of one epoch that differs most; clocks are not compared.

    >>> then = Report(3, {"val_loss": 0.5, "val_f1": math.nan, "epoch_seconds": 1.0}, 0, 0.0)
    >>> difference(then, {"val_loss": 0.25, "val_f1": math.nan, "epoch_seconds": 9.0})
    Difference(size=0.25, metric='val_loss', epoch=3)
    """
    most = Difference()
    then = report.metrics
    for name in sorted(set(then) | set(now)):
        if name.endswith(_CLOCKS):
            continue
        size = _gap(then.get(name), now.get(name))
        if size > most.size:
            most = Difference(size, name, report.epoch)
    return most


def _gap(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        return math.inf
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    gap = abs(one - other)
    return math.inf if math.isnan(gap) else gap

"""A configuration of a sweep trained once more: on all its rows, or for more epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from caviar.base.errors import UsageError
from caviar.base.trial import TrialRecord
from caviar.controller import forks
from caviar.driver import in_process, loading
from caviar.store import layout
from caviar.store.atomic_folder import whole_folder
from caviar.store.experiments import Experiment
from caviar.store.layout import finite
from caviar.store.summary import versions
from caviar.sweep import codec
from caviar.sweep.sweep import Sweep

if TYPE_CHECKING:
    from trainables import LoopTrainable
    from trainables.data import Dataset
    from trainables.options import TrialOptions

Rows = Literal["train", "train+val"]
NOTES = "retrain.json"
"""What was trained, how, and what came of it; beside the checkpoint."""
ESTIMATOR = "estimator.joblib"
"""The fitted estimator of scikit-learn, where one was trained."""


class TrainingFailed(RuntimeError):  # noqa: N818 - what came of it, not a mistake of the program
    """The training came to nothing; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is trained, and for how long."""

    record: TrialRecord
    rows: Rows
    """The training rows, with the best epoch chosen on the validation rows; or both together, with
    the last epoch kept."""
    epochs: int
    schedule_over: int
    """Epochs over which a schedule such as cosine runs its course; at least `epochs`."""
    seed: int
    ancestors: Sequence[TrialRecord] = ()
    """Of a fork: the trials that it went on from in the sweep, the first of them first."""

    def notes(self, sweep: Sweep) -> list[str]:
        """What a person should know of what may go another way than in the sweep."""
        return [*self._of_fork(), *self._of_schedule(sweep)]

    def to_json(self) -> dict[str, object]:
        """As in `retrain.json`."""
        return {
            "trial": self.record.number,
            "config": self.record.config,
            "seed": self.seed,
            "forked_at": self.record.forked_at,
            "ancestors": [
                {"trial": one.number, "config": one.config, "forked_at": one.forked_at}
                for one in self.ancestors
            ],
            "rows": self.rows,
            "epochs": self.epochs,
            "schedule_over": self.schedule_over,
        }

    def _of_fork(self) -> list[str]:
        if not self.ancestors:
            return []
        return [
            f"fork       trial {self.record.number} went on from others, which is not repeated: it "
            "is trained from the start with its own configuration",
            *(f"           {part}" for part in forks.schedule(self.ancestors, self.record)),
        ]

    def _of_schedule(self, sweep: Sweep) -> list[str]:
        schedule = self.record.config.get("schedule", "constant")
        if schedule == "cosine":
            same = self.schedule_over == sweep.max_epochs
            where = "as in the sweep" if same else f"in the sweep over {sweep.max_epochs}"
            return [f"schedule   cosine, over {self.schedule_over} epochs ({where})"]
        if schedule == "plateau" and self.rows == "train+val":
            return ["schedule   plateau, which watches the training loss: no row validates"]
        return []


def plan(
    experiment: Experiment,
    record: TrialRecord,
    *,
    rows: Rows,
    epochs: int | None,
    schedule_over: int | None,
    seed: int | None,
    ancestors: Sequence[TrialRecord] = (),
) -> Plan:
    """Fill in what was not asked for.

    Without `epochs`: on all rows as many as the trial's best epoch took; on the training rows as
    many as the sweep gave. A schedule then goes as it did in the sweep; with `epochs` it is
    stretched to them, unless `schedule_over` says otherwise.

    Raises `UsageError` for numbers that do not fit together.
    """
    most = experiment.options.max_epochs
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs must be at least 1, and it is {epochs}.")
    if seed is not None and seed < 0:
        raise UsageError(f"--seed must be at least 0, and it is {seed}.")
    best = experiment.options.objective.best_epoch(record.reports)
    if best is None:
        raise UsageError(
            f"Trial {record.number} of {experiment.name!r} has no epoch with a finite "
            f"{experiment.options.metric}: choose another with --trial."
        )
    length = epochs or (most if rows == "train" else best.epoch)
    over = schedule_over or (most if epochs is None else epochs)
    if over < length:
        raise UsageError(
            f"--schedule-over must be at least the {length} epochs that are trained, and it is "
            f"{over}."
        )
    return Plan(
        record=record,
        rows=rows,
        epochs=length,
        schedule_over=over,
        seed=record.seed if seed is None else seed,
        ancestors=ancestors,
    )


def load_rows(sweep: Sweep, rows: Rows) -> tuple[Dataset, dict[str, Any]]:
    """The data set to train on, standardised, if the sweep's was, by the rows that are trained on;
    and its `inputs`.

    Raises `UsageError` where it is not to be had.
    """
    raw = raw_rows(sweep, rows)
    return loading.standardised(sweep, raw), inputs(raw, sweep)


def inputs(raw: Dataset, sweep: Sweep) -> dict[str, Any]:
    """What makes a row of the files into inputs of a model, and its classes into labels, as JSON
    values: `columns` of a table, `standardise`, and `labels`; None for what there is not."""
    columns, standards = raw.columns, None
    if sweep.standardise:
        shift, factor = raw.standards()  # they broadcast against one row
        standards = {"subtract": shift[0].tolist(), "multiply": factor[0].tolist()}
    return {
        "columns": None if columns is None else [column.to_json() for column in columns],
        "standardise": standards,
        "labels": None if raw.labels is None else list(raw.labels),
    }


def raw_rows(sweep: Sweep, rows: Rows) -> Dataset:
    """The same with the values as they are in the files: of images in 0 … 1."""
    dataset, _ = loading.load_data(replace(sweep, standardise=False))
    return dataset.pooled() if rows == "train+val" else dataset


def check_trainable(trainable: type[Any], rows: Rows) -> None:
    """Raise `UsageError` unless one can train with it on these rows, save and score."""
    from trainables import LoopTrainable

    if not issubclass(trainable, LoopTrainable):
        raise UsageError(
            f"{trainable.__name__} is not derived from trainables.LoopTrainable, whose checkpoints "
            "and scores this command needs."
        )
    if rows == "train+val" and trainable.needs_validation:
        raise UsageError(
            f"{trainable.__name__} validates by itself and needs validation rows, and --on is "
            "train+val, which leaves none: add --on train."
        )


def run(
    asked: Plan,
    experiment: Experiment,
    sweep: Sweep,
    trainable: type[Any],
    data: Dataset,
    inputs: Mapping[str, Any],
    *,
    out: Path,
    on_epoch: Callable[[int, Mapping[str, float]], None],
) -> dict[str, Any]:
    """Train, score the test rows once, and write `out`: a checkpoint, `retrain.json`, and of a
    class for estimators the fitted one.

    Args:
        asked: what to train.
        experiment: where it is from.
        sweep: its options.
        trainable: its class.
        data: from `load_rows`.
        inputs: from there too.
        out: a folder that does not exist yet; it is there in the end, whole, or not at all.
        on_epoch: told of each epoch and its metrics.

    Returns what is in `retrain.json`. Raises `UsageError` where nothing can be written there or
    the class cannot train on these rows, `TrainingFailed` where the training comes to nothing.
    """
    _, options = loading.for_trials(replace(sweep, folds=1, max_epochs=asked.schedule_over), data)
    options = replace(
        options,
        metric=sweep.metric.removesuffix("_std"),
        keep="last" if asked.rows == "train+val" else "best",
    )
    with (
        whole_folder(out) as part,
        in_process.rebuilt(
            trainable,
            asked.record,
            seed=asked.seed,
            data=data,
            options=options,
            gpus=sweep.gpus_per_trial,
        ) as running,
    ):
        curve = []
        for row in in_process.epochs(running, trainable.metrics, asked.epochs):
            if row["outcome"] is not None:
                what = row["outcome"].replace("_", " ")
                raise TrainingFailed(f"It ended as {what}: {row['detail']}")
            curve.append(row["metrics"])
            on_epoch(row["epoch"], row["metrics"])
        running.save_checkpoint(str(part))
        test = _scored(running, asked.record, trainable, part, data=data, options=options)
        found = {
            "experiment": str(experiment.place),
            "recipe": experiment.recipe,
            **asked.to_json(),
            "data": data.describe(),
            "data_checksum": data.checksum,
            **inputs,
            "estimator": _save_estimator(running, part),
            "test": None if test is None else finite(test),
            "curve": [finite(metrics) for metrics in curve],
            "options": codec.describe(sweep),
            "versions": versions(),
        }
        layout.write_json(found, part / NOTES)
    return found


def _scored(
    running: LoopTrainable,
    record: TrialRecord,
    trainable: type[LoopTrainable],
    folder: Path,
    *,
    data: Dataset,
    options: TrialOptions,
) -> Mapping[str, float] | None:
    """The metrics of the test rows; on the CPU, by the checkpoint, where the memory is too small.

    The training is done, and these are the first rows that were only looked at.
    """
    from trainables.loops import is_out_of_memory

    try:
        return running.score()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return in_process.score(
            trainable,
            record.config,
            checkpoint=str(folder),
            number=record.number,
            data=data,
            options=options,
            gpus=0,
        )


def _save_estimator(running: LoopTrainable, folder: Path) -> str | None:
    """Write the fitted estimator, where there is one; its file, or why it could not be written."""
    from trainables import EstimatorTrainable

    if not isinstance(running, EstimatorTrainable):
        return None
    try:
        running.save_estimator(folder / ESTIMATOR)
    except ValueError as error:  # the scores are worth keeping
        return f"not written: {error}"
    return ESTIMATOR

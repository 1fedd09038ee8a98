"""The weights of a trial in a folder that can be given away: model, configuration, model card."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from caviar.after import model_card, retraining
from caviar.after.reproduction import Original
from caviar.base.errors import UsageError
from caviar.base.trial import TrialRecord
from caviar.driver import in_process, loading
from caviar.store import checkpoints, layout, local_copy, recording
from caviar.store.atomic_folder import whole_folder
from caviar.store.experiments import Experiment
from caviar.store.layout import finite
from caviar.store.location import Location
from caviar.store.summary import versions
from caviar.sweep.sweep import Sweep, by_name
from trainables.manifest import CheckpointError
from trainables.options import DeviceOptions

if TYPE_CHECKING:
    from torch import nn

    from trainables.data import Dataset
    from trainables.loops import Checkpoint

Format = Literal["state_dict", "torchscript", "torch_export"]
FILES: dict[Format, str] = {
    "state_dict": "weights.pt",
    "torchscript": "model.ts",
    "torch_export": "model.pt2",
}
CONFIGURATION = "configuration.json"
_CHECKED_ROWS = 256
_TOLERANCE = 1e-3
"""By how much logits may differ from the trained model's: another order of additions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the weights come from."""

    place: Path
    """The directory of the checkpoint."""
    rows: retraining.Rows
    """What it was trained on."""
    test: Mapping[str, float | None] | None
    """The metrics of the test rows, where they were looked at."""
    seed: int
    data: str | None
    """The data set that it was trained on, described."""
    checksum: str | None
    """Of that data; None where a version that takes none trained it."""


def of_the_sweep(experiment: Experiment, before: Original, trainable: type[Any]) -> Source:
    """The checkpoint of a trial.

    Raises `UsageError` where none is kept, and where it is of several models.
    """
    record, sweep = before.record, before.options
    if sweep.folds > 1:
        raise UsageError(
            f"Each trial of {experiment.name!r} is {sweep.folds} models of a cross-validation: "
            f"train one with {_again(experiment, record, trainable)}, then export that with --from."
        )
    found = checkpoints.newest(experiment.place / layout.TRIALS, record.number)
    if found is None:
        raise UsageError(
            f"Trial {record.number} of {experiment.name!r} has no checkpoint, a sweep keeps those "
            f"of its best {experiment.options.keep_checkpoints} trials: train it again with "
            f"{_again(experiment, record, trainable)}, then export that with --from."
        )
    lies, manifest = found
    place = local_copy.checkpoint(lies, manifest) if lies.local is None else lies.local
    return Source(
        place=place,
        rows="train",
        test=None,
        seed=record.seed,
        data=before.data,
        checksum=before.checksum,
    )


def _again(experiment: Experiment, record: TrialRecord, trainable: type[Any]) -> str:
    """The command that trains a trial once more."""
    rows = " --on train" if trainable.needs_validation else ""
    return f"caviar retrain {experiment.place} --trial {record.number}{rows}"


def of_a_retraining(experiment: Experiment, folder: Path) -> tuple[Source, int]:
    """What `caviar retrain` wrote, and the number of the trial.

    Raises `UsageError` where it is not of this sweep.
    """
    try:
        notes = json.loads((folder / retraining.NOTES).read_text())
        number = int(notes["trial"])
        source = Source(
            place=folder,
            rows=notes["rows"],
            test=notes["test"],
            seed=int(notes["seed"]),
            data=notes.get("data"),
            checksum=notes.get("data_checksum"),
        )
        origin = Location.of(notes["experiment"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"--from takes a folder that caviar retrain wrote, and {folder} has no readable "
            f"{retraining.NOTES} ({error})."
        ) from error
    if origin.name != experiment.name:
        raise UsageError(f"{folder} was retrained from {origin}, not from {experiment.place}.")
    return source, number


def write(
    experiment: Experiment,
    record: TrialRecord,
    source: Source,
    sweep: Sweep,
    trainable: type[Any],
    *,
    form: Format,
    out: Path,
) -> dict[str, Any]:
    """Write `out`: the model in that form, `configuration.json`, and `README.md`.

    Args:
        experiment: the sweep.
        record: the trial.
        source: its weights.
        sweep: its options.
        trainable: its class.
        form: how the model is written.
        out: a folder that does not exist yet; it is there in the end, whole, or not at all.

    Returns what is in `configuration.json`. Raises `UsageError` where the trial has no model
    that can be written so, and where the data is not what it was trained on.
    """
    saved = _read(source.place)
    raw = retraining.raw_rows(sweep, source.rows)
    if recording.is_other_data(source.checksum, raw):
        raise UsageError(
            f"The weights were trained on {source.data} (checksum {source.checksum}) and the data "
            f"is {raw.describe()} (checksum {raw.checksum}), by which inputs would be prepared "
            "otherwise: say with --data-dir where it lies as it was, or train on today's with "
            f"{_again(experiment, record, trainable)}, then export that with --from."
        )
    data = loading.standardised(sweep, raw)
    # On the CPU and as it was written: what is exported is the same whatever machine exports it.
    single = replace(sweep, folds=1, gpus_per_trial=0, device=DeviceOptions())
    _, options = loading.for_trials(single, data)
    options = replace(options, keep="last")  # nothing is trained, so no epoch is chosen
    with (
        whole_folder(out) as part,
        in_process.rebuilt(
            trainable, record, seed=source.seed, data=data, options=options, gpus=0
        ) as running,
    ):
        try:
            running.load_weights(saved.best_weights)
        except CheckpointError as error:
            raise UsageError(f"{source.place} does not fit: {error}") from error
        model = running.model.eval()
        takes_raw = sweep.standardise and form != "state_dict" and not _prepares(trainable)
        given = raw if takes_raw else running.data
        written = _with_standards(model, raw) if takes_raw else model
        gap = _save(written, given, form, part / FILES[form])
        found = {
            "format": form,
            "file": FILES[form],
            "trainable": by_name(sweep.trainable),
            "hyperparameters": record.config,
            "input_shape": list(given.input_shape),
            "classes": given.classes,
            **retraining.inputs(raw, sweep),
            "standardises_itself": takes_raw,
            "prepares_data": _prepares(trainable),
            "largest_difference_of_logits": gap,
            "experiment": experiment.name,
            "trial": record.number,
            "epoch": saved.best_epoch,
            "trained_on": source.rows,
            "data": data.describe(),
            "data_checksum": data.checksum,
            "metrics": finite(saved.best_metrics),
            "test": source.test,
            "seed": source.seed,
            "versions": versions(),
        }
        layout.write_json(found, part / CONFIGURATION)
        (part / "README.md").write_text(model_card.write(found, experiment, sweep))
    return found


def check_trainable(trainable: type[Any], experiment: Experiment, record: TrialRecord) -> None:
    """Raise `UsageError` unless what it trains is a torch model."""
    from trainables import EstimatorTrainable, TorchTrainable

    if issubclass(trainable, EstimatorTrainable):
        raise UsageError(
            f"caviar export writes torch models, and {trainable.__name__} trains estimators: "
            f"{_again(experiment, record, trainable)} writes the fitted one as "
            f"{retraining.ESTIMATOR}."
        )
    if not issubclass(trainable, TorchTrainable):
        raise UsageError(
            f"caviar export writes torch models, and {trainable.__name__} is not derived from "
            "trainables.TorchTrainable: its checkpoints are all there is."
        )


def _prepares(trainable: type[Any]) -> bool:
    """Whether it changes the data before it trains: what it does there is no part of a model."""
    from trainables import TorchTrainable

    return trainable.prepare_data is not TorchTrainable.prepare_data


def _read(place: Path) -> Checkpoint:
    from trainables.loops import read_checkpoint

    try:
        saved = read_checkpoint(place, training_state=False)
    except CheckpointError as error:
        raise UsageError(f"The checkpoint cannot be used: {error}") from error
    if saved.best_weights is None:
        raise UsageError(f"{place} has no weights of a best epoch: no epoch was finite.")
    return saved


def _with_standards(model: nn.Module, raw: Dataset) -> nn.Module:
    from trainables.models.portable import Standardising

    return Standardising(model, *raw.standards())


def _save(model: nn.Module, data: Dataset, form: Format, path: Path) -> float:
    """Write the model and read it again; the largest difference of its logits on test rows."""
    import torch

    from trainables.models import portable

    if form == "state_dict":
        torch.save(dict(model.state_dict()), path)
        return 0.0
    rows = torch.from_numpy(data.x_test[:_CHECKED_ROWS].copy())
    ways: dict[str, tuple[Callable[..., None], Callable[[Path], nn.Module]]] = {
        "torchscript": (portable.save_torchscript, portable.load_torchscript),
        "torch_export": (portable.save_torch_export, portable.load_torch_export),
    }
    save, load = ways[form]
    try:
        save(model, rows[:2], path)
        with torch.inference_mode():
            gap = (load(path)(rows) - model(rows)).abs().max().item()
    except Exception as error:  # a model of one's own may fail in any way there
        raise UsageError(
            f"This model cannot be written as {form} ({type(error).__name__}: "
            f"{str(error).strip().partition(chr(10))[0]}): take --format state_dict."
        ) from error
    if not gap <= _TOLERANCE:
        raise UsageError(
            f"This model written as {form} computes other logits, by up to {gap:.3g}: what it does "
            "depends on its input. Take --format state_dict."
        )
    return float(gap)

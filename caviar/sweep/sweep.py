"""The typed configuration of a sweep: what a recipe fixes and what the command line may change."""

from __future__ import annotations

import math
import sys
import typing
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from caviar.base.errors import UsageError
from caviar.base.objective import Direction, Objective, direction_of
from caviar.base.option_types import fits
from caviar.base.options import of_its_type
from caviar.schedulers import Asha, SchedulerOptions
from caviar.searchers import Random, SearcherOptions
from caviar.sweep.limits import Limits
from search_spaces import SearchSpace
from trainables.options import Augmentation, DeviceOptions


def by_name(value: str | SearchSpace | type[Any]) -> str:
    """What the command line calls a space or a class that was given from Python.

    A class of the script that runs is named by the script's file, from whose folder a later command
    can import it.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, SearchSpace):
        return value.name
    module = value.__module__
    if module == "__main__":
        script = Path(getattr(sys.modules[module], "__file__", None) or module).stem
        module = script if script.isidentifier() else module
    return f"{module}:{value.__qualname__}"


AUTO = "auto"
_BY_NAME = tyro.constructors.PrimitiveConstructorSpec(
    nargs=1,
    metavar="STR",
    instance_from_str=lambda words: words[0],
    is_instance=lambda value: isinstance(value, str | SearchSpace | type),
    str_from_instance=lambda value: [by_name(value)],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One hyperparameter sweep. Every field is an option of every recipe's command line."""

    dataset: str = "auto"
    """fashion_mnist, cifar10, digits; arrays or table, files of yours; or auto:
    Fashion-MNIST where it is found or can be downloaded, else digits."""
    data_dir: Path | None = None
    """The folder of the data set's files, where it is not found by itself; for arrays a folder of
    .npy files or an .npz, for table a .csv or a .parquet."""
    target: str | None = None
    """The column of a table with the labels; by default the one named target, label or class."""
    train_size: int | None = None
    """Rows to train on: of fashion_mnist the first of the training set, of every other data set a
    fixed draw, stratified by class. By default all but the usual share for validation."""
    val_size: int | None = None
    """Rows to validate on: of digits, and of arrays with x_val, rows of the part for validation; of
    every other data set those that come next after the ones to train on, drawn alike."""
    standardise: bool = True
    """Inputs minus the training part's mean, over its standard deviation; else as they are, in
    0 … 1."""

    folds: int = 1
    """Folds of a stratified cross-validation, trained side by side in each trial, over the training
    and validation rows; 1 for the data set's own split."""
    augment: Augmentation = "none"
    """Random changes of training images: flip, crop, or both."""

    space: Annotated[str | SearchSpace, _BY_NAME] = "mlp"
    """A built-in search space (caviar spaces lists them), or your own as package.module:name."""
    fix: tuple[str, ...] = ()
    """Parameters not to search, as NAME=VALUE: --fix batch_size=128 dropout=0."""
    trainable: Annotated[str | type[Any], _BY_NAME] = AUTO
    """What trains one configuration, as package.module:Class; auto takes the built-in one that
    understands the space: trainables:TorchTrainable for MLPs, CNNTrainable, or ResNetTrainable."""

    trials: int | None = 64
    """Configurations to try, the default one included; None for as many as the time allows."""
    max_epochs: int = 27
    """Epochs of a trial that is never stopped."""
    time_budget: float | None = None
    """Seconds for the whole sweep, over all its sessions."""
    max_total_epochs: int | None = None
    """Epochs for the whole sweep, over all its trials."""
    gpu_hours: float | None = None
    """GPU-hours for the whole sweep: hours that trials run, times --gpus-per-trial."""
    patience: int | None = None
    """Stop when so many trials have ended without a better value."""
    stop_at: float | None = None
    """Stop when the metric has reached this value."""

    finalists: int = 0
    """So many of the best trials, and the default configuration, are trained again with fresh seeds
    when the search is over, to the last epoch; the best mean wins and alone meets the test rows. 0
    for none; it costs (FINALISTS + 1) * FINAL_SEEDS full trainings beyond the budget of the
    search."""
    final_seeds: int = 3
    """Fresh seeds of each finalist; their spread is the noise of the answer."""

    warm_start: tuple[str, ...] = ()
    """Earlier sweeps, by folder or by name in --storage: their trials teach the searcher before the
    first trial and are not run again."""
    retest: int = 0
    """The best trials of --warm-start to run again all the same, first of all after the default."""

    concurrent: int | None = None
    """Trials that run side by side; as many as the machines hold by default."""
    cpus_per_trial: float = 1
    """CPUs of one trial, and torch's threads in it."""
    gpus_per_trial: float = 0
    """GPUs of one trial; a fraction shares a GPU, and with several each has a worker of its own."""
    workers_per_trial: int | None = None
    """Processes that train one trial together and share each batch, its CPUs and its GPUs; by
    default one, or one a GPU."""
    spread_trial: bool = False
    """Spread the workers of a trial over several machines; else they lie on one."""
    accelerator_type: str | None = None
    """The kind of machine that trials run on, as Ray names it: A100, H100, T4; any by default."""
    retries: int = 0
    """How often a trial that fails by itself is tried again, from its newest checkpoint. One whose
    machine is lost is without being asked."""

    seed: int = 0
    """Where all randomness of the sweep comes from."""
    metric: str = "val_accuracy"
    """What is optimised; the report of the best epoch counts."""
    mode: Literal["max", "min"] | None = None
    """Whether more is better; by default min where the metric is named as a loss, an error or a
    time (val_loss, val_mae, rmse, nll, perplexity …), and max for the rest."""

    storage: Path = Path("results")
    """The folder of all sweeps."""
    history_url: str | None = None
    """A database for the history, postgresql://USER@HOST/DATABASE, with the password in PGPASSWORD;
    the file history.db by default."""
    name: str | None = None
    """The folder of this one in it; recipe, data set and time by default."""
    resume: bool = False
    """Go on with the sweep --name: its unfinished trials first, then new ones up to the budget."""
    keep_checkpoints: int = 3
    """Trials whose checkpoints are kept, the best ones."""
    disk_limit: float | None = None
    """Gigabytes that the checkpoints may take; a sweep whose largest models may need more is not
    started, nor is one that may need more than is free. Where a model does not tell its size, the
    first checkpoint that is too large ends the sweep."""
    checkpoint_seconds: float = 10
    """Seconds between the checkpoints of a running trial; what a killed sweep can lose."""
    tensorboard: bool = False
    """Write TensorBoard logs too, into the folder tensorboard of the sweep: a run for each trial,
    with its curves and hyperparameters."""
    mlflow: str | None = None
    """An MLflow server or database that is told too: http://HOST:PORT, sqlite:////PATH."""
    wandb: str | None = None
    """A project of Weights & Biases that is told too; with WANDB_MODE=offline it is kept here."""
    verbose: bool = False
    """Show Ray's own output too."""

    searcher: SearcherOptions = field(default_factory=Random)
    """Who proposes the next configuration."""
    scheduler: SchedulerOptions = field(default_factory=Asha)
    """Which trials go on."""
    device: DeviceOptions = field(default_factory=DeviceOptions)
    """How the GPU, or the CPU, computes."""

    def __post_init__(self) -> None:
        for option in fields(self):
            object.__setattr__(self, option.name, _checked(option, getattr(self, option.name)))
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{_option(name)} must be at least {least}, and it is {value}.")
        for name in ("cpus_per_trial", "time_budget", "gpu_hours", "disk_limit"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"{_option(name)} must be above 0, and it is {value}.")
        for name in _FINITE:
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise UsageError(f"{_option(name)} must be finite, and it is {value}.")
        if self.gpus_per_trial > 1 and self.gpus_per_trial % 1:
            raise UsageError(
                f"--gpus-per-trial is whole above 1, or a fraction that shares one GPU, and it is "
                f"{self.gpus_per_trial}."
            )
        several = self.workers_per_trial or 1
        if several > 1 and self.gpus_per_trial not in (0, several):
            raise UsageError(
                f"With GPUs each worker of a trial has one, and --workers-per-trial is {several} "
                f"with --gpus-per-trial {self.gpus_per_trial:g}: make them the same."
            )
        if all(getattr(self, name) is None for name in _ENDS):
            raise UsageError(
                "A sweep needs an end: give --trials or --time-budget, or --max-total-epochs, "
                "--gpu-hours or --patience."
                + ("" if self.stop_at is None else " What --stop-at asks for may never come.")
            )
        if self.gpu_hours is not None and not self.gpus_per_trial:
            raise UsageError(
                f"--gpu-hours counts the hours of --gpus-per-trial, which is "
                f"{self.gpus_per_trial:g}: give the trials GPUs, or a --time-budget instead."
            )
        if self.retest and not self.warm_start:
            raise UsageError(
                f"--retest runs the best trials of --warm-start again, and there are none: name "
                f"earlier sweeps with --warm-start, or leave out --retest {self.retest}."
            )
        if self.name is not None and (self.name in (".", "..", "") or "/" in self.name):
            raise UsageError(
                f"--name is one folder inside --storage, and it is {self.name!r}: "
                "leave the slashes out, or put them into --storage."
            )
        if self.resume and self.name is None:
            raise UsageError("--resume goes on with a sweep by its name: give --name too.")

    @property
    def limits(self) -> Limits:
        """What ends the sweep besides its number of trials."""
        return Limits(
            seconds=self.time_budget,
            epochs=self.max_total_epochs,
            gpu_hours=self.gpu_hours,
            patience=self.patience,
            value=self.stop_at,
        )

    @property
    def workers(self) -> int:
        """Processes that train one trial together."""
        return self.workers_per_trial or max(1, int(self.gpus_per_trial))

    @property
    def objective(self) -> Objective:
        """What is optimised: `metric`, and `mode` or what the metric's name says of it."""
        return Objective(self.metric, self.mode or direction_of(self.metric))

    @property
    def direction(self) -> Direction:
        """Whether more of the metric is better, `max`, or less, `min`."""
        return self.objective.direction


_LEAST: dict[str, float] = {
    "train_size": 1,
    "val_size": 1,
    "folds": 1,
    "trials": 1,
    "max_epochs": 1,
    "max_total_epochs": 1,
    "patience": 1,
    "finalists": 0,
    "final_seeds": 1,
    "concurrent": 1,
    "gpus_per_trial": 0,
    "retries": 0,
    "workers_per_trial": 1,
    "retest": 0,
    "seed": 0,
    "keep_checkpoints": 1,
    "checkpoint_seconds": 0,
}

_FINITE = (
    "cpus_per_trial", "gpus_per_trial", "time_budget", "gpu_hours", "stop_at", "checkpoint_seconds",
    "disk_limit",
)  # fmt: skip
_ENDS = ("trials", "time_budget", "max_total_epochs", "gpu_hours", "patience")
"""Options that end a sweep by themselves."""


_KINDS = typing.get_type_hints(Sweep)


def _checked(option: Field[Any], given: Any) -> Any:
    """What was given for an option, of its type; raises `UsageError` where it is of another."""
    kind = _KINDS[option.name]
    example = getattr(option.default_factory, "__name__", None)
    if example is None:
        return of_its_type(_option(option.name), given, kind)
    if not fits(given, kind):  # a part, which only Python can give
        raise UsageError(f"{option.name} takes options such as {example}(), and it got {given!r}.")
    if isinstance(given, DeviceOptions):  # the trainables' own, which know no options of a sweep
        kinds = typing.get_type_hints(DeviceOptions)
        for field in fields(given):
            name = f"--{option.name}.{field.name.replace('_', '-')}"
            of_its_type(name, getattr(given, field.name), kinds[field.name])
    return given


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")

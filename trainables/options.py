"""What a trial gets besides its hyperparameters: the options of the sweep, facts about the trial.

Neither Ray nor torch is imported here: the driver builds these before any worker exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from trainables.checks import one_of

RESERVED_KEY = "_trial"
"""The one key of a Ray configuration that is not a hyperparameter."""


Augmentation = Literal["none", "flip", "crop", "crop_flip"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("none", "flip", "crop", "crop_flip")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """How a device computes. The defaults are what is fast on a GPU and exact on a CPU.

    Raises ValueError when precision is unknown, or memory_share is not within 0 < share <= 1.
    """

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """bfloat16 computes layers under autocast; auto does so on a GPU that has it."""
    tf32: bool = True
    """On a GPU, what stays float32 is multiplied with 10 bits of mantissa."""
    channels_last: bool | None = None
    """Images in the memory layout that tensor cores want; by default on a GPU for the built-in
    models only, because tensors in this layout cannot be flattened by view()."""
    fused: bool = True
    """sgd, adam and adamw update the weights in one pass (torch has such kernels for every device);
    without, and for the other optimizers, in one pass an operation."""
    compile: bool = False
    """torch.compile: minutes a trial whose shapes no trial before had, so for long trials only."""
    memory_share: float | None = None
    """The share of a GPU's memory that torch may allocate for a trial; None for the share of the
    GPU that the trial has: a quarter where four share it. What CUDA itself takes for each process
    comes on top."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {', '.join(PRECISIONS)}, but it is {self.precision!r}."
            )
        share = self.memory_share
        if share is None:
            return
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise ValueError(f"memory_share must be within 0 < share <= 1, but it is {share}.")

    def sharing(self, gpus: float) -> "DeviceOptions":
        """These options for a trial with so many GPUs: a fraction is its share of the memory.

        >>> DeviceOptions().sharing(0.25).memory_share, DeviceOptions().sharing(2).memory_share
        (0.25, None)
        """
        if self.memory_share is not None or not 0 < gpus < 1:
            return self
        return replace(self, memory_share=gpus)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointLimit:
    """How large a checkpoint of a sweep may be."""

    bytes: float
    """The room there is for one."""
    configurations: tuple[Mapping[str, Any], ...]
    """Those among which the largest checkpoint is looked for, in natural units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOptions:
    """Options that every trial of a sweep shares.

    Raises ValueError when max_epochs, folds, cpu_threads or workers is below 1, a seed is negative,
    or mode, keep or augment is unknown.
    """

    max_epochs: int
    """A trial is done after this many epochs; at least 1."""
    metric: str = "val_accuracy"
    """The metric that decides which epoch is the best; one of the trainable's `metrics`."""
    mode: Literal["max", "min"] = "max"
    """Whether a larger or a smaller metric is better."""
    keep: Literal["best", "last"] = "best"
    """The epoch whose weights are kept: the best by the metric, or the last one, where there are no
    validation rows to choose by."""
    seed: int = 0
    """Seed of a trial that brings none of its own; at least 0."""
    cpu_threads: int = 1
    """Threads torch may use inside one trial, or inside each of its workers; at least 1."""
    workers: int = 1
    """Processes that train one trial together, each with a bundle of the trial's placement group;
    1 for the trial's own actor."""
    folds: int = 1
    """Folds of a cross-validation over the training and validation rows; 1 for the data set's own
    split."""
    fold_seed: int = 0
    """Deals the rows to the folds: the same for every trial, whatever its own seed."""
    augment: Augmentation = "none"
    """Random changes of training images: flip (left to right), crop (of the image with a margin of
    zeros, an eighth of its side), or both. A configuration's `augment` goes before it."""
    device: DeviceOptions = DeviceOptions()
    """How the device computes."""
    checkpoint_limit: CheckpointLimit | None = None
    """A sweep whose checkpoints may become larger ends before its first epoch; None for no limit.
    """

    def __post_init__(self) -> None:
        least = {"seed": 0, "fold_seed": 0}
        least |= dict.fromkeys(("max_epochs", "cpu_threads", "folds", "workers"), 1)
        for name, lowest in least.items():
            value = getattr(self, name)
            if value < lowest:
                raise ValueError(f"{name} must be at least {lowest}, but it is {value}.")
        if self.mode not in ("max", "min"):
            raise ValueError(f"mode must be 'max' or 'min', but it is {self.mode!r}.")
        one_of("keep", self.keep, ("best", "last"))
        one_of("augment", self.augment, AUGMENTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialInfo:
    """Facts about one trial, from the reserved key `_trial` of its configuration."""

    number: int = 0
    """The trial's number in its sweep, from 0."""
    seed: int = 0
    """Seed of the initial weights, the order of the batches and the dropout masks."""
    restore_from: str | None = None
    """A checkpoint directory, or the URI of one in an object store, from which this trial
    continues; None starts it afresh."""
    fork: bool = False
    """The checkpoint is another trial's: its weights and the state of its optimizer are taken, its
    hyperparameters, its seed and its best epoch are not."""


def split_config(
    config: Mapping[str, Any], *, default_seed: int = 0
) -> tuple[dict[str, Any], TrialInfo]:
    """Separate the hyperparameters of a Ray configuration from what it says about the trial.

    Without the key `_trial` (plain Ray Tune) the trial has number 0, `default_seed` and starts
    afresh.
    Raises ValueError when `_trial` holds a key that TrialInfo does not know.

    >>> split_config({"learning_rate": 0.1, "_trial": {"number": 3, "seed": 7}})
    ({'learning_rate': 0.1}, TrialInfo(number=3, seed=7, restore_from=None, fork=False))
    """
    hyperparameters = {name: value for name, value in config.items() if name != RESERVED_KEY}
    facts = {"seed": default_seed, **(config.get(RESERVED_KEY) or {})}
    known = [field.name for field in fields(TrialInfo)]
    unknown = sorted(set(facts) - set(known))
    if unknown:
        raise ValueError(f"'{RESERVED_KEY}' may hold {', '.join(known)}, but it holds {unknown}.")
    return hyperparameters, TrialInfo(**facts)

"""The hyperparameters that the built-in trainables read, known without importing torch or Ray.

A sweep chooses by them what trains its space, and refuses before it starts what would fail every
trial. A test holds them against what the builders of `trainables.models` and `trainables.loops`
really read.
"""

from collections.abc import Iterable


class NotUnderstoodError(ValueError):
    """A trainable does not read a hyperparameter of its configuration or of the search space."""


_TRAINING = frozenset(
    {
        "batch_size", "augment", "loss", "label_smoothing",
        "optimizer", "learning_rate", "momentum", "nesterov", "beta1", "beta2", "epsilon",
        "weight_decay", "weight_decay_on",
        "schedule", "decay_rate", "plateau_patience", "warmup_epochs",
    }
)  # fmt: skip
_EVERY_MODEL = frozenset({"dropout", "activation", "normalisation", "initialisation"})
BUILT_IN: dict[str, frozenset[str]] = {
    "TorchTrainable": _TRAINING | _EVERY_MODEL | {"hidden_layers"},
    "CNNTrainable": _TRAINING
    | _EVERY_MODEL
    | {"conv_blocks", "convolutions", "filters", "kernel_size", "pooling", "dense_units"},
    "ResNetTrainable": _TRAINING | _EVERY_MODEL | {"depth", "width"},
}
"""Trainable to what it reads; TorchTrainable reads units_1, units_2, ... too."""


def not_understood(trainable: str, names: Iterable[str]) -> list[str]:
    """Those of the names that a built-in trainable does not read.

    >>> not_understood("ResNetTrainable", ["learning_rate", "units_1", "depth"])
    ['units_1']
    """
    return [name for name in names if not _reads(trainable, name)]


def check_names(trainable: str, names: Iterable[str]) -> None:
    """Raise ValueError, naming all of them, when a built-in trainable does not read some names."""
    missing = not_understood(trainable, names)
    if not missing:
        return
    homes = sorted({home for name in missing for home in readers(name)})
    hint = f"{' and '.join(homes)} would" if homes else "no built-in trainable does"
    raise NotUnderstoodError(
        f"{trainable} does not understand the hyperparameter{'s' * (len(missing) > 1)} "
        f"{', '.join(missing)}, and {hint}."
    )


def readers(name: str) -> list[str]:
    """The built-in trainables that read a hyperparameter.

    >>> readers("filters"), readers("units_2"), readers("momentun")
    (['CNNTrainable'], ['TorchTrainable'], [])
    """
    return [trainable for trainable in BUILT_IN if _reads(trainable, name)]


def _reads(trainable: str, name: str) -> bool:
    units = trainable == "TorchTrainable" and name.startswith("units_")
    return units or name in BUILT_IN[trainable]

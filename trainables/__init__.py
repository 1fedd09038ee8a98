"""How one configuration is trained.

`trainables.data` needs numpy only, `trainables.models` and `trainables.loops` are pure torch, and
only `TorchTrainable` needs Ray. The names below are imported on first use, so that a driver which
loads data pays for neither torch nor Ray's trainables.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainables.data import Dataset, DataUnavailableError
    from trainables.estimator_trainable import EstimatorTrainable
    from trainables.generator_trainable import GeneratorTrainable
    from trainables.image_trainables import CNNTrainable, ResNetTrainable
    from trainables.loop_trainable import LoopTrainable
    from trainables.options import DeviceOptions, TrialInfo, TrialOptions, split_config
    from trainables.torch_trainable import TorchTrainable

__all__ = [
    "CNNTrainable",
    "DataUnavailableError",
    "Dataset",
    "DeviceOptions",
    "EstimatorTrainable",
    "GeneratorTrainable",
    "LoopTrainable",
    "ResNetTrainable",
    "TorchTrainable",
    "TrialInfo",
    "TrialOptions",
    "split_config",
]

_HOMES = {
    "CNNTrainable": "trainables.image_trainables",
    "DataUnavailableError": "trainables.data",
    "Dataset": "trainables.data",
    "DeviceOptions": "trainables.options",
    "EstimatorTrainable": "trainables.estimator_trainable",
    "GeneratorTrainable": "trainables.generator_trainable",
    "LoopTrainable": "trainables.loop_trainable",
    "ResNetTrainable": "trainables.image_trainables",
    "TorchTrainable": "trainables.torch_trainable",
    "TrialInfo": "trainables.options",
    "TrialOptions": "trainables.options",
    "split_config": "trainables.options",
}


def __getattr__(name: str) -> Any:
    """Import one public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trainables' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

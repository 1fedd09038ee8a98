"""A data set's training and validation rows as tensors, without a copy where possible."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorData:
    """What a loop trains on and validates with.

    x: float32 [n, *input_shape]; y: int64 [n] with labels in 0 .. classes - 1; all on one device.
    On the CPU the tensors are views of the data set's arrays, which Ray maps read-only into every
    worker: a model must not write into its input (such a write ends the process).
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    classes: int

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.x_train.device

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device | str = "cpu") -> "TensorData":
        """Wrap the arrays of a data set, without a copy on the CPU."""
        arrays = (dataset.x_train, dataset.y_train, dataset.x_val, dataset.y_val)
        x_train, y_train, x_val, y_val = (tensor.to(device) for tensor in wrap(arrays))
        return cls(
            x_train=x_train, y_train=y_train, x_val=x_val, y_val=y_val, classes=dataset.classes
        )


def wrap(arrays: Iterable[NDArray[Any]]) -> list[Tensor]:
    """Arrays as tensors on the CPU, without a copy."""
    with warnings.catch_warnings():
        # Read-only arrays from Ray's object store are the point: one copy a node, and nothing
        # writes here.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return [torch.from_numpy(array) for array in arrays]

"""A trained model in files that torch alone can load."""

import warnings
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.jit._trace import TracerWarning


class Standardising(nn.Module):
    """A model that takes rows as the data set has them: (x - shift) * factor comes first.

    shift and factor are [1, ...] and broadcast against one row.
    """

    shift: Tensor
    factor: Tensor

    def __init__(self, model: nn.Module, shift: NDArray[Any], factor: NDArray[Any]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("shift", torch.tensor(shift))
        self.register_buffer("factor", torch.tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, classes] of rows [n, ...]."""
        logits: Tensor = self.model((x - self.shift) * self.factor)
        return logits


def save_torchscript(model: nn.Module, rows: Tensor, path: Path) -> None:
    """Write what `torch.jit.load` reads: the operations that the model does with these rows.

    Raises what tracing the model raises.
    """
    with warnings.catch_warnings():
        # torch advises torch.export; who has to load TorchScript knows why.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.jit")
        warnings.filterwarnings("ignore", category=TracerWarning)  # the caller compares
        torch.jit.trace(model.eval(), rows).save(str(path))  # type: ignore[no-untyped-call]


def load_torchscript(path: Path) -> nn.Module:
    """What `save_torchscript` wrote."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.jit")
        model: nn.Module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    return model


def save_torch_export(model: nn.Module, rows: Tensor, path: Path) -> None:
    """Write what `torch.export.load` reads: the graph of the model, for any number of rows.

    Raises what exporting the model raises.
    """
    any_number = torch.export.Dim("rows")
    program = torch.export.export(model.eval(), (rows,), dynamic_shapes=({0: any_number},))
    torch.export.save(program, path)


def load_torch_export(path: Path) -> nn.Module:
    """What `save_torch_export` wrote."""
    return torch.export.load(path).module()

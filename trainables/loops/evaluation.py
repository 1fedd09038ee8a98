"""Loss, accuracy and macro F1 of a model on labelled rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.loops.execution import Execution

_ROWS_AT_ONCE = 4096
_NUMBERS_AT_ONCE = 2**23  # in these rows: the layers of large images take much more memory
_IMAGES_AT_ONCE = {"cpu": 256, "cuda": 512}  # of a convolutional network, whose layers are large

Measure = Callable[[Tensor, Tensor], Mapping[str, float]]
"""From validation logits [n, classes] and labels [n] to further metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How a model does on a set of rows."""

    loss: float
    """Mean cross-entropy, in nats."""
    accuracy: float
    """Share of rows whose largest logit is that of their label, 0 .. 1."""
    f1: float
    """Macro F1, 0 .. 1."""
    more: Mapping[str, float] = field(default_factory=dict)
    """What `measure` found."""


def rows_at_once(model: nn.Module, device: torch.device, row_size: int) -> int:
    """How many rows, each of so many numbers, a model is evaluated on at a time."""
    most = _ROWS_AT_ONCE
    if any(isinstance(layer, nn.Conv2d) for layer in model.modules()):
        most = _IMAGES_AT_ONCE.get(device.type, _IMAGES_AT_ONCE["cpu"])
    return max(1, min(most, _NUMBERS_AT_ONCE // row_size))


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    classes: int,
    rows_at_once: int = _ROWS_AT_ONCE,
    *,
    device: torch.device | None = None,
    execution: Execution | None = None,
    measure: Measure | None = None,
) -> Evaluation:
    """Evaluate a model on rows x [n, ...] with labels y [n]; leaves it in evaluation mode.

    Args:
        device: where the model is, where the rows are elsewhere.
        execution: how batches are computed; by default as they are.
        measure: from all logits [n, classes] and y to further metrics.
    """
    model.eval()
    device = device or x.device
    y = y.to(device)
    loss = torch.zeros((), device=device)
    found = []
    for start in range(0, len(x), rows_at_once):
        batch = x[start : start + rows_at_once].to(device)
        labels = y[start : start + rows_at_once]
        if execution is None:
            logits = model(batch)
        else:
            with execution.precision():
                logits = execution.outputs(model(execution.inputs(batch)))
        loss += functional.cross_entropy(logits, labels, reduction="sum")
        found.append(logits if measure is not None else logits.argmax(1))
    whole = torch.cat(found)
    counts = confusion(y, whole if measure is None else whole.argmax(1), classes)
    return Evaluation(
        loss=loss.item() / len(x),
        accuracy=counts.diagonal().sum().item() / len(x),
        f1=macro_f1(counts),
        more={} if measure is None else measured(measure, whole, y),
    )


def measured(measure: Measure, logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Further metrics as plain numbers: a tensor on a GPU could not be read by a driver without.

    Raises TypeError when `measure` returns none.
    """
    found: Any = measure(logits, labels)
    if not isinstance(found, Mapping):
        raise TypeError(
            "measure must return metrics by their names, but it returned "
            f"{type(found).__name__}: let it return a dictionary."
        )
    return {name: float(value) for name, value in found.items()}


def confusion(y: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Count rows by true class and predicted class: int64 [classes, classes]."""
    return torch.bincount(y * classes + predicted, minlength=classes**2).view(classes, classes)


def macro_f1(counts: Tensor) -> float:
    """Mean of F1 = 2 TP / (2 TP + FP + FN) over the classes that occur, true or predicted.

    The same number as scikit-learn's f1_score(average="macro"), whose import costs a worker 1.3 s.
    For the counts [[1, 1], [0, 2]]: F1 = 2/3 and 4/5, their mean 0.7333.
    """
    rows_and_columns = (counts.sum(0) + counts.sum(1)).double()
    f1 = 2 * counts.diagonal().double() / rows_and_columns
    return f1[rows_and_columns > 0].mean().item()

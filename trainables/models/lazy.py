"""Layers that learn their size from the first rows they see."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.parameter import is_lazy


def with_sizes(model: nn.Module, input_shape: Sequence[int]) -> nn.Module:
    """The same model; lazy layers (`nn.LazyLinear` and the like) have got their sizes.

    An optimizer takes no weight that has no size yet. Two rows of zeros pass through once, with
    dropout and batch norm at rest, and only where there is a lazy layer.

    >>> with_sizes(nn.LazyLinear(3), (4,)).weight.shape
    torch.Size([3, 4])
    """
    weights = [*model.parameters(), *model.buffers()]
    if not any(is_lazy(weight) for weight in weights):
        return model
    training = model.training
    model.eval()
    with torch.no_grad():
        model(torch.zeros(2, *input_shape))
    return model.train(training)

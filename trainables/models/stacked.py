"""Several models of one architecture as one module, each with its own rows.

A small layer costs a GPU or a CPU mostly the call: one call for all models takes little longer
than one call for one.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.models.activations import activation, activation_names
from trainables.models.dropout import Dropout

Layer = TypeVar("Layer", bound=nn.Module)


def stack(models: Sequence[nn.Module]) -> nn.Module:
    """One module from [k, n, *input_shape] to [k, n, outputs], where model i sees part i.

    Sequences of linear layers, normalisations, activations and dropout become layers over all
    models at once; anything else is called one model after the other.

    Args:
        models: k models of one architecture. They give their weights away, and are not to be used
            any more.
    """
    first = models[0]
    if type(first) is not nn.Sequential or not all(_stackable(layer) for layer in first):
        return Parallel(models)
    stacked = nn.Sequential()
    for name, layer in first.named_children():
        layers = [model.get_submodule(name) for model in models]
        build = _STACKED.get(type(layer))
        stacked.add_module(name, layer if build is None else build(layers))
    return stacked


class Parallel(nn.Module):
    """Calls model i with part i of the rows."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([model(part) for model, part in zip(self.models, x, strict=True)])


class _Flatten(nn.Module):
    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)


class _Linear(nn.Module):
    """weight [k, inputs, outputs], bias [k, 1, outputs] or None.

    Not [k, outputs, inputs], as a linear layer has it: the gradient would come out transposed, and
    be copied into shape at every step.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = _joined([layer.weight.T for layer in layers])
        self.bias: nn.Parameter | None = None
        if layers[0].bias is not None:
            self.bias = _joined([layer.bias.unsqueeze(0) for layer in layers])

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias, x, self.weight)


class _BatchNorm(nn.Module):
    """One batch norm over the features of all models side by side."""

    def __init__(self, layers: Sequence[nn.BatchNorm1d]) -> None:
        super().__init__()
        features = sum(layer.num_features for layer in layers)
        self.norm = nn.BatchNorm1d(features, eps=layers[0].eps, momentum=layers[0].momentum)
        with torch.no_grad():
            self.norm.weight.copy_(torch.cat([layer.weight for layer in layers]))
            self.norm.bias.copy_(torch.cat([layer.bias for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        models, rows, features = x.shape
        side_by_side: Tensor = self.norm(x.transpose(0, 1).reshape(rows, models * features))
        return side_by_side.view(rows, models, features).transpose(0, 1)


class _LayerNorm(nn.Module):
    """weight and bias [k, 1, features]."""

    def __init__(self, layers: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        self.eps = layers[0].eps
        self.shape = layers[0].normalized_shape
        self.weight = _joined([layer.weight.unsqueeze(0) for layer in layers])
        self.bias = _joined([layer.bias.unsqueeze(0) for layer in layers])

    def forward(self, x: Tensor) -> Tensor:
        normal = functional.layer_norm(x, self.shape, eps=self.eps)
        return torch.addcmul(self.bias, normal, self.weight)


_STACKED: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.Flatten: _Flatten,
    nn.Linear: _Linear,
    nn.BatchNorm1d: _BatchNorm,
    nn.LayerNorm: _LayerNorm,
}
_ELEMENTWISE = (nn.Dropout, Dropout, *(type(activation(name)) for name in activation_names()))


def _stackable(layer: nn.Module) -> bool:
    """Whether a layer has a twin for several models, with just the options our models give it."""
    if isinstance(layer, nn.Flatten):
        return layer.start_dim == 1 and layer.end_dim == -1
    if isinstance(layer, nn.Linear):
        return type(layer) is nn.Linear
    if isinstance(layer, nn.BatchNorm1d):
        return layer.affine and layer.track_running_stats
    if isinstance(layer, nn.LayerNorm):
        return (
            layer.elementwise_affine and layer.bias is not None and len(layer.normalized_shape) == 1
        )
    return type(layer) in _ELEMENTWISE


def _joined(tensors: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack([tensor.detach() for tensor in tensors]))

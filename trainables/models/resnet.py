"""The residual network of a configuration, for small images (He et al. 2015, arXiv:1512.03385)."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from trainables.checks import share, whole
from trainables.models.activations import activation
from trainables.models.dropout import Dropout
from trainables.models.images import AsImages, image_size
from trainables.models.initialisation import initialise
from trainables.models.normalisation import normalisation

_DEPTH = 18
_WIDTH = 16
_WIDENING = 4  # of a bottleneck's output
# Blocks of each stage. ResNet-18 and -34 have blocks of two convolutions, the deeper ones
# bottlenecks.
_BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_BOTTLENECK = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}


def build_resnet(config: Mapping[str, Any], input_shape: Sequence[int], classes: int) -> nn.Module:
    """Build a residual network whose first convolution is 3 x 3 and keeps the size.

    depth is 18, 34, 50, 101, 152 or 200 for the four stages of the paper's networks for ImageNet,
    or 6 n + 2 (8, 14, 20, 32, 44, 56, 110) for the three stages of n blocks of those for CIFAR-10.
    50 and 152 are of both kinds, and mean the first. Each stage halves the image and doubles the
    channels.

    Args:
        config: depth (default 18), width (channels of the first stage, at least 1; default 16),
            dropout (before the output layer, 0 <= p < 1; default 0), activation (default "relu"),
            normalisation (default "batch"; with "none" each block starts as its shortcut, else its
            output would double from block to block), initialisation (default "he_normal"). Other
            keys are ignored.
        input_shape: the shape of one row, (height, width) or (channels, height, width).
        classes: number of outputs.

    Returns a module from [n, *input_shape] to logits [n, classes].
    Raises ValueError when a value is outside its range, or the rows are no images.
    """
    channels, *_ = image_size(input_shape)
    depth = whole("depth", config.get("depth", _DEPTH), 1)
    stages, bottleneck = _stages(depth)
    width = whole("width", config.get("width", _WIDTH), 1)
    dropout = share("dropout", config.get("dropout", 0.0))
    active = config.get("activation", "relu")
    normal = config.get("normalisation", "batch")

    layers: dict[str, nn.Module] = {"images": AsImages()}
    layers["stem"] = _convolution(channels, width, 3, 1, normal)
    layers["activation"] = activation(active)
    channels = width
    for stage, blocks in enumerate(stages):
        for block in range(blocks):
            made = _Block(
                channels,
                width * 2**stage,
                stride=2 if stage > 0 and block == 0 else 1,
                bottleneck=bottleneck,
                activation_name=active,
                normalisation_name=normal,
            )
            layers[f"block_{stage + 1}_{block + 1}"] = made
            channels = made.channels
    layers["mean"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    if dropout > 0:
        layers["dropout"] = Dropout(dropout)
    layers["output"] = nn.Linear(channels, classes)
    model = nn.Sequential(OrderedDict(layers))
    how = config.get("initialisation", "he_normal")
    initialise(model, how, activation=active, output=layers["output"])
    if normal == "none":
        for layer in layers.values():
            if isinstance(layer, _Block):
                layer.start_as_shortcut()
    return model


def _stages(depth: int) -> tuple[tuple[int, ...], bool]:
    """Blocks of each stage, and whether they are bottlenecks."""
    if depth in _BASIC:
        return _BASIC[depth], False
    if depth in _BOTTLENECK:
        return _BOTTLENECK[depth], True
    if depth < 8 or depth % 6 != 2:
        known = ", ".join(map(str, [*_BASIC, *_BOTTLENECK]))
        raise ValueError(f"depth must be {known} or 6 n + 2 from 8, but it is {depth}.")
    return (depth // 6,) * 3, False


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, normal: str) -> nn.Module:
    """A convolution and its normalisation."""
    layers: dict[str, nn.Module] = {
        "convolution": nn.Conv2d(
            inputs, outputs, kernel, stride, padding=kernel // 2, bias=normal != "batch"
        )
    }
    normalised = normalisation(normal, outputs, images=True)
    if normalised is not None:
        layers["normalisation"] = normalised
    return nn.Sequential(OrderedDict(layers))


class _Block(nn.Module):
    """activation(shortcut(x) + convolutions(x)); the shortcut is a 1 x 1 convolution where the
    shape changes."""

    def __init__(
        self,
        inputs: int,
        width: int,
        *,
        stride: int,
        bottleneck: bool,
        activation_name: str,
        normalisation_name: str,
    ) -> None:
        super().__init__()
        self.channels = width * _WIDENING if bottleneck else width
        # (inputs, outputs, kernel, stride) of each convolution.
        steps = [(inputs, width, 3, stride), (width, width, 3, 1)]
        if bottleneck:
            steps = [(inputs, width, 1, 1), (width, width, 3, stride), (width, self.channels, 1, 1)]
        layers: list[nn.Module] = []
        for step in steps:
            layers += [_convolution(*step, normalisation_name), activation(activation_name)]
        self.convolutions = nn.Sequential(*layers[:-1])
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != self.channels:
            self.shortcut = _convolution(inputs, self.channels, 1, stride, normalisation_name)
        self.activation = activation(activation_name)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.convolutions(x) + self.shortcut(x))
        return out

    def start_as_shortcut(self) -> None:
        """Set the last convolution to 0 (Zhang et al. 2019, arXiv:1901.09321)."""
        last = [layer for layer in self.convolutions.modules() if isinstance(layer, nn.Conv2d)][-1]
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)

"""The convolutional network of a configuration."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from trainables.checks import one_of, share, whole
from trainables.models.activations import activation
from trainables.models.dropout import Dropout
from trainables.models.images import AsImages, image_size
from trainables.models.initialisation import initialise
from trainables.models.normalisation import normalisation

_CONV_BLOCKS = 3
_CONVOLUTIONS = 1
_FILTERS = 32
_KERNEL_SIZE = 3
_DENSE_UNITS = 100
_POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


def build_cnn(config: Mapping[str, Any], input_shape: Sequence[int], classes: int) -> nn.Module:
    """Build (convolution -> normalisation -> activation, then pooling) x conv_blocks -> dense head.

    After Keras Tuner's CIFAR-10 example: padding keeps the size, pooling halves it (as long as
    there is something to halve), each block has twice the filters of the one before, and the head
    is the mean over the image -> dense -> activation -> dropout -> linear.

    Args:
        config: conv_blocks (at least 1; default 3), convolutions (of each block, at least 1;
            default 1), filters (of the first block, at least 1; default 32), kernel_size (odd;
            default 3), pooling ("max", the default, or "average"), dense_units (at least 1;
            default 100), dropout (0 <= p < 1; default 0), activation (default "relu"),
            normalisation (default "batch"), initialisation (default "he_normal"). Other keys are
            ignored.
        input_shape: the shape of one row, (height, width) or (channels, height, width).
        classes: number of outputs.

    Returns a module from [n, *input_shape] to logits [n, classes].
    Raises ValueError when a value is outside its range, or the rows are no images.
    """
    channels, *size = image_size(input_shape)
    side = min(size)
    blocks = whole("conv_blocks", config.get("conv_blocks", _CONV_BLOCKS), 1)
    convolutions = whole("convolutions", config.get("convolutions", _CONVOLUTIONS), 1)
    filters = whole("filters", config.get("filters", _FILTERS), 1)
    kernel = whole("kernel_size", config.get("kernel_size", _KERNEL_SIZE), 1)
    if kernel % 2 == 0:
        raise ValueError(f"kernel_size must be odd, to keep the size, but it is {kernel}.")
    pooling = _POOLINGS[one_of("pooling", config.get("pooling", "max"), _POOLINGS)]
    dense_units = whole("dense_units", config.get("dense_units", _DENSE_UNITS), 1)
    dropout = share("dropout", config.get("dropout", 0.0))
    active = config.get("activation", "relu")
    normal = config.get("normalisation", "batch")

    layers: dict[str, nn.Module] = {"images": AsImages()}
    for block in range(1, blocks + 1):
        width = filters * 2 ** (block - 1)
        for number in range(1, convolutions + 1):
            name = f"{block}_{number}"
            normalised = normalisation(normal, width, images=True)
            # Batch norm subtracts each channel's mean, and would take a bias away again.
            layers[f"convolution_{name}"] = nn.Conv2d(
                channels, width, kernel, padding=kernel // 2, bias=normal != "batch"
            )
            if normalised is not None:
                layers[f"normalisation_{name}"] = normalised
            layers[f"activation_{name}"] = activation(active)
            channels = width
        if side > 1:
            layers[f"pooling_{block}"] = pooling(2)
            side //= 2
    layers["mean"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["dense"] = nn.Linear(channels, dense_units)
    layers["activation"] = activation(active)
    if dropout > 0:
        layers["dropout"] = Dropout(dropout)
    layers["output"] = nn.Linear(dense_units, classes)
    model = nn.Sequential(OrderedDict(layers))
    how = config.get("initialisation", "he_normal")
    initialise(model, how, activation=active, output=layers["output"])
    return model

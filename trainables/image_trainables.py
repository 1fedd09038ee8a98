"""The built-in trainables for images: one class a family of models, named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainables.torch_trainable import TorchTrainable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


class CNNTrainable(TorchTrainable):
    """Trains the convolutional network of `build_cnn`: caviar's spaces cnn and kt."""

    def build_model(
        self, config: Mapping[str, Any], input_shape: tuple[int, ...], classes: int
    ) -> nn.Module:
        from trainables.models import build_cnn

        return build_cnn(config, input_shape, classes)


class ResNetTrainable(TorchTrainable):
    """Trains the residual network of `build_resnet`: caviar's space resnet."""

    def build_model(
        self, config: Mapping[str, Any], input_shape: tuple[int, ...], classes: int
    ) -> nn.Module:
        from trainables.models import build_resnet

        return build_resnet(config, input_shape, classes)

"""What is trained: a data set, a model of a configuration, and how it is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from trainables.data import Dataset
from trainables.loops import Execution, SupervisedLoop, TensorData, build_optimizer
from trainables.models import build_cnn, build_mlp, build_resnet
from trainables.options import DeviceOptions

Build = Callable[[Mapping[str, Any], tuple[int, ...], int], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model on one data set, trained with SGD and momentum."""

    name: str
    build: Build
    config: Mapping[str, Any]
    data: Dataset
    batch_size: int = 128
    learning_rate: float = 0.01
    momentum: float = 0.9

    def model(self) -> nn.Module:
        """A model of its own for each way of training it, with the same initial weights."""
        torch.manual_seed(0)
        return self.build(self.config, self.data.input_shape, self.data.classes)

    def loop(self, device: torch.device) -> SupervisedLoop:
        """Ours."""
        execution = Execution(DeviceOptions(), device)
        model = execution.prepare(self.model())
        rates = {"learning_rate": self.learning_rate, "momentum": self.momentum}
        return SupervisedLoop(
            model,
            build_optimizer({"optimizer": "sgd", **rates}, model.parameters()),
            TensorData.of(self.data, device),
            batch_size=self.batch_size,
            seed=0,
            device=device,
            execution=execution,
        )


def jobs(fashion_mnist: Dataset, cifar10: Dataset) -> list[Job]:
    """An MLP on grey images, a CNN and a ResNet-18 on colour images."""
    mlp = {"hidden_layers": 2, "units_1": 100, "units_2": 100}
    cnn = {"conv_blocks": 3, "filters": 32, "dense_units": 100}
    return [
        Job(name="MLP 784–100–100–10", build=build_mlp, config=mlp, data=fashion_mnist),
        Job(name="CNN, 3 blocks from 32 filters", build=build_cnn, config=cnn, data=cifar10),
        Job(
            name="ResNet-18 of width 16",
            build=build_resnet,
            config={"depth": 18, "width": 16},
            data=cifar10,
        ),
    ]

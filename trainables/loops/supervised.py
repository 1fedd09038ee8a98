"""Training a classifier, an epoch at a time, on rows that are in memory."""

import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.loops.evaluation import evaluate
from trainables.loops.seeding import BATCH_ORDER, LAYERS, derive_seed
from trainables.loops.tensors import TensorData

METRICS = (
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "val_f1",
    "epoch",
    "epoch_seconds",
    "samples_per_second",
)


class Optimizer(Protocol):
    """What the loop needs of an optimizer; ours and those of torch.optim have it."""

    def zero_grad(self) -> None: ...

    def step(self) -> Any: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Any, /) -> None: ...


class Diverged(ArithmeticError):  # noqa: N818 - an outcome of a trial, not a mistake of the program
    """The loss became infinite or not a number.

    epoch: the epoch it happened in, from 1; batch: the batch of that epoch, from 0, or None where
    only the whole epoch's loss was looked at; seconds: how long the epoch had run.
    """

    def __init__(self, *, epoch: int, batch: int | None, seconds: float) -> None:
        where = f"epoch {epoch}" if batch is None else f"batch {batch} of epoch {epoch}"
        super().__init__(f"The loss is not finite any more in {where}.")
        self.epoch = epoch
        self.batch = batch
        self.seconds = seconds


class SupervisedLoop:
    """Cross-entropy training of a classifier.

    Args:
        model: from [n, *input_shape] to logits [n, classes]; moved to `device` by the caller.
        optimizer: updates the model's parameters.
        data: rows on `device`.
        batch_size: rows a batch, at least 1; the last batch of an epoch has what is left.
        seed: orders the batches and drives the model's dropout; the same seed gives the same
        numbers. device: where model and data are.

    `epoch` is the number of whole epochs behind the model.
    Raises ValueError when batch_size is below 1.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        data: TensorData,
        *,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, but it is {batch_size}.")
        self.model = model
        self.optimizer = optimizer
        self.epoch = 0
        self._data = data
        self._batch_size = batch_size
        self._seed = seed
        self._device = torch.device(device)

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch, then validate; returns a value for each name in METRICS.

        train_loss and train_accuracy are means over the epoch's batches, as they were trained;
        epoch counts from 1; epoch_seconds is wall time with validation, samples_per_second the
        training rows a second without it.

        Raises Diverged when a training loss, or the validation loss, is not finite.
        """
        started = time.perf_counter()
        epoch = self.epoch + 1
        train_loss, train_accuracy = self._train(epoch, started)
        trained = time.perf_counter()
        data = self._data
        val = evaluate(self.model, data.x_val, data.y_val, data.classes)
        finished = time.perf_counter()
        if not math.isfinite(val.loss):
            raise Diverged(epoch=epoch, batch=None, seconds=finished - started)
        self.epoch = epoch
        return {
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "val_loss": val.loss,
            "val_accuracy": val.accuracy,
            "val_f1": val.f1,
            "epoch": epoch,
            "epoch_seconds": finished - started,
            "samples_per_second": len(data.x_train) / (trained - started),
        }

    def _train(self, epoch: int, started: float) -> tuple[float, float]:
        """Train on every row once; returns mean loss and accuracy."""
        x, y = self._data.x_train, self._data.y_train
        # Looking at a loss costs microseconds on the CPU, but a synchronisation on an accelerator.
        looks_each_batch = self._device.type == "cpu"
        batches = self._order(epoch)
        losses, hits = [], []
        self.model.train()
        for batch, rows in enumerate(batches):
            targets = y.index_select(0, rows)
            logits = self.model(x.index_select(0, rows))
            loss = functional.cross_entropy(logits, targets)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            if looks_each_batch and not math.isfinite(loss.item()):
                raise Diverged(epoch=epoch, batch=batch, seconds=time.perf_counter() - started)
            losses.append(loss.detach())
            hits.append(logits.detach().argmax(1) == targets)
        sizes = torch.tensor([len(rows) for rows in batches], device=self._device)
        mean = (torch.stack(losses).double() * sizes).sum().item() / len(x)
        if not math.isfinite(mean):
            raise Diverged(epoch=epoch, batch=None, seconds=time.perf_counter() - started)
        return mean, torch.cat(hits).sum().item() / len(x)

    def _order(self, epoch: int) -> tuple[Tensor, ...]:
        """Seed the epoch; returns the row numbers of each of its batches."""
        torch.manual_seed(derive_seed(self._seed, LAYERS, epoch))
        # The order is drawn on the CPU, so that it is the same on every device.
        generator = torch.Generator().manual_seed(derive_seed(self._seed, BATCH_ORDER, epoch))
        order = torch.randperm(len(self._data.x_train), generator=generator)
        return torch.split(order.to(self._device), self._batch_size)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on: model, optimizer, epoch, seed. Tensors are not copied."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "seed": self._seed,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict()`: on the CPU bit for bit as if there had been no break.

        Raises ValueError or RuntimeError when the state is that of another architecture.
        """
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = int(state["epoch"])
        self._seed = int(state["seed"])

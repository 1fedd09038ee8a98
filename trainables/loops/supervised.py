"""Training a classifier, an epoch at a time, on rows that are in memory."""

import copy
import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from trainables.loops.augmentation import Augmentation
from trainables.loops.evaluation import Evaluation, Measure, evaluate, rows_at_once
from trainables.loops.execution import Execution
from trainables.loops.group import Alone, Share
from trainables.loops.losses import Loss
from trainables.loops.protocol import Diverged
from trainables.loops.schedules import Schedule
from trainables.loops.seeding import BATCH_ORDER, LAYERS, derive_seed, seed_globally
from trainables.loops.tensors import TensorData, wrap
from trainables.options import DeviceOptions

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
# Looking at a loss costs microseconds on the CPU, but on an accelerator a wait for all that is
# queued: there the losses of this many batches are looked at together.
_BATCHES_UNSEEN = 25


class Optimizer(Protocol):
    """What the loop needs of an optimizer; ours and those of torch.optim have it.

    A schedule also needs `learning_rate`, or torch.optim's `param_groups`.
    """

    def zero_grad(self) -> None: ...

    def step(self) -> Any: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Any, /) -> None: ...


class SupervisedLoop:
    """Training of a classifier.

    Args:
        model: from [n, *input_shape] to logits [n, classes]; moved to `device` by the caller.
        optimizer: updates the model's parameters.
        data: rows on `device`, or elsewhere: then each batch is moved there.
        batch_size: rows a batch, at least 1; the last batch of an epoch has what is left. A single
            row left joins the batch before: a batch norm cannot train on it.
        seed: orders the batches and drives the model's dropout, and what else it draws from the
            global generators of Python, numpy and torch; the same seed gives the same numbers.
        device: where model and data are.
        loss: what is minimised, as a mean over the rows; cross-entropy by default. What training
            changes of the buffers of a module is part of the state.
        schedule: of the learning rate; constant by default.
        augment: "none", or what `Augmentation` does to training images.
        execution: how batches are computed; by default as DeviceOptions say for the device.
        measure: further metrics of the validation rows, named by it.
        group: the processes that train this model together; by default this one alone. Its data is
            the same in each of them.

    `epoch` is the number of whole epochs behind the model.
    Raises ValueError when batch_size is below 1 or too small for the group's batch norms, or the
    rows to augment are no images, TypeError when the schedule cannot set the optimizer's learning
    rate.
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
        loss: Loss = functional.cross_entropy,
        schedule: Schedule | None = None,
        augment: str = "none",
        execution: Execution | None = None,
        measure: Measure | None = None,
        group: Alone | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, but it is {batch_size}.")
        self._group = group or Alone()
        self._fewest = self._group.least(model)
        if self._group.size > 1 and self._fewest > max(2, batch_size):
            raise ValueError(
                f"batch_size must be at least {self._fewest}, for a batch norm trains on two rows "
                f"or more in each of {self._group.size} workers, but it is {batch_size}."
            )
        self.model = model
        self._trained = self._group.parallel(model)
        self.optimizer = optimizer
        self.epoch = 0
        self._data = data
        self._batch_size = batch_size
        self._seed = seed
        self._device = torch.device(device)
        self._loss = loss
        self._loss_as_built = copy.deepcopy(_state_of(loss))
        self._schedule = schedule or Schedule()
        self._rate = _LearningRate(optimizer) if type(self._schedule) is not Schedule else None
        self._look_every = 1 if self._device.type == "cpu" else _BATCHES_UNSEEN
        self._augment = augment
        self._execution = execution or Execution(DeviceOptions(), device)
        self._measure = measure
        self._rows_at_once = rows_at_once(model, self._device, data.x_train[0].numel())
        self._augmentation = self._new_augmentation()

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch, then validate; returns a value for each name in METRICS. Without
        validation rows the names of validation are left out.

        train_loss and train_accuracy are means over the epoch's batches, as they were trained;
        val_loss is the cross-entropy whatever the training loss; epoch counts from 1;
        epoch_seconds is wall time with validation, samples_per_second the training rows a second
        without it.

        Raises Diverged when a training loss, or the validation loss, is not finite.
        """
        started = time.perf_counter()
        epoch = self.epoch + 1
        train_loss, train_accuracy, rows = self._train(epoch, started)
        trained = time.perf_counter()
        validation = self._group.from_first(self._validate)
        finished = time.perf_counter()
        judged = validation.get("val_loss", train_loss)
        if not math.isfinite(judged):
            raise Diverged(epoch=epoch, batch=None, seconds=finished - started)
        self._schedule.observe(judged)
        self.epoch = epoch
        return {
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            **validation,
            "epoch": epoch,
            "epoch_seconds": finished - started,
            "samples_per_second": rows / (trained - started),
        }

    def _train(self, epoch: int, started: float) -> tuple[float, float, int]:
        """Train on every row once; returns mean loss and accuracy, and the number of rows."""
        batches = self._order(epoch)
        rate, schedule = self._rate, self._schedule
        group, precision = self._group, self._execution.precision()
        losses: list[Tensor] = []
        hits: list[Tensor] = []
        trained = 0
        self.model.train()
        if rate is not None:
            rate.set(schedule.factor(epoch))
        if self._augmentation is not None:
            self._augmentation.begin(epoch)
        for batch, rows in enumerate(batches):
            if rate is not None and schedule.by_batch:
                rate.set(schedule.factor(epoch, batch, len(batches)))
            share = group.share(rows.shape[-1])
            x, targets = self._batch(rows[..., share.rows])
            if self._augmentation is not None:
                x = self._augmentation(x, self._places(rows, share, trained))
            with precision:
                logits = self._logits(x)
            loss = group.part(self._loss(logits, targets), share)
            self.optimizer.zero_grad()
            self._backward(loss)
            self.optimizer.step()
            trained += rows.numel()
            losses.append(loss.detach())
            hits.append((logits.detach().argmax(1) == targets)[: None if share.weight else 0])
            if len(losses) % self._look_every == 0:
                self._look(losses, batch + 1 - self._look_every, epoch, started)
        self._look(losses, len(batches) - len(batches) % self._look_every, epoch, started)
        sizes = torch.tensor([rows.numel() for rows in batches], device=self._device)
        mean = (torch.stack(losses).double() * sizes).sum().item() / trained
        return mean, group.sum(torch.cat(hits).sum()).item() / trained, trained

    def _places(self, rows: Tensor, share: Share, first: int) -> slice | Tensor:
        """The places of a share's rows in the epoch's order, where its batch begins at `first`."""
        if self._group.size == 1:
            return slice(first, first + rows.numel())
        places = torch.arange(first, first + rows.numel(), device=self._device)
        return places.view(rows.shape)[..., share.rows].flatten()

    def _look(self, losses: list[Tensor], first: int, epoch: int, started: float) -> None:
        """Raise Diverged when a loss from number `first` on is not finite; in all processes."""
        if self._group.size > 1 and len(losses) > first:
            losses[first:] = self._group.sum(torch.stack(losses[first:])).unbind()
        for batch in _not_finite(losses[first:]):
            seconds = time.perf_counter() - started
            raise Diverged(epoch=epoch, batch=first + batch, seconds=seconds)

    def _order(self, epoch: int) -> tuple[Tensor, ...]:
        """Seed the epoch; returns the row numbers of each of its batches."""
        self._seed_layers(epoch)
        # The order is drawn on the CPU, so that it is the same on every device.
        generator = torch.Generator().manual_seed(derive_seed(self._seed, BATCH_ORDER, epoch))
        order = torch.randperm(len(self._data.x_train), generator=generator)
        return batches_of(order.to(self._data.device), self._batch_size, self._fewest)

    def _seed_layers(self, epoch: int) -> None:
        """Seed what the model draws; of other rows a process draws other dropout masks."""
        stream = (self._group.rank,) if self._group.rank else ()
        seed_globally(derive_seed(self._seed, LAYERS, epoch, *stream))

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels of some rows, on the device."""
        x, y = self._data.x_train.index_select(0, rows), self._data.y_train.index_select(0, rows)
        return x.to(self._device), y.to(self._device)

    def _logits(self, x: Tensor) -> Tensor:
        """The model's logits of a batch, [n, classes]."""
        return self._execution.outputs(self._called()(self._execution.inputs(x)))

    def _called(self) -> nn.Module:
        """The model, in training as all processes call it together."""
        return self._trained if self.model.training else self.model

    def _backward(self, loss: Tensor) -> None:
        self._group.backward(loss)

    def _validate(self) -> dict[str, float]:
        """The metrics of the validation rows; none where there are no such rows."""
        data = self._data
        if len(data.y_val) == 0:
            return {}
        found = self._judged(data.x_val, data.y_val)
        return {
            "val_loss": found.loss,
            "val_accuracy": found.accuracy,
            "val_f1": found.f1,
            **found.more,
        }

    def score(self, x: NDArray[Any], y: NDArray[Any]) -> dict[str, float]:
        """loss, accuracy and f1 of other rows, and what `measure` finds of them, without val_."""
        found = self._judged(*wrap([x, y]))
        more = {name.removeprefix("val_"): value for name, value in found.more.items()}
        return {"loss": found.loss, "accuracy": found.accuracy, "f1": found.f1, **more}

    def _judged(self, x: Tensor, y: Tensor) -> Evaluation:
        return evaluate(
            self.model,
            x,
            y,
            self._data.classes,
            self._rows_at_once,
            device=self._device,
            execution=self._execution,
            measure=self._measure,
        )

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over what `weights()` gave.

        Raises RuntimeError when it is that of another architecture.
        """
        self.model.load_state_dict(weights)

    def weights(self) -> Mapping[str, Tensor]:
        """The model's `state_dict()`, not copied."""
        state: Mapping[str, Tensor] = self.model.state_dict()
        return state

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on: model, optimizer, schedule, loss, epoch and seed.

        Tensors are not copied.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "loss": self._changed_loss(),
            "epoch": self.epoch,
            "seed": self._seed,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict()`: on the CPU bit for bit as if there had been no break.

        Raises ValueError or RuntimeError when the state is that of another architecture.
        """
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        if isinstance(self._loss, nn.Module):
            changed = state.get("loss", {})  # absent where an earlier version wrote the state
            self._loss.load_state_dict({**self._loss_as_built, **changed})
        self.epoch = int(state["epoch"])
        self._seed = int(state["seed"])
        self._augmentation = self._new_augmentation()

    def fork(self, state: Mapping[str, Any]) -> None:
        """Go on from another trial's `state_dict()`: its weights and what its optimizer and its
        loss keep.

        Learning rate and other hyperparameters, which torch.optim counts as state, stay this
        loop's own, and so does the seed.
        """
        own = [
            {name: value for name, value in group.items() if name != "params"}
            for group in getattr(self.optimizer, "param_groups", ())
        ]
        changed = state.get("loss", {})
        loss = {name: changed[name] for name in self._loss_as_built if name in changed}
        self.load_state_dict({**state, "loss": loss, "seed": self._seed})
        # Asked for again: torch makes new groups when it loads a state.
        for group, values in zip(getattr(self.optimizer, "param_groups", ()), own, strict=True):
            group.update(values)

    def _changed_loss(self) -> dict[str, Any]:
        """What training has changed of the loss. The rest, weights of classes say, follows from
        the hyperparameters, and a fork has its own."""
        built = self._loss_as_built
        return {
            name: value
            for name, value in _state_of(self._loss).items()
            if not _equal(value, built.get(name))
        }

    def _new_augmentation(self) -> Augmentation | None:
        if self._augment == "none":
            return None
        if self._data.x_train.dim() < 3:
            shape = tuple(self._data.x_train.shape[1:])
            raise ValueError(
                f"augment changes images, but the rows have the shape {shape}: set it to none."
            )
        height, width = self._data.x_train.shape[-2:]
        return Augmentation(
            self._augment,
            rows=self._rows_an_epoch(),
            sides=(height, width),
            seed=self._seed,
            device=self._device,
        )

    def _rows_an_epoch(self) -> int:
        return len(self._data.x_train)


class _LearningRate:
    """Sets the learning rate of our optimizers and of torch.optim's to a factor of their own."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self._has_groups = hasattr(optimizer, "param_groups")
        if self._has_groups:
            self._rates = [group["lr"] for group in optimizer.param_groups]
        elif hasattr(optimizer, "learning_rate"):
            self._rates = [optimizer.learning_rate]
        else:
            raise TypeError(
                f"A schedule sets learning_rate or param_groups of an optimizer, but "
                f"{type(optimizer).__name__} has neither: leave the schedule constant."
            )

    def set(self, factor: float) -> None:
        if not self._has_groups:
            self._optimizer.learning_rate = self._rates[0] * factor
            return
        # Asked for each time: torch makes new groups when it loads a state.
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor


def batches_of(order: Tensor, batch_size: int, fewest: int = 2) -> tuple[Tensor, ...]:
    """Split the last dimension into batches; fewer rows left than `fewest` join the batch before.

    >>> [len(batch) for batch in batches_of(torch.arange(9), 4)]
    [4, 5]
    """
    batches = torch.split(order, batch_size, dim=-1)
    if len(batches) > 1 and batches[-1].shape[-1] < fewest:
        return (*batches[:-2], torch.cat(batches[-2:], dim=-1))
    return batches


def _state_of(loss: Loss) -> dict[str, Any]:
    """The `state_dict()` of a loss, empty where it is a function."""
    return loss.state_dict() if isinstance(loss, nn.Module) else {}


def _equal(one: Any, other: Any) -> bool:
    """Whether both are tensors with the same values."""
    return isinstance(one, Tensor) and isinstance(other, Tensor) and torch.equal(one, other)


def _not_finite(losses: list[Tensor]) -> list[int]:
    """The numbers of the losses that are infinite or not a number."""
    if len(losses) == 1:  # the CPU's case, at each batch: four times as fast as the rest
        return [] if math.isfinite(losses[0].item()) else [0]
    if not losses:
        return []
    finite = torch.isfinite(torch.stack(losses))
    return [] if finite.all().item() else (~finite).nonzero().flatten().tolist()

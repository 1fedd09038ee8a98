"""k-fold cross-validation: k models trained side by side, an epoch of all of them at a time."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.data import Dataset
from trainables.data.dataset import statistic_axes
from trainables.data.splits import deal_folds
from trainables.loops.evaluation import confusion, macro_f1, measured
from trainables.loops.seeding import BATCH_ORDER, derive_seed
from trainables.loops.supervised import Optimizer, SupervisedLoop, batches_of
from trainables.loops.tensors import TensorData, wrap

SPREADS = ("val_loss_std", "val_accuracy_std", "val_f1_std")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldData:
    """The rows of a cross-validation: fold i validates its own part and trains on all others."""

    pool: TensorData
    """All rows, as training rows; there are no validation rows."""
    train: tuple[Tensor, ...]
    """The numbers of each fold's training rows."""
    val: tuple[Tensor, ...]
    """The numbers of each fold's validation rows."""
    shift: Tensor | None
    """[k, 1, ...]: each fold's mean, where the data set is standardised."""
    factor: Tensor | None
    """[k, 1, ...]: one over each fold's standard deviation."""

    @classmethod
    def of(
        cls, dataset: Dataset, folds: int, seed: int, device: torch.device | str = "cpu"
    ) -> "FoldData":
        """Deal the rows of a data set, stratified. The same folds for the same rows and seed.

        A standardised data set is standardised anew by each fold's own training rows: its numbers
        came from rows that a fold validates on. Rows of a pooled data set are not copied.

        Raises ValueError unless 2 <= folds <= rows.
        """
        pooled = dataset.pooled()
        pool = TensorData.of(pooled, device)
        fold = deal_folds(pooled.y_train, folds, seed)
        shift = factor = None
        if dataset.is_standardised:
            (x,) = wrap([pooled.x_train])  # on the CPU: in float64 it takes twice the data's memory
            numbers = _standards(x, torch.from_numpy(fold), folds)
            shift, factor = (number.to(device) for number in numbers)
        rows = np.arange(len(fold))
        return cls(
            pool=pool,
            train=tuple(torch.from_numpy(rows[fold != i]).to(device) for i in range(folds)),
            val=tuple(torch.from_numpy(rows[fold == i]).to(device) for i in range(folds)),
            shift=shift,
            factor=factor,
        )

    @classmethod
    def of_parts(cls, parts: Sequence[Dataset], device: torch.device | str = "cpu") -> "FoldData":
        """Take the rows as they are, of one data set a fold; they are copied."""
        pooled = [part.pooled() for part in parts]
        whole = replace(
            pooled[0],
            x_train=np.concatenate([part.x_train for part in pooled]),
            y_train=np.concatenate([part.y_train for part in pooled]),
        )
        sizes = [size for part in parts for size in (len(part.y_train), len(part.y_val))]
        rows = torch.split(torch.arange(sum(sizes), device=device), sizes)
        return cls(
            pool=TensorData.of(whole, device),
            train=rows[::2],
            val=rows[1::2],
            shift=None,
            factor=None,
        )


def _standards(x: Tensor, fold: Tensor, folds: int) -> tuple[Tensor, Tensor]:
    """Mean and one over the standard deviation of the training rows of each fold."""
    shape = tuple(x.shape[1:])
    axes = statistic_axes(shape)
    counts, sums, squares = [], [], []
    for i in range(folds):
        part = x[fold == i].double()
        counts.append(part.numel() / part.sum(axes).numel())
        sums.append(part.sum(axes, keepdim=True))
        squares.append(part.square().sum(axes, keepdim=True))
    # A fold's training rows are all rows but its own.
    count = sum(counts) - torch.tensor(counts, dtype=torch.float64)
    count = count.view(-1, *[1] * x.dim())
    mean = (sum(sums) - torch.stack(sums)) / count
    variance = (sum(squares) - torch.stack(squares)) / count - mean.square()
    deviation = variance.clamp(min=0).sqrt()
    # Rounding leaves a column that never varies a deviation of about 1e-8.
    factor = torch.where(deviation > 1e-6, 1 / deviation, 0.0)
    return mean.float(), factor.float()


class FoldsLoop(SupervisedLoop):
    """Trains the models of all folds at the same time, each as a SupervisedLoop of its own would.

    An epoch's metrics are means over the folds; `SPREADS` are the sample standard deviations of the
    validation metrics. Each fold trains on as many rows an epoch as the smallest of them has: at
    most one row, another in each epoch, is left out.

    Args:
        model: `stack` of one model a fold, from [k, n, *input_shape] to [k, n, classes].
        optimizer: updates each weight from its own gradient, as all of ours and torch's do.
        folds: the rows.
        options: those of SupervisedLoop.
    """

    def __init__(
        self, model: nn.Module, optimizer: Optimizer, folds: FoldData, **options: Any
    ) -> None:
        self._folds = folds
        self._count = len(folds.train)
        self._rows_of_a_fold = min(len(rows) for rows in folds.train)
        longest = max(len(rows) for rows in folds.val)
        # Padded with rows whose results are dropped.
        self._val_rows = torch.stack([_padded(rows, longest) for rows in folds.val])
        super().__init__(model, optimizer, folds.pool, **options)
        self._shift, self._factor = (
            None if numbers is None else numbers.to(self._device)
            for numbers in (folds.shift, folds.factor)
        )

    def _order(self, epoch: int) -> tuple[Tensor, ...]:
        self._seed_layers(epoch)
        orders = []
        for number, rows in enumerate(self._folds.train):
            seed = derive_seed(self._seed, BATCH_ORDER, epoch, number)
            order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
            orders.append(rows[order[: self._rows_of_a_fold].to(rows.device)])
        return batches_of(torch.stack(orders), self._batch_size, self._fewest)

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        x, y = super()._batch(rows.flatten())
        if self._shift is not None and self._factor is not None:
            apart = x.view(*rows.shape, *x.shape[1:])
            apart.sub_(self._shift).mul_(self._factor)  # x is a copy, so in place
        return x, y

    def _logits(self, x: Tensor) -> Tensor:
        x = self._execution.inputs(x)
        apart = x.view(self._count, -1, *x.shape[1:])
        return self._execution.outputs(self._called()(apart)).flatten(0, 1)

    def _backward(self, loss: Tensor) -> None:
        # The mean over all folds' rows is one k-th of the sum of the folds' own means.
        super()._backward(loss * self._count)

    def _rows_an_epoch(self) -> int:
        return self._count * self._rows_of_a_fold

    @torch.inference_mode()
    def _validate(self) -> dict[str, float]:
        self.model.eval()
        found, losses = [], []
        for rows in torch.split(self._val_rows, max(1, self._rows_at_once // self._count), dim=1):
            x, y = self._batch(rows)
            with self._execution.precision():
                logits = self._logits(x)
            losses.append(functional.cross_entropy(logits, y, reduction="none").view(rows.shape))
            found.append(logits.view(*rows.shape, -1))
        logits, loss = torch.cat(found, dim=1), torch.cat(losses, dim=1)
        classes = self._data.classes
        reports = []
        for number, rows in enumerate(self._folds.val):
            size = len(rows)
            labels, own = self._data.y_train[rows].to(self._device), logits[number, :size]
            counts = confusion(labels, own.argmax(1), classes)
            report = {
                "val_loss": loss[number, :size].mean().item(),
                "val_accuracy": counts.diagonal().sum().item() / size,
                "val_f1": macro_f1(counts),
            }
            if self._measure is not None:
                report.update(measured(self._measure, own, labels))
            reports.append(report)
        means = {name: statistics.fmean(r[name] for r in reports) for name in reports[0]}
        spreads = {
            name: _spread([report[name.removesuffix("_std")] for report in reports])
            for name in SPREADS
        }
        return {**means, **spreads}


def _padded(rows: Tensor, length: int) -> Tensor:
    return torch.cat([rows, rows[:1].expand(length - len(rows))])


def _spread(values: list[float]) -> float:
    """The sample standard deviation, with n - 1, which one look at NaN does not upset."""
    return float(np.std(values, ddof=1))

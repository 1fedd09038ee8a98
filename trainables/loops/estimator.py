"""Estimators of scikit-learn, or with its methods, an epoch at a time."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainables.data import Dataset
from trainables.loops.evaluation import confusion, macro_f1
from trainables.loops.seeding import BATCH_ORDER, derive_seed


class EstimatorLoop:
    """Trains an estimator that has `partial_fit` by one pass over the rows an epoch; any other is
    fitted anew each epoch, with the budget that its builder gives that epoch.

    A checkpoint holds no estimator, which could only be a pickle, but the number of epochs: going
    on trains one with `partial_fit` again up to there, with the same rows in the same order.

    Args:
        build: from the epoch, from 1, to an estimator that is not fitted.
        data: its rows are flattened.
        seed: orders the rows, and seeds numpy's global generator for each epoch.
    """

    def __init__(self, build: Callable[[int], Any], data: Dataset, *, seed: int) -> None:
        self.epoch = 0
        self.estimator: Any = None
        self._build = build
        self._data = data
        self._seed = seed

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch; returns train_accuracy and the validation metrics, where there are rows
        for these.

        Raises ValueError when the estimator predicts no class numbers.
        """
        started = time.perf_counter()
        self._fit(self.epoch + 1)
        self.epoch += 1
        data = self._data
        validation = self.score(data.x_val, data.y_val) if len(data.y_val) else {}
        hits = self._predicted(data.x_train) == data.y_train
        return {
            "train_accuracy": float(np.mean(hits)),
            **{f"val_{name}": value for name, value in validation.items()},
            "epoch": self.epoch,
            "epoch_seconds": time.perf_counter() - started,
        }

    def score(self, x: NDArray[Any], y: NDArray[Any]) -> dict[str, float]:
        """accuracy and f1 of rows.

        Raises ValueError when the estimator predicts no class numbers.
        """
        labels = torch.from_numpy(np.array(y))
        predicted = torch.from_numpy(self._predicted(x))
        counts = confusion(labels, predicted, self._data.classes)
        return {
            "accuracy": counts.diagonal().sum().item() / len(labels),
            "f1": macro_f1(counts),
        }

    def _predicted(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """The class of each row, as the estimator predicts it."""
        found, classes = np.asarray(self.estimator.predict(_flat(x))), self._data.classes
        if found.shape == (len(x),) and found.dtype.kind in "biuf":
            odd = found[~np.isin(found, np.arange(classes))]
            if not len(odd):
                return found.astype(np.int64)
            what = f"{odd[0]}"
        else:
            what = f"an array of shape {found.shape} and type {found.dtype}"
        raise ValueError(
            f"An estimator must predict the class of each row, a whole number within 0 .. "
            f"{classes - 1}, but {type(self.estimator).__name__} predicts {what}: build a "
            "classifier."
        )

    def _fit(self, epoch: int) -> None:
        x, y = _flat(self._data.x_train), self._data.y_train
        seed = derive_seed(self._seed, BATCH_ORDER, epoch)
        np.random.seed(seed % 2**32)
        if self.estimator is None or not hasattr(self.estimator, "partial_fit"):
            self.estimator = self._build(epoch)
        if not hasattr(self.estimator, "partial_fit"):
            self.estimator.fit(x, y)
            return
        order = np.random.default_rng(seed).permutation(len(x))
        classes = np.arange(self._data.classes)
        self.estimator.partial_fit(x[order], y[order], classes=classes)

    def weights(self) -> Mapping[str, Any]:
        """The epoch, from which the estimator is made again."""
        return {"epoch": self.epoch}

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        """Train again up to the epoch of `weights()`."""
        self.load_state_dict({**weights, "seed": self._seed})

    def state_dict(self) -> dict[str, Any]:
        """Epoch and seed, from which the estimator is made again."""
        return {"epoch": self.epoch, "seed": self._seed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Train again up to the epoch of a `state_dict()`: exactly as before."""
        self._seed = int(state["seed"])
        self.estimator = None
        self.epoch = int(state["epoch"])
        for epoch in range(1, self.epoch + 1):
            if epoch == 1 or hasattr(self.estimator, "partial_fit"):
                self._fit(epoch)


def _flat(x: Any) -> Any:
    return x.reshape(len(x), -1)

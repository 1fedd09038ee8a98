"""Stratified, seeded splits: the same rows for every sweep and every trial."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import Dataset
from trainables.data.sizes import check_size

SPLIT_SEED = 0  # fixed: every sweep sees the same rows


def stratified_order(y: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The rows in an order of which every part holds each class by its share, give or take a row.

    The rows of a class are shuffled and spread evenly over the whole order, each class from a
    random start of its own. So the first rows can train, the next ones validate, whatever their
    numbers.

    Returns row numbers [n].
    """
    generator = np.random.default_rng(seed)
    place = np.empty(len(y))
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        start = generator.random()
        place[generator.permutation(rows)] = (np.arange(len(rows)) + start) / len(rows)
    return np.argsort(place, kind="stable")


def check_folds(folds: int, rows: int) -> None:
    """Raise ValueError unless so many rows can be dealt to so many folds."""
    if not 2 <= folds <= rows:
        raise ValueError(
            f"folds must be within 2 .. {rows:,}, the number of rows, but it is {folds:,}: "
            "take another number of folds."
        )


def deal_folds(y: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row: folds differ by one row at most, and so do a class's rows in them.

    The rows of one class after the other, shuffled, are dealt like cards.

    Returns numbers [n] in 0 .. folds - 1.
    Raises ValueError unless 2 <= folds <= n.
    """
    check_folds(folds, len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), np.int64)
    fold[order] = np.arange(len(y)) % folds
    return fold


def train_and_val(
    name: str,
    order: NDArray[np.int64],
    *,
    train_size: int | None,
    val_size: int | None,
    val_share: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first `train_size` of the rows in their order, and the next `val_size`.

    By default validation takes its share, or what training leaves of it, and training the rest.

    Raises ValueError when a size is impossible.
    """
    share = max(1, round(val_share * len(order)))
    train_rows = len(order) - share if train_size is None else train_size
    check_size(name, "train_size", train_rows, len(order) - 1)
    left = len(order) - train_rows
    val_rows = min(share, left) if val_size is None else val_size
    check_size(name, f"val_size (beside {train_rows:,} to train)", val_rows, left)
    return order[:train_rows], order[train_rows : train_rows + val_rows]


def fold_datasets(dataset: Dataset, folds: int, seed: int) -> list[Dataset]:
    """One data set a fold: it validates its own part of the training and validation rows, and
    trains on the others.

    A standardised data set is standardised anew by each fold's own training rows.

    Raises ValueError unless 2 <= folds <= rows.
    """
    pooled = dataset.pooled()
    fold = deal_folds(pooled.y_train, folds, seed)
    found = []
    for number in range(folds):
        own = fold == number
        part = replace(
            dataset,
            x_train=pooled.x_train[~own],
            y_train=pooled.y_train[~own],
            x_val=pooled.x_train[own],
            y_val=pooled.y_train[own],
            is_pooled=False,
        )
        found.append(part.standardised() if dataset.is_standardised else part)
    return found

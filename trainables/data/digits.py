"""The 1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn."""

import numpy as np

from trainables.data.dataset import Dataset
from trainables.data.sizes import check_size

_TRAIN_ROWS = 1077
_TEST_ROWS = 360
_VAL_ROWS = 360
_BRIGHTEST = 16.0  # pixels are counts from 0 to 16
_SPLIT_SEED = 0  # fixed: every sweep sees the same rows


def check_digits(data_dir: str | None, train_size: int | None, val_size: int | None) -> None:
    """Raise ValueError for a data_dir, there are no files to read, and for impossible sizes."""
    if data_dir is not None:
        raise ValueError(
            f"digits ships with scikit-learn and reads no directory, but data_dir is {data_dir!r}. "
            "Leave data_dir out, or ask for another data set."
        )
    if train_size is not None:
        check_size("digits", "train_size", train_size, _TRAIN_ROWS)
    if val_size is not None:
        check_size("digits", "val_size", val_size, _VAL_ROWS)


def load_digits(data_dir: str | None, train_size: int | None, val_size: int | None) -> Dataset:
    """Load digits as [n, 8, 8] in a fixed stratified split of 1,077 / 360 / 360 rows.

    Smaller sizes take the first rows of a part, which is shuffled, so they stay nearly stratified.

    Raises ValueError as `check_digits` does.
    """
    check_digits(data_dir, train_size, val_size)
    # scikit-learn costs a second to import; the driver pays it only when it really wants digits.
    from sklearn import datasets, model_selection

    images, labels = datasets.load_digits(return_X_y=True)
    x = (images.reshape(-1, 8, 8) / _BRIGHTEST).astype(np.float32)
    y = labels.astype(np.int64)
    x, x_test, y, y_test = model_selection.train_test_split(
        x, y, test_size=_TEST_ROWS, stratify=y, random_state=_SPLIT_SEED
    )
    x, x_val, y, y_val = model_selection.train_test_split(
        x, y, test_size=_VAL_ROWS, stratify=y, random_state=_SPLIT_SEED
    )
    train_rows = len(x) if train_size is None else train_size
    val_rows = len(x_val) if val_size is None else val_size
    return Dataset(
        name="digits",
        x_train=x[:train_rows],
        y_train=y[:train_rows],
        x_val=x_val[:val_rows],
        y_val=y_val[:val_rows],
        x_test=x_test,
        y_test=y_test,
        classes=10,
        labels=tuple(range(10)),
    )

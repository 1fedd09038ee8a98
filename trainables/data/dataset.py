"""A data set of labelled rows, split into train, validation and test."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Rows with class labels in three parts.

    Rows keep their natural shape, [n, height, width] for grey images or [n, features]: a model
    flattens them if it wants to. Values are float32, in 0 .. 1 until `standardised`; labels are
    int64 in 0 .. classes - 1.

    Raises ValueError when a part is empty, has another dtype, another number of labels than rows,
    another shape of row than the training part, or a label outside 0 .. classes - 1.
    """

    name: str
    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    classes: int

    def __post_init__(self) -> None:
        self._check("train", self.x_train, self.y_train)
        self._check("val", self.x_val, self.y_val)
        self._check("test", self.x_test, self.y_test)

    def _check(self, part: str, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        if len(x) == 0 or len(x) != len(y) or y.ndim != 1:
            raise ValueError(
                f"x_{part} and y_{part} of {self.name} must have the same number of rows, "
                f"at least 1, but their shapes are {x.shape} and {y.shape}."
            )
        if x.dtype != np.float32 or y.dtype != np.int64:
            raise ValueError(
                f"x_{part} of {self.name} must be float32 and y_{part} int64, "
                f"but they are {x.dtype} and {y.dtype}."
            )
        if x.shape[1:] != self.input_shape:
            raise ValueError(
                f"Rows of x_{part} of {self.name} must have the shape {self.input_shape} "
                f"of x_train, but they have {x.shape[1:]}."
            )
        if y.min() < 0 or y.max() >= self.classes:
            raise ValueError(
                f"Labels in y_{part} of {self.name} must be within 0 .. {self.classes - 1}, "
                f"but they are within {y.min()} .. {y.max()}."
            )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row: (28, 28) for Fashion-MNIST."""
        return self.x_train.shape[1:]

    def standardised(self) -> "Dataset":
        """Subtract the mean of the training part and divide by its standard deviation.

        One mean and one deviation over all values, so that a pixel that never changes stays finite.
        Validation and test rows are moved by the training part's numbers: nothing of theirs leaks.
        """
        mean = self.x_train.mean(dtype=np.float64)
        deviation = self.x_train.std(dtype=np.float64)
        if deviation == 0:
            raise ValueError(
                f"x_train of {self.name} must vary to be standardised, but it is {mean:g} all over."
            )
        shift, factor = np.float32(mean), np.float32(1 / deviation)
        return replace(
            self,
            x_train=(self.x_train - shift) * factor,
            x_val=(self.x_val - shift) * factor,
            x_test=(self.x_test - shift) * factor,
        )

    def describe(self) -> str:
        """One line for a person: name, rows of each part, shape of a row, classes."""
        shape = " x ".join(str(size) for size in self.input_shape)
        return (
            f"{self.name}: {len(self.x_train):,} training, {len(self.x_val):,} validation and "
            f"{len(self.x_test):,} test rows of {shape}, {self.classes} classes"
        )

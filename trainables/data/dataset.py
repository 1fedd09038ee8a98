"""A data set of labelled rows, split into train, validation and test."""

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Label = str | int | float | bool
"""What a class is called in the files of a data set."""
_PARTS = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a column of a table is as inputs of a model."""

    name: str
    mean: float = 0.0
    """Of a column of numbers: what stands for a missing one."""
    words: tuple[str, ...] | None = None
    """Of a column of words: one input each, 1 for the word of the row and else 0; all are 0 for a
    word that is missing or another one. None for a column of numbers, which is one input."""

    def to_json(self) -> dict[str, Any]:
        """As in `configuration.json`."""
        if self.words is None:
            return {"name": self.name, "kind": "number", "missing": self.mean}
        return {"name": self.name, "kind": "words", "words": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Rows with class labels in three parts.

    Rows keep their natural shape, [n, height, width] for grey images, [n, channels, height, width]
    for those in colour, or [n, features]: a model flattens them if it wants to. Values are float32,
    those of images in 0 .. 1 until `standardised`; labels are int64 in 0 .. classes - 1.

    Raises ValueError when a part is empty, has another dtype, another number of labels than rows,
    another shape of row than the training part, a label outside 0 .. classes - 1, or names of
    another number of classes. Of a pooled data set the validation part is empty.
    """

    name: str
    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    classes: int
    is_standardised: bool = False
    """Whether the values are those of `standardised`."""
    is_pooled: bool = False
    """Whether the training part holds the validation rows too: see `pooled`."""
    labels: tuple[Label, ...] | None = None
    """What each class is called, by its number; None where nobody says."""
    columns: tuple[Column, ...] | None = None
    """The columns of a table, in the order of their inputs; None for everything else."""
    checksum: str | None = None
    """Of the values as they were loaded, whatever was made of them since: see `with_checksum`."""

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != self.classes:
            raise ValueError(
                f"labels of {self.name} must name its {self.classes} classes, but they are "
                f"{len(self.labels)}."
            )
        self._check("train", self.x_train, self.y_train)
        if not self.is_pooled:
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

    @property
    def nbytes(self) -> int:
        """The bytes of the rows that are trained on and validated with."""
        return sum(a.nbytes for a in (self.x_train, self.y_train, self.x_val, self.y_val))

    def standardised(self) -> "Dataset":
        """Subtract the mean of the training part and divide by its standard deviation.

        Each column of flat rows and each channel of colour images has numbers of its own, grey
        images have one mean and one deviation. Validation and test rows are moved by the training
        part's numbers: nothing of theirs leaks. What never varies becomes 0.

        Raises ValueError when nothing varies.
        """
        shift, factor = self.standards()
        return replace(
            self,
            x_train=(self.x_train - shift) * factor,
            x_val=(self.x_val - shift) * factor,
            x_test=(self.x_test - shift) * factor,
            is_standardised=True,
        )

    def standards(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What `standardised` subtracts and then multiplies by, each [1, ...] for one row.

        Raises ValueError when nothing varies.
        """
        axes = statistic_axes(self.input_shape)
        mean = self.x_train.mean(axes, dtype=np.float64, keepdims=True)
        deviation = self.x_train.std(axes, dtype=np.float64, keepdims=True)
        if not deviation.any():
            raise ValueError(
                f"x_train of {self.name} must vary to be standardised, but it is "
                f"{mean.flat[0]:g} all over."
            )
        factor = 1 / np.where(deviation > 0, deviation, 1)
        return mean.astype(np.float32), factor.astype(np.float32)

    def pooled(self) -> "Dataset":
        """The data set of a cross-validation: the training rows, then the validation rows.

        One array, so that all workers of a node share it; every fold takes its part of the rows.
        """
        if self.is_pooled:
            return self
        return replace(
            self,
            x_train=np.concatenate([self.x_train, self.x_val]),
            y_train=np.concatenate([self.y_train, self.y_val]),
            x_val=self.x_val[:0],
            y_val=self.y_val[:0],
            is_pooled=True,
        )

    def first_rows(self) -> "Dataset":
        """The first row of each part alone: enough to build a model for it."""
        return replace(self, **{part: getattr(self, part)[:1] for part in _PARTS})

    def with_checksum(self) -> "Dataset":
        """The same with the CRC-32 of its rows and labels, their shapes and their names, noted.

        At 1 to 7 GB/s: 0.03 to 0.2 s for Fashion-MNIST. The GIL is not held.
        """
        # Renamed words leave the same inputs, of another meaning.
        found = zlib.crc32(f"{self.labels} {self.columns}".encode())
        for part in _PARTS:
            array = np.ascontiguousarray(getattr(self, part))
            found = zlib.crc32(array.data, zlib.crc32(f"{part} {array.shape}".encode(), found))
        return replace(self, checksum=f"{found:08x}")

    def describe(self) -> str:
        """One line for a person: name, rows of each part, shape of a row, classes."""
        shape = " x ".join(str(size) for size in self.input_shape)
        return (
            f"{self.name}: {len(self.x_train):,} training, {len(self.x_val):,} validation and "
            f"{len(self.x_test):,} test rows of {shape}, {self.classes} classes"
        )


def statistic_axes(input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of [n, *input_shape] over which one mean and one deviation are taken.

    >>> statistic_axes((64,)), statistic_axes((28, 28)), statistic_axes((3, 32, 32))
    ((0,), (0, 1, 2), (0, 2, 3))
    """
    if len(input_shape) == 1:
        return (0,)
    if len(input_shape) == 3:
        return (0, 2, 3)
    return tuple(range(len(input_shape) + 1))

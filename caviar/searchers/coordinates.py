"""Configurations as rows of numbers: what models and distances work on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces import Choice, SearchSpace

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Coordinates:
    """Configurations of a space as rows of numbers, one column a searched parameter.

    A number has its unit coordinate, a choice the number of its option, and NaN stands for a
    parameter that takes no part.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.names = [p.name for p in space.searched]
        self.options = np.array(
            [len(p.options) if isinstance(p, Choice) else 0 for p in space.searched]
        )
        """[columns]: how many options a choice has, 0 for a number."""

    def of(self, config: Mapping[str, Any]) -> Floats:
        """The row of a configuration."""
        raw = self.space.encode(config)
        return np.array([raw.get(name, math.nan) for name in self.names], dtype=np.float64)

    def config(self, row: Floats) -> dict[str, Any]:
        """The configuration at a row; columns that take no part are not looked at."""
        raw = dict(zip(self.names, row.tolist(), strict=True))
        return self.space.walk(lambda p: int(raw[p.name]) if isinstance(p, Choice) else raw[p.name])

    def masked(self, rows: Floats) -> Floats:
        """The rows with NaN wherever a parameter takes no part."""
        if not self.space.conditional:
            return rows
        return np.array([self.of(self.config(row)) for row in rows])

    def squares(self, rows: Floats, row: Floats, weights: Floats | None = None) -> Floats:
        """[rows] the squared distances of these rows from one.

        Euclidean over the coordinates; two different options of a choice are 1 apart, and so is a
        parameter that takes part from one that does not. `weights` has a factor a parameter.
        """
        squares = (rows - row) ** 2
        choices = self.options > 0
        if choices.any():
            squares[:, choices] = squares[:, choices] > 0
        lacking = np.isnan(rows)
        squares = np.where(lacking | np.isnan(row), lacking != np.isnan(row), squares).astype(float)
        factors = np.ones(rows.shape[1]) if weights is None else weights**2
        return np.asarray(squares @ factors, dtype=np.float64)

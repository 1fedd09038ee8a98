"""Where trials diverge or fail: a proposal whose nearest neighbour broke is not made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from caviar.searchers.coordinates import Coordinates, Floats

_LEAST_WEIGHT = 0.05
"""Of a parameter on which sound and broken trials do not differ at all."""


class Feasibility:
    """The trials that broke and those that did not, by their configurations.

    A model alone does not stay away: the best trials often lie at the edge of the region where
    trials break, as they do for a learning rate, and it goes on proposing beyond. The edge is taken
    to lie half way between the nearest sound and the nearest broken trial. The rule has no scale of
    its own: each trial that breaks cuts off half of what was left to try there, and one that failed
    by bad luck cuts off nothing but its own surroundings.

    Each parameter counts as much as it tells the two kinds apart: its distances are weighed by the
    square of the largest difference between the two distribution functions along it (the statistic
    of Kolmogorov and Smirnov, 0 … 1). Else neighbours in many dimensions, most of which do not
    matter, would be no neighbours where it does.
    """

    def __init__(self, coordinates: Coordinates) -> None:
        self._coordinates = coordinates
        self._rows: tuple[dict[int, Floats], dict[int, Floats]] = ({}, {})
        """Trial to row: of those that are sound, of those that broke."""
        self._known: tuple[Floats, Floats, Floats] | None = None
        """The rows of the sound and of the broken trials, and the weights of the parameters."""

    def observe(self, number: int, row: Floats, *, broke: bool) -> None:
        """Trial `number`, whose configuration lies at `row`, broke; or it did not, so far."""
        if np.array_equal(self._rows[broke].get(number, ()), row, equal_nan=True):
            return
        self._rows[not broke].pop(number, None)
        self._rows[broke][number] = row
        self._known = None

    def expected(self, rows: Floats) -> NDArray[np.bool_]:
        """[rows] whether a trial would break there; NaN stands for what takes no part."""
        if not self._rows[True] or not self._rows[False]:
            return np.full(len(rows), bool(self._rows[True]))
        if self._known is None:
            sound, broken = (np.array(list(rows.values())) for rows in self._rows)
            apart = np.array([_apart(a, b) for a, b in zip(sound.T, broken.T, strict=True)])
            self._known = sound, broken, np.maximum(apart**2, _LEAST_WEIGHT)
        sound, broken, weights = self._known
        near = [
            [
                float(self._coordinates.squares(known, row, weights).min())
                for known in (sound, broken)
            ]
            for row in rows
        ]
        return np.array([to_broken < to_sound for to_sound, to_broken in near], dtype=bool)


def _apart(a: Floats, b: Floats) -> float:
    """The largest difference between the distribution functions of two samples.

    What takes no part, NaN, lies below everything.
    """
    a, b = (np.sort(np.nan_to_num(values, nan=-1.0)) for values in (a, b))
    places = np.concatenate([a, b])
    below = (np.searchsorted(v, places, side="right") / len(v) for v in (a, b))
    return float(np.abs(np.subtract(*below)).max())

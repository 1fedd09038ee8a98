"""From a proposed configuration to the nearest recorded one that has not run yet."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping

import numpy as np

from caviar.searchers.base import Observation, Searcher
from caviar.searchers.coordinates import Coordinates, Floats
from caviar.simulator.table import CurveTable
from search_spaces import Config


@functools.lru_cache(maxsize=16)  # 0.5 s for 2,000 rows, and a study replays a table often
def _rows(table: CurveTable) -> Floats:
    """[rows, columns] the coordinates of the table's configurations."""
    coordinates = Coordinates(table.space)
    rows = np.array([coordinates.of(config) for config in table.configs])
    rows.flags.writeable = False  # all replays of the table share them
    return rows


@functools.lru_cache(maxsize=16)  # likewise
def _keys(table: CurveTable) -> tuple[Hashable, ...]:
    """What tells the table's configurations apart."""
    return tuple(table.space.key(config) for config in table.configs)


class Rows:
    """The rows of a table in unit coordinates, and which of them are left."""

    def __init__(self, table: CurveTable) -> None:
        self._coordinates = Coordinates(table.space)
        self._rows = _rows(table)
        self._used = np.zeros(len(table.configs), dtype=bool)

    def take(self, config: Config) -> int | None:
        """The nearest row not used yet, which is used from now on; None when none is left."""
        if self._used.all():
            return None
        distances = self._coordinates.squares(self._rows, self._coordinates.of(config))
        distances[self._used] = np.inf
        row = int(distances.argmin())
        self._used[row] = True
        return row


class RowSearcher(Searcher):
    """A searcher whose proposals become rows: it observes the row that ran, not its suggestion."""

    def __init__(self, inner: Searcher, table: CurveTable) -> None:
        super().__init__(inner.space, mode=inner.mode, seed=inner.seed)
        self.rows: dict[int, int] = {}
        """The row that each trial runs."""
        self._inner = inner
        self._table = table
        self._left = Rows(table)
        self._ran: set[Hashable] = set()
        self._keys = _keys(table)

    def suggest(self, number: int, attempt: int = 0) -> Config | None:
        wish = self._inner.suggest(number, attempt)
        row = None if wish is None else self._new(wish)
        if row is None:
            return None
        self.rows[number] = row
        config = dict(self._table.configs[row])
        self._inner.register(number, config)
        return config

    def _new(self, wish: Config) -> int | None:
        """The nearest row left whose configuration has not run: a table may hold one twice."""
        while (row := self._left.take(wish)) is not None:
            if self._keys[row] not in self._ran:
                self._ran.add(self._keys[row])
                return row
        return None

    def report(self, number: int, epoch: int, value: float) -> None:
        self._inner.report(number, epoch, value)

    def observe(self, number: int, observation: Observation) -> None:
        self._inner.observe(number, observation)

    def register(self, number: int, config: Mapping[str, object]) -> None:
        row = self._new(dict(config))
        assert row is not None, "a simulation starts what the table holds"
        self.rows[number] = row
        self._inner.register(number, config)

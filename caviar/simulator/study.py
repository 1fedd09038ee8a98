"""Many simulated sweeps: every recipe on every table, by numbers of workers and seeds."""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.schedulers import SchedulerOptions
from caviar.searchers import SearcherOptions
from caviar.simulator.replay import simulate
from caviar.simulator.table import CurveTable

Floats = NDArray[np.float64]

POINTS = 100
"""Regret is noted after each hundredth of the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One simulated sweep."""

    table: int
    """The number of the table."""
    recipe: str
    searcher: SearcherOptions
    scheduler: SchedulerOptions
    workers: int
    seed: int
    epochs: int | None
    """The budget over all trials; None where `trials` ends it."""
    trials: int | None
    default_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of it."""

    regret: Floats
    """[POINTS] regret at each hundredth of the budget: NaN before the first finite report."""
    trials: int
    epochs: int
    seconds: float
    """Simulated seconds until the end."""


def cases(
    tables: Sequence[CurveTable],
    recipes: dict[str, tuple[SearcherOptions, SchedulerOptions]],
    *,
    workers: Iterable[int],
    seeds: int,
    epochs: Sequence[int | None],
    trials: int | None,
) -> list[Case]:
    """Every combination; `epochs` has the budget of each table.

    The default configuration runs first, and some are drawn near it, where the table has a row for
    it: that of a sweep has. The parameters of others come without defaults.
    """
    found = []
    for number, table in enumerate(tables):
        default = table.space.key(table.space.default())
        has_default = any(table.space.key(config) == default for config in table.configs)
        for recipe, (searcher, scheduler) in recipes.items():
            found += [
                Case(
                    table=number,
                    recipe=recipe,
                    searcher=searcher if has_default else without_default(searcher),
                    scheduler=scheduler,
                    workers=count,
                    seed=seed,
                    epochs=epochs[number],
                    trials=trials,
                    default_first=has_default,
                )
                for count in workers
                for seed in range(seeds)
            ]
    return found


def without_default(searcher: SearcherOptions) -> SearcherOptions:
    """The same searcher, drawing nothing near the default configuration."""
    if not getattr(searcher, "near_default", False):
        return searcher
    changes: dict[str, Any] = {"near_default": False}
    return dataclasses.replace(searcher, **changes)


def run(
    tables: Sequence[CurveTable], todo: Sequence[Case], *, jobs: int
) -> Iterator[tuple[Case, Found]]:
    """Run the cases in `jobs` processes, in their order."""
    if jobs == 1 or len(todo) == 1:
        for case in todo:
            yield case, one(tables[case.table], case)
        return
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_share, initargs=(tables,)
    )
    try:
        yield from zip(todo, pool.map(_one, todo), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def one(table: CurveTable, case: Case) -> Found:
    """One simulated sweep."""
    searcher = case.searcher.planned(table.space, trials=case.trials)
    replay = simulate(
        table,
        searcher=searcher.build(table.space, mode=table.objective.direction, seed=case.seed),
        scheduler=case.scheduler.build(max_epochs=table.max_epochs, seed=case.seed),
        workers=case.workers,
        epochs=case.epochs,
        trials=case.trials,
        seed=case.seed,
        default_first=case.default_first,
    )
    budget = case.epochs or len(replay.best)
    regret = [replay.regret(budget * (i + 1) / POINTS) for i in range(POINTS)]
    return Found(
        regret=np.array(regret),
        trials=len(replay.controller.trials),
        epochs=len(replay.best),
        seconds=float(replay.seconds[-1]) if len(replay.seconds) else 0.0,
    )


_shared: list[CurveTable] = []


def _share(tables: Sequence[CurveTable]) -> None:
    _shared.extend(tables)


def _one(case: Case) -> Found:
    return one(_shared[case.table], case)

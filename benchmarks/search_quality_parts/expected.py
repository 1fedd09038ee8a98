"""What the default has to reach, sentence by sentence, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Regrets = Mapping[tuple[str, str, str], Floats]  # method, file, table -> [seeds, shares]
Tables = Sequence[tuple[str, str]]  # file, table

DEFAULT = "ours: Parzen + ASHA with quota"
RANDOM = "random + ASHA"
RAY = "Ray OptunaSearch + ASHA"
MOST = {"lcbench_surrogate_curves.npz": 0.267, "taskset_curves.npz": 0.098}
"""Half the regret at the end that Ray's OptunaSearch with ASHA had when the goal was set."""
NOISE = 2.0
"""Standard errors of the mean difference over the seeds."""


def answers(
    regret: Regrets,
    names: Sequence[str],
    files: Mapping[str, tuple[str, int]],
    tables: Tables,
    shares: Sequence[float],
) -> list[tuple[str, str, bool]]:
    """Sentence, evidence, whether it holds; none without the rows that it takes.

    `names` are the methods that the default is ranked among.
    """
    if not {DEFAULT, RANDOM, RAY} <= set(names):
        return []
    members = {file: [(f, t) for f, t in tables if f == file] for file in files}
    return [
        *(
            _no_worse(regret, files, members, share, at)
            for at, share in enumerate(shares)
            if share <= 0.25
        ),
        *(
            _first(regret, names, tables, share, at)
            for at, share in enumerate(shares)
            if share > 0.25
        ),
        *_small(regret, files, members),
        _nowhere_worse(regret, tables),
    ]


def gap(regret: Regrets, tables: Tables, other: str, at: int) -> tuple[float, float]:
    """The mean difference of the default from another, and its standard error over the seeds.

    Over the seeds that both have, each of them averaged over the tables.
    """
    mine, theirs = (
        np.mean([regret[name, *table][: _seeds(regret, tables, other), at] for table in tables], 0)
        for name in (DEFAULT, other)
    )
    return float(np.mean(mine - theirs)), float(np.std(mine - theirs, ddof=1) / np.sqrt(len(mine)))


def _seeds(regret: Regrets, tables: Tables, other: str) -> int:
    return min(len(regret[name, *tables[0]]) for name in (DEFAULT, other))


def _no_worse(
    regret: Regrets,
    files: Mapping[str, tuple[str, int]],
    members: Mapping[str, Tables],
    share: float,
    at: int,
) -> tuple[str, str, bool]:
    gaps = {file: gap(regret, members[file], RANDOM, at) for file in files}
    said = "; ".join(
        f"{files[f][0]} {mean:+.3f} ± {error:.3f}" for f, (mean, error) in gaps.items()
    )
    worse = _worse(regret, [t for tables in members.values() for t in tables], at)
    return (
        f"At {share:.0%} no worse than {RANDOM} beyond noise",
        f"{said}; tables on which it is: {', '.join(worse) or 'none'}",
        all(mean <= NOISE * error for mean, error in gaps.values()) and not worse,
    )


def _first(
    regret: Regrets, names: Sequence[str], tables: Tables, share: float, at: int
) -> tuple[str, str, bool]:
    means = np.array([[regret[name, *table][:, at].mean() for name in names] for table in tables])
    ranks = dict(zip(names, rankdata(means, axis=1).mean(axis=0).tolist(), strict=True))
    mine = ranks.pop(DEFAULT)
    second = min(ranks, key=lambda name: ranks[name])
    return (
        f"At {share:.0%} first by average rank over the tables",
        f"{mine:.1f} of {len(names)}; next {second} with {ranks[second]:.1f}",
        mine < ranks[second],
    )


def _small(
    regret: Regrets, files: Mapping[str, tuple[str, int]], members: Mapping[str, Tables]
) -> list[tuple[str, str, bool]]:
    def end(name: str, file: str) -> float:
        return float(np.mean([regret[name, *table][:, -1].mean() for table in members[file]]))

    mine, rays = ({file: end(name, file) for file in files} for name in (DEFAULT, RAY))
    limits = {f"half the regret of {RAY}": {f: 0.5 * value for f, value in rays.items()}}
    if set(files) <= set(MOST):
        limits[" and ".join(f"{MOST[file]:g}" for file in files)] = MOST
    return [
        (
            f"At the end at most {words}",
            "; ".join(f"{files[f][0]} {mine[f]:.3f} of {most[f]:.3f}" for f in files),
            all(mine[file] <= most[file] for file in files),
        )
        for words, most in limits.items()
    ]


def _nowhere_worse(regret: Regrets, tables: Tables) -> tuple[str, str, bool]:
    worse = _worse(regret, tables, -1)
    return (
        f"At the end on no table worse than {RANDOM} beyond noise",
        f"worse on {', '.join(worse) or 'none'} of {len(tables)}",
        not worse,
    )


def _worse(regret: Regrets, tables: Tables, at: int) -> list[str]:
    gaps = {table: gap(regret, [(file, table)], RANDOM, at) for file, table in tables}
    return [table for table, (mean, error) in gaps.items() if mean > NOISE * error]

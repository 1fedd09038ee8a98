"""The runs of `search_quality.py` as tables: means, standard errors, paired tests, ranks."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, ttest_rel

from search_quality_parts import expected
from search_quality_parts.methods import Method

_TRIED = Path(__file__).with_name("what_was_tried.md")

Floats = NDArray[np.float64]
Runs = Mapping[tuple[str, str, str, int], Mapping[str, Any]]  # method, file, table, seed


def markdown(
    runs: Runs,
    methods: Sequence[Method],
    files: Mapping[str, tuple[str, int]],
    shares: Sequence[float],
    *,
    workers: int,
) -> str:
    """The whole result as a document. Of a method, the seeds count that it ran on every table."""
    regret = by_table(runs)
    names = [m.name for m in methods if any(m.name == key[0] for key in regret)]
    tables = [key for key in _tables(runs) if all((name, *key) in regret for name in names)]
    lines = [
        "# Search quality on recorded learning curves",
        "",
        f"{datetime.date.today()}, {versions()}. {workers} workers, uneven epoch times; mean "
        "regret ± standard error over the seeds, 0 the best known configuration and 1 the median "
        "one, at these shares of the budget.",
    ]
    goals = len(lines)
    for file, (family, trainings) in files.items():
        members = [(f, t) for f, t in tables if f == file]
        if not members:
            continue
        lines += ["", f"## {family}, {len(members)} tasks, {trainings} full trainings", ""]
        lines += _rows(
            names,
            shares,
            {name: np.mean([regret[name, f, t] for f, t in members], axis=0) for name in names},
        )
    lines += ["", "## Average rank over all tables", ""]
    lines += ["1 is best. Left out: methods with less than a quarter of the most seeds.", ""]
    seeds = {name: len(regret[name, *tables[0]]) for name in names}
    ranked = [name for name in names if 4 * seeds[name] >= max(seeds.values())]
    lines[goals:goals] = _goals(regret, methods, ranked, files, tables, shares)
    lines += _table(["", *map(_percent, shares)], _ranks(ranked, tables, regret))
    for ours in (m.name for m in methods if m.ours and m.name in names):
        lines += ["", f"## {ours}, against each of the others at the end", ""]
        lines += [
            "Mean difference over the seeds on each family and, in brackets, the p of a paired "
            "t-test; below 0: ours is better. Worse: the tables on which ours is worse by more "
            "than two standard errors of the difference.",
            "",
        ]
        others = [m.name for m in methods if m.name in names and m.name != ours]
        lines += _compared(ours, others, files, tables, regret)
    for file, table in tables:
        lines += ["", f"## {table}", ""]
        lines += _rows(names, shares, {name: regret[name, file, table] for name in names})
    return "\n".join([*lines, "", _TRIED.read_text()])


def _goals(
    regret: Mapping[tuple[str, str, str], Floats],
    methods: Sequence[Method],
    ranked: Sequence[str],
    files: Mapping[str, tuple[str, int]],
    tables: Sequence[tuple[str, str]],
    shares: Sequence[float],
) -> list[str]:
    """The default beside what others run: the methods that are not ours and did not lose here."""
    beside = {m.name for m in methods if m.baseline} | {expected.DEFAULT}
    names = [name for name in ranked if name in beside]
    found = expected.answers(regret, names, files, tables, shares)
    if not found:
        return []
    rows = [[words, evidence, "yes" if holds else "**no**"] for words, evidence, holds in found]
    return [
        "",
        "## What is expected of the default, and whether it holds",
        "",
        f"{expected.DEFAULT}, beside {', '.join(n for n in names if n != expected.DEFAULT)}. "
        "Differences are means ± standard errors over the seeds, below 0: ours is better; noise "
        f"is {expected.NOISE:g} standard errors.",
        "",
        *_table(["", "", "holds"], rows),
    ]


def by_table(runs: Runs) -> dict[tuple[str, str, str], Floats]:
    """[seeds, shares] regret for each method, file and table.

    A method's seeds are those, from 0 on without a gap, that it ran on every table.
    """
    tables = _tables(runs)
    found: dict[tuple[str, str, str], Floats] = {}
    for method in dict.fromkeys(key[0] for key in runs):
        seeds = 0
        while all((method, file, table, seeds) in runs for file, table in tables):
            seeds += 1
        for file, table in tables if seeds else ():
            rows = [runs[method, file, table, seed]["regret"] for seed in range(seeds)]
            found[method, file, table] = np.array(rows)
    return found


def _tables(runs: Runs) -> list[tuple[str, str]]:
    return list(dict.fromkeys((file, table) for _, file, table, _ in runs))


def as_json(runs: Runs, shares: Sequence[float]) -> str:
    """Every run, for those who want other statistics."""
    rows = [
        {"method": m, "table": t, "seed": s, "regret": np.round(run["regret"], 5).tolist()}
        for (m, _, t, s), run in runs.items()
    ]
    head = {"date": str(datetime.date.today()), "versions": versions(), "shares": list(shares)}
    body = ",\n".join(json.dumps(row) for row in rows)
    return json.dumps(head)[:-1] + ', "runs": [\n' + body + "\n]}\n"


def versions() -> str:
    """What was measured with what."""
    names = ("caviar-tune", "ray", "optuna", "hyperopt", "numpy")
    found = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return f"Python {platform.python_version()}, {found}"


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _rows(names: Sequence[str], shares: Sequence[float], found: Mapping[str, Floats]) -> list[str]:
    rows = []
    for name in names:
        values = found[name]
        errors = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
        cells = [
            f"{mean:.3f}" + ("" if errors is None else f" ± {errors[i]:.3f}")
            for i, mean in enumerate(values.mean(axis=0))
        ]
        rows.append([name, str(len(values)), *cells])
    return _table(["", "seeds", *map(_percent, shares)], rows)


def _ranks(
    names: Sequence[str],
    tables: Sequence[tuple[str, str]],
    regret: Mapping[tuple[str, str, str], Floats],
) -> list[list[str]]:
    means = np.array([[regret[n, f, t].mean(axis=0) for n in names] for f, t in tables])
    ranks = rankdata(means, axis=1).mean(axis=0)  # [methods, shares]
    order = np.argsort(ranks[:, -1])
    return [[names[i], *(f"{rank:.1f}" for rank in ranks[i])] for i in order]


def _compared(
    ours: str,
    others: Sequence[str],
    files: Mapping[str, tuple[str, int]],
    tables: Sequence[tuple[str, str]],
    regret: Mapping[tuple[str, str, str], Floats],
) -> list[str]:
    rows = []
    for other in others:
        cells = []
        for file in files:
            members = [(f, t) for f, t in tables if f == file]
            pairs = [_paired(regret[ours, *key], regret[other, *key]) for key in members]
            a, b = (np.mean([pair[side] for pair in pairs], axis=0) for side in (0, 1))
            sure = f"{ttest_rel(a, b).pvalue:.2g}" if len(a) > 1 else "one seed"
            cells.append(f"{np.mean(a - b):+.3f} ({sure})")
        worse = []
        for file, table in tables:
            mine, theirs = _paired(regret[ours, file, table], regret[other, file, table])
            gap = mine - theirs
            if len(gap) > 1 and gap.mean() > 2 * gap.std(ddof=1) / np.sqrt(len(gap)):
                worse.append(table)
        rows.append([other, *cells, ", ".join(worse) or "none"])
    return _table(["", *(family for family, _ in files.values()), "worse"], rows)


def _paired(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The regret at the end on the seeds that both have."""
    seeds = min(len(a), len(b))
    return a[:seeds, -1], b[:seeds, -1]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]

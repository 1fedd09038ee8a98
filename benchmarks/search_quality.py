"""How good the searchers are with early stopping: regret on recorded learning curves.

    python benchmarks/search_quality.py --data ../shared/data --seeds 20 --jobs 2

Every method runs the same tables in simulated time (`caviar/simulator`): 8 workers,
uneven epoch times, a budget of 50 full trainings (25 on TaskSet, whose tables have 1,000 rows).
Regret is 0 at the best known configuration and 1 at the median one. A run is kept as soon as it
has ended (`--cache`), so that an interrupted benchmark continues where it was and reports what it
has; delete that folder after a change to the engine. Writes `benchmarks/results/search_quality.md`
and `.json`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "lcbench_surrogate_curves.npz": ("LCBench surrogate", 50),
    "taskset_curves.npz": ("TaskSet", 25),
}
"""The family of the tables in a file, and the budget in full trainings."""
SHARES = (0.1, 0.25, 0.5, 1.0)
WORKERS = 8

Task = tuple[str, str, str, int]  # method, file, table, seed


def main() -> int:
    args = _arguments().parse_args()
    missing = [name for name in FILES if not (args.data / name).is_file()]
    if missing:
        print(f"{args.data} lacks {' and '.join(missing)}: give --data FOLDER", file=sys.stderr)
        return 2
    from search_quality_parts.methods import METHODS

    names = [m.name for m in METHODS if not args.methods or any(w in m.name for w in args.methods)]
    tasks = list(_tasks(args.data, names, args.seeds))
    cache = args.cache.expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    left = [task for task in tasks if not _kept(cache, task).is_file()]
    print(f"{len(tasks)} runs, {len(left)} of them still to do", flush=True)
    if args.seconds == 0:
        left = []
    started = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(args.jobs) as pool:
        todo = [(args.data, task) for task in left]
        for task, found in pool.imap(_run, todo):
            _kept(cache, task).write_text(json.dumps(found))
            if args.seconds is not None and time.monotonic() - started > args.seconds:
                pool.terminate()
                print("out of time: the same command goes on from here")
                break
    done = [task for task in tasks if _kept(cache, task).is_file()]
    runs = {task: json.loads(_kept(cache, task).read_text()) for task in done}
    from search_quality_parts import report

    text = report.markdown(runs, METHODS, FILES, SHARES, workers=WORKERS)
    print(text)
    if not args.methods:
        results = ROOT / "benchmarks" / "results"
        results.mkdir(exist_ok=True)
        (results / "search_quality.md").write_text(text)
        (results / "search_quality.json").write_text(report.as_json(runs, SHARES))
    return 0 if len(done) == len(tasks) else 1


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=20, help="runs of each method on each table")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--seconds", type=float, help="no new run after so many seconds; 0 for none"
    )
    parser.add_argument("--methods", nargs="*", help="only those with one of these words")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/caviar/search_quality"))
    return parser


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    """The docstring, line by line."""


def _tasks(data: Path, names: list[str], seeds: int) -> Iterator[Task]:
    from caviar.simulator import load_tables

    tables = [(file, table.name) for file in FILES for table in load_tables(data / file)]
    for name in names:
        for seed in range(seeds):
            for file, table in tables:
                yield name, file, table, seed


def _kept(cache: Path, task: Task) -> Path:
    method, _, table, seed = task
    plain = "".join(c if c.isalnum() else "-" for c in f"{method} {table}")
    return cache / f"{plain}-{seed}.json"


_tables: dict[tuple[str, str], Any] = {}


def _run(job: tuple[Path, Task]) -> tuple[Task, dict[str, Any]]:
    """One simulated sweep: its regret at each share of the budget."""
    warnings.simplefilter("ignore")
    from search_quality_parts import vectorised
    from search_quality_parts.methods import METHODS

    from caviar.simulator import load_tables, simulate

    vectorised.use()
    data, task = job
    name, file, table_name, seed = task
    if not _tables:
        _tables.update({(f, t.name): t for f in FILES for t in load_tables(data / f)})
    table = _tables[file, table_name]
    method = next(m for m in METHODS if m.name == name)
    budget = FILES[file][1] * table.max_epochs
    started = time.perf_counter()
    replay = simulate(
        table,
        searcher=method.searcher(table.space, table.objective.direction, seed),
        scheduler=method.scheduler.build(max_epochs=table.max_epochs, seed=seed),
        workers=WORKERS,
        epochs=budget,
        seed=seed,
    )
    return task, {
        "regret": [replay.regret(share * budget) for share in SHARES],
        "trials": len(replay.controller.trials),
        "seconds": round(time.perf_counter() - started, 3),
    }


if __name__ == "__main__":
    sys.exit(main())

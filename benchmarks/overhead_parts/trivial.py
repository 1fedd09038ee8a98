"""(a) Wall seconds a trial of trials without work: ours, and Ray Tune with its actors not reused.

python -m overhead_parts.trivial FOLDER SPAWNED ours|plain
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from overhead_parts import children
from overhead_parts.trivial_trainable import REPORTS, Trivial

TRIALS = 40
CONCURRENT = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds a trial."""

    span: float
    """From the first trial's setup to the last report, by the workers' clock."""
    whole: float
    """From the start of the process to its end, Ray's start and end included."""


def measure(tool: str) -> Cost:
    """The cost of one tool, in a process of its own."""
    child = children.run("overhead_parts.trivial", tool)
    reports = [mark for mark in child.marks if mark.what == "report"]
    if len(reports) != TRIALS * REPORTS:
        raise RuntimeError(f"{tool} gave {len(reports)} reports, not {TRIALS * REPORTS}.")
    span = reports[-1].end - child.marks[0].start
    return Cost(span / TRIALS, child.wall / TRIALS)


def ours(folder: Path) -> None:
    """As a user of Caviar: history, summary and checkpoints of the best are part of it."""
    from caviar import Sweep, run
    from caviar.schedulers import NoStopping
    from caviar.searchers import Random
    from search_spaces import Float, SearchSpace

    run(
        Sweep(
            dataset="fashion_mnist",
            train_size=128,
            val_size=128,
            standardise=False,
            space=SearchSpace("one number", [Float(name="x", low=0.0, high=1.0)]),
            trainable=Trivial,
            trials=TRIALS,
            max_epochs=REPORTS,
            concurrent=CONCURRENT,
            searcher=Random(),
            scheduler=NoStopping(),
            storage=folder,
            name="ours",
        )
    )


def plain(folder: Path) -> None:
    """Ray Tune with what it does by default."""
    import ray
    from ray import tune

    ray.init(address="local", num_cpus=CONCURRENT)
    tune.Tuner(
        Trivial,
        param_space={"x": tune.uniform(0.0, 1.0)},
        tune_config=tune.TuneConfig(
            metric="val_accuracy", mode="max", num_samples=TRIALS, reuse_actors=False
        ),
        run_config=tune.RunConfig(name="plain", storage_path=str(folder), verbose=0),
    ).fit()


if __name__ == "__main__":
    _, folder, _, tool = sys.argv
    {"ours": ours, "plain": plain}[tool](Path(folder))
    children.answer(Path(folder), {})

"""benchmarks/search_quality.py: its statistics by hand, Ray's searchers behind our interface."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
FILES = {"one.npz": ("Family", 50)}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def runs(**regrets):
    """Method to table to the regret at the end of each seed; at the half it is twice that."""
    return {
        (method, "one.npz", table, seed): {"regret": [2 * end, end]}
        for method, tables in regrets.items()
        for table, ends in tables.items()
        for seed, end in enumerate(ends)
    }


def document(found, ours):
    from search_quality_parts import report
    from search_quality_parts.methods import BASELINES, Method

    methods = [
        Method(name, BASELINES[0].searcher, BASELINES[0].scheduler, ours=name == ours)
        for name in dict.fromkeys(key[0] for key in found)
    ]
    return report.markdown(found, methods, FILES, (0.5, 1.0), workers=8).splitlines()


def test_means_errors_ranks_and_pairs_by_hand():
    found = runs(
        mine={"a": [0.1, 0.2, 0.3], "b": [0.3, 0.4, 0.5]},
        theirs={"a": [0.3, 0.2, 0.4], "b": [0.1, 0.2, 0.2]},
    )
    lines = document(found, "mine")
    # On a: mean 0.2, deviation 0.1, error 0.1/√3 = 0.058; on both: seeds 0.2 0.3 0.4.
    assert "| mine | 3 | 0.400 ± 0.115 | 0.200 ± 0.058 |" in lines
    assert "| mine | 3 | 0.600 ± 0.115 | 0.300 ± 0.058 |" in lines
    # First on a, second on b.
    assert "| mine | 1.5 | 1.5 |" in lines
    # Per seed over both tables: mine 0.2 0.3 0.4, theirs 0.2 0.2 0.3: differences 0 0.1 0.1,
    # mean 0.067, t = 0.0667 / (0.0577 / √3) = 2, p = 0.18 with 2 degrees of freedom.
    # On b: differences 0.2 0.2 0.3, mean 0.233 above 2 · 0.0577 / √3 = 0.067.
    assert "| theirs | +0.067 (0.18) | b |" in lines


def test_only_seeds_that_ran_on_every_table_count():
    from search_quality_parts import report

    found = runs(mine={"a": [0.1, 0.2, 0.9], "b": [0.3, 0.4]}, other={"a": [0.5]})
    regret = report.by_table(found)
    assert set(regret) == {("mine", "one.npz", "a"), ("mine", "one.npz", "b")}
    assert regret["mine", "one.npz", "a"].tolist() == [[0.2, 0.1], [0.4, 0.2]]


def test_a_missing_folder_of_tables_is_said_clearly(tmp_path):
    ran = subprocess.run(
        [sys.executable, BENCHMARKS / "search_quality.py", "--data", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 2
    assert "lacks lcbench_surrogate_curves.npz and taskset_curves.npz: give --data" in ran.stderr


@pytest.mark.parametrize("name", ["RayOptuna", "RayHyperOpt"])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_rays_searchers_are_told_the_last_value_of_what_ran(name, mode):
    from search_quality_parts import ray_searchers

    from pipelines.engine.records import Outcome
    from pipelines.engine.searchers.base import Told
    from search_spaces import Float, Int, SearchSpace

    space = SearchSpace(
        "mixed",
        [
            Float(name="learning_rate", low=1e-4, high=1.0, scale="log"),
            Float(name="dropout", low=0.0, high=1.0),
            Int(name="units", low=2, high=64, scale="log"),
            Int(name="layers", low=1, high=4),
        ],
    )
    searcher = getattr(ray_searchers, name)(space, mode=mode, seed=0)
    rng = np.random.default_rng(0)
    for number in range(40):
        config = searcher.ask(number)
        space.validate(config)
        ran = space.sample(rng)
        searcher.restart(number, ran)
        # Best where the learning rate is 0.001; the first value would say the opposite.
        value = abs(math.log10(ran["learning_rate"]) + 3) * (1 if mode == "min" else -1)
        curve = {1: -value, 2: value}
        told = Told(config=ran, outcome=Outcome.STOPPED_EARLY, curve=curve, max_epochs=9)
        searcher.tell(number, told)
    near = 0
    for number in range(40, 60):
        config = searcher.ask(number)
        near += abs(math.log10(config["learning_rate"]) + 3) < 1
    # Half the space is that near; chance alone gives 10 ± 2.2.
    assert near >= 15

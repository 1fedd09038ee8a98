"""benchmarks/search_quality.py: its statistics by hand, Ray's searchers behind our interface."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
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


def test_a_single_seed_has_no_test():
    lines = document(runs(mine={"a": [0.1]}, theirs={"a": [0.3]}), "mine")
    assert "| theirs | -0.200 (one seed) | none |" in lines


def goals(mine, rands, rays):
    """[(evidence, holds)] of a default beside random + ASHA and Ray's; both shares 10 % and end."""
    from search_quality_parts import expected

    regret = {
        (name, "one.npz", table): np.array([[2 * end, end] for end in ends])
        for name, tables in (
            (expected.DEFAULT, mine),
            (expected.RANDOM, rands),
            (expected.RAY, rays),
        )
        for table, ends in tables.items()
    }
    names = [expected.DEFAULT, expected.RANDOM, expected.RAY]
    tables = [("one.npz", "a"), ("one.npz", "b")]
    found = expected.answers(regret, names, FILES, tables, (0.1, 1.0))
    return [(evidence, holds) for _, evidence, holds in found]


def test_what_is_expected_holds_where_the_default_is_best():
    assert goals(
        {"a": [0.1, 0.2], "b": [0.1, 0.2]},
        {"a": [0.2, 0.4], "b": [0.2, 0.4]},
        {"a": [0.4, 0.6], "b": [0.4, 0.6]},
    ) == [
        # At 10 % twice the end: differences -0.2 and -0.4, deviation 0.1414, error 0.1.
        ("Family -0.300 ± 0.100; tables on which it is: none", True),
        ("1.0 of 3; next random + ASHA with 2.0", True),
        ("Family 0.150 of 0.250", True),
        ("worse on none of 2", True),
    ]


def test_what_is_expected_fails_by_one_table_by_noise_and_by_rank():
    assert goals(
        {"a": [0.1, 0.2], "b": [0.5, 0.62]},
        {"a": [0.3, 0.3], "b": [0.2, 0.3]},
        {"a": [0.2, 0.3], "b": [0.3, 0.4]},
    ) == [
        # On both: seeds 0.6 0.82 and 0.5 0.6: differences 0.1 0.22, deviation 0.0849, error 0.06.
        ("Family +0.160 ± 0.060; tables on which it is: b", False),
        # On a first, then Ray's, then random; on b random, Ray's, and the default last.
        ("2.0 of 3; next random + ASHA with 2.0", False),
        ("Family 0.355 of 0.150", False),
        ("worse on b of 2", False),
    ]


def test_no_goals_without_the_rows_that_they_are_about():
    from search_quality_parts import expected

    assert expected.answers({}, [expected.DEFAULT, expected.RANDOM], FILES, [], (1.0,)) == []


def test_the_quick_logarithm_of_the_normal_distribution_is_optunas(monkeypatch):
    import optuna
    from optuna.samplers._tpe import _truncnorm
    from search_quality_parts import vectorised

    def proposals():
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1) ** 2, n_trials=40)
        return [trial.params["x"] for trial in study.trials]

    slow = _truncnorm._log_ndtr
    at = np.linspace(-40.0, 40.0, 4001)
    own, before = slow(at), proposals()
    monkeypatch.setattr(_truncnorm, "_log_ndtr", slow)  # put back after the test
    vectorised.use()
    assert _truncnorm._log_ndtr is not slow
    assert _truncnorm._log_ndtr(at) == pytest.approx(own, rel=1e-9, abs=1e-15)
    assert proposals() == pytest.approx(before, rel=1e-9)


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

    from caviar.base.trial import Outcome
    from caviar.searchers.base import Observation
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
        config = searcher.suggest(number)
        space.validate(config)
        ran = space.sample(rng)
        searcher.register(number, ran)
        # Best where the learning rate is 0.001; the first value would say the opposite.
        value = abs(math.log10(ran["learning_rate"]) + 3) * (1 if mode == "min" else -1)
        curve = {1: -value, 2: value}
        observation = Observation(
            config=ran, outcome=Outcome.STOPPED_EARLY, curve=curve, max_epochs=9
        )
        searcher.observe(number, observation)
    near = 0
    for number in range(40, 60):
        config = searcher.suggest(number)
        near += abs(math.log10(config["learning_rate"]) + 3) < 1
    # Half the space is that near; chance alone gives 10 ± 2.2.
    assert near >= 15

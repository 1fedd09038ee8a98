"""The maximum of an acquisition function, found in a few batches, and the threads it takes."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
import torch
from optuna._gp.search_space import SearchSpace
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from threadpoolctl import threadpool_info, threadpool_limits

from caviar.searchers import gp_sampler
from caviar.searchers.gp_sampler import Holds, QuickGPSampler, maximum, one_thread

MIXED = SearchSpace(
    {
        "x": FloatDistribution(0.0, 1.0),
        "y": FloatDistribution(0.0, 1.0),
        "units": IntDistribution(0, 50),
        "activation": CategoricalDistribution(range(3)),
    }
)


class Cone:
    """Falls off by the distance from one row; a wrong option costs 1."""

    def __init__(self, top):
        self.top = np.array(top)
        self.rows = 0

    def __call__(self, rows):
        self.rows += len(rows)
        far = np.abs(rows - self.top)
        far[:, 3] = far[:, 3] > 0
        return -far.sum(axis=1)


# The coordinate of k in 0 … 50 is the middle of its cell, (k + 0.5) / 51.
@pytest.mark.parametrize(
    "top", [(0.3, 0.9, 7.5 / 51, 2.0), (0.0, 1.0, 0.5 / 51, 0.0), (0.5, 0.5, 50.5 / 51, 1.0)]
)
@pytest.mark.parametrize("seed", range(3))
def test_the_top_of_a_mixed_space_is_found(top, seed):
    cone = Cone(top)
    found = maximum(cone, MIXED, np.empty((0, 4)), np.random.RandomState(seed))
    assert found == pytest.approx(np.array(top), abs=0.01)  # half a cell is 0.0098
    assert cone.rows == 512 + 5 * 128


def test_a_row_that_is_known_is_never_left_for_a_worse_one():
    needle = np.array([[0.123, 0.456, 30.5 / 51, 1.0]])

    def at_the_needle(rows):
        return (rows == needle).all(axis=1).astype(float)

    found = maximum(at_the_needle, MIXED, needle, np.random.RandomState(0))
    assert found.tolist() == needle[0].tolist()


def test_what_holds_by_the_trials_around_it():
    line = SearchSpace({"x": FloatDistribution(0.0, 1.0)})
    holds = Holds(np.array([[0.2]]), np.array([[0.8]]), line)
    # Each density is half uniform, half a kernel with h = 0.4 cut at 0 and 1, where it has the mass
    # Φ(2) - Φ(-0.5) = 0.6687: at its centre 0.3989 / 0.4 / 0.6687 = 1.4915, and 0.6 from it, at
    # z = 1.5, 0.1295 / 0.4 / 0.6687 = 0.4842. So 1.2457 against 0.7421 at 0.2, as much at 0.5.
    found = np.exp(holds(np.array([[0.2], [0.5], [0.8]])))
    assert found == pytest.approx(np.array([0.6267, 0.5, 0.3733]), abs=1e-3)
    # Three times as many broke: odds of 3 where the two densities are the same.
    more = Holds(np.array([[0.5]]), np.array([[0.5]] * 3), line)
    assert np.exp(more(np.array([[0.5]]))) < 0.25


@pytest.mark.parametrize("lacking", [[], ["y"]], ids=["alike", "one parameter is lacking"])
def test_a_process_stays_away_from_where_trials_broke(lacking):
    def proposals(breaks_from):
        study = optuna.create_study(direction="maximize")
        space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
        for x in np.linspace(0.02, 0.98, 25):
            broke = x > breaks_from
            kept = [name for name in space if not (broke and name in lacking)]
            trial = optuna.trial.create_trial(
                params={name: float(x) if name == "x" else 0.5 for name in kept},
                distributions={name: space[name] for name in kept},
                state=TrialState.PRUNED if broke else TrialState.COMPLETE,
                value=None if broke else float(x) ** 2,
            )
            study.add_trial(trial)
        found = []
        for seed in range(5):
            study.sampler = QuickGPSampler(seed=seed, others=optuna.samplers.RandomSampler(0))
            asked = study.ask(space)
            study.tell(asked, state=TrialState.FAIL)
            found.append(asked.params["x"])
        return found

    # The more the better: where nothing breaks the best is at the end, else not far off the edge.
    assert min(proposals(1.0)) > 0.9
    assert 0.3 < min(proposals(0.5)) <= max(proposals(0.5)) < 0.8


def test_the_process_takes_one_thread_and_gives_the_others_back(monkeypatch):
    seen = []

    def blas():
        return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}

    def noted(*of):
        seen.append((torch.get_num_threads(), blas()))
        return maximum(*of)

    monkeypatch.setattr(gp_sampler, "maximum", noted)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with threadpool_limits(2, user_api="blas"):
            sampler = QuickGPSampler(seed=0, others=optuna.samplers.RandomSampler(0))
            study = optuna.create_study(sampler=sampler)
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1) ** 2, n_trials=3)
            with pytest.raises(ValueError, match="broke"), one_thread():
                raise ValueError("broke")
            assert (torch.get_num_threads(), blas()) == (3, {2})
    finally:
        torch.set_num_threads(before)
    # The first trial has no others; the second and the third ask the process.
    assert seen == [(1, {1}), (1, {1})]

"""One contract for every space and backend: valid draws of the reference distribution."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import optuna
import pytest
from hyperopt.pyll.stochastic import sample as hyperopt_sample
from scipy import stats

import search_spaces
from search_spaces import (
    AllOf,
    AtLeast,
    AtMost,
    Choice,
    Fixed,
    Float,
    Int,
    Is,
    OneOf,
    SearchSpace,
)
from search_spaces.encoders import hyperopt_encoder, optuna_encoder, ray_encoder
from search_spaces.encoders.grid import grid, size

DRAWS = 2_000
# Each test of a family may fail by chance; with fixed seeds it either does or does not, for good.
# About 60 parameters are compared a backend: a real difference gives p far below this.
SIGNIFICANCE = 1e-4

TRICKY = SearchSpace(
    "tricky",
    [  # children before parents, three levels, two parents, branches of unequal share, odd steps
        Float(
            name="deep",
            low=1.0,
            high=2.0,
            when=AllOf(AtLeast("width", 20), Is("kind", "b")),
        ),
        Choice(name="kind", options=["a", "b", ["c", 1], None]),
        Int(name="width", low=1, high=40, scale="log", when=OneOf("kind", ["b", ["c", 1]])),
        Float(name="rate", low=0.0, high=1.0),
        Float(name="late", low=0.9, high=0.99, scale="log1m", when=AtLeast("rate", 0.3)),
        Float(name="stepped", low=0.1, high=0.7, step=0.2, when=AtMost("rate", 0.3)),
        Int(name="even", low=2, high=20, step=2),
        Choice(name="flag", options=[True, False], when=AtLeast("even", 8)),
        Fixed(name="constant", value={"a": [1, 2]}, when=Is("flag", True)),
        Float(name="below", low=-1.0, high=1.0, when=Is("constant", {"a": [1, 2]})),
    ],
)
SPACES = {name: search_spaces.get(name) for name in search_spaces.names()} | {"tricky": TRICKY}


def draw_reference(space: SearchSpace, count: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(11)
    return [space.sample(rng) for _ in range(count)]


def draw_ray(space: SearchSpace, count: int) -> list[dict[str, Any]]:
    domains = ray_encoder.encode(space)
    state = np.random.RandomState(12)
    columns = {
        name: domain.get_sampler().sample(domain, size=count, random_state=state)
        for name, domain in domains.items()
    }
    return [
        ray_encoder.decode(space, {name: column[i] for name, column in columns.items()})
        for i in range(count)
    ]


def draw_optuna(space: SearchSpace, count: int) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=13))
    fixed = optuna_encoder.distributions(space)
    return [optuna_encoder.suggest(space, study.ask(fixed)) for _ in range(count)]


def draw_hyperopt(space: SearchSpace, count: int) -> list[dict[str, Any]]:
    encoded = hyperopt_encoder.encode(space)
    rng = np.random.default_rng(14)
    return [hyperopt_encoder.decode(space, hyperopt_sample(encoded, rng)) for _ in range(count)]


BACKENDS: dict[str, Callable[[SearchSpace, int], list[dict[str, Any]]]] = {
    "ray": draw_ray,
    "optuna": draw_optuna,
    "hyperopt": draw_hyperopt,
}


@cache
def reference(name: str) -> list[dict[str, Any]]:
    return draw_reference(SPACES[name], 4 * DRAWS)


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SPACES)
def test_backend_samples_the_reference_distribution(name: str, backend: str):
    space, expected = SPACES[name], reference(name)
    drawn = BACKENDS[backend](space, DRAWS)
    for config in drawn:
        space.validate(config)
    for parameter in space:
        ours = [config[parameter.name] for config in drawn if parameter.name in config]
        theirs = [config[parameter.name] for config in expected if parameter.name in config]
        share = len(theirs) / len(expected)
        error = (share * (1 - share) * (1 / len(drawn) + 1 / len(expected))) ** 0.5
        assert abs(len(ours) / len(drawn) - share) <= 4 * error, f"branch of {parameter.name}"
        if isinstance(parameter, Fixed):
            continue
        assert p_value(parameter, ours, theirs) > SIGNIFICANCE, parameter.name


def p_value(parameter, ours: list[Any], theirs: list[Any]) -> float:
    if isinstance(parameter, Float) and parameter.step is None:
        return stats.ks_2samp(ours, theirs).pvalue
    if isinstance(parameter, Int) and parameter.cells.count > 20:
        # many values, few draws of each: compare on ten stretches of the scale
        ours, theirs = ([int(parameter.encode(v) * 10) for v in side] for side in (ours, theirs))
    counts = [Counter(map(str, side)) for side in (ours, theirs)]
    values = sorted(counts[0] | counts[1])
    if len(values) == 1:
        return 1.0
    return stats.chi2_contingency([[count[value] for value in values] for count in counts]).pvalue


@pytest.mark.parametrize("name", SPACES)
def test_every_continuous_coordinate_of_the_reference_sampler_is_uniform(name: str):
    """The reference itself, against theory: u is uniform on [0, 1]."""
    space = SPACES[name]
    for parameter in space.searched:
        if isinstance(parameter, Float) and parameter.step is None:
            values = [c[parameter.name] for c in reference(name) if parameter.name in c]
            units = [parameter.encode(value) for value in values]
            assert stats.kstest(units, "uniform").pvalue > SIGNIFICANCE, parameter.name


@pytest.mark.parametrize("backend", BACKENDS)
def test_dependence_between_branches_is_the_same(backend: str):
    """Not only the margins: how often each set of active parameters occurs."""
    drawn, expected = BACKENDS[backend](TRICKY, DRAWS), reference("tricky")
    counts = [Counter(tuple(config) for config in side) for side in (drawn, expected)]
    patterns = [pattern for pattern, count in counts[1].items() if count >= 40]
    table = [[count[pattern] for pattern in patterns] for count in counts]
    assert stats.chi2_contingency(table).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("name", SPACES)
def test_grid_is_valid_distinct_and_as_long_as_said(name: str):
    space = SPACES[name]
    points = 1 if size(space, 2) > 2_000 else 2
    count = size(space, points)
    keys = set()
    for number, config in enumerate(grid(space, points, limit=10**9)):
        space.validate(config)
        keys.add(space.key(config))
        if number >= 2_000:
            return
    assert len(keys) == count


@pytest.mark.parametrize("name", SPACES)
def test_known_configurations_go_to_every_backend_and_back(name: str):
    import hyperopt

    space = SPACES[name]
    encoded = hyperopt_encoder.encode(space)
    for config in [space.default(), *reference(name)[:100]]:
        raw = space.encode(config)
        assert space.same(space.decode(raw), config)
        assert space.same(ray_encoder.decode(space, raw), config)
        params, distributions = optuna_encoder.to_params(space, config)
        trial = optuna.trial.create_trial(params=params, distributions=distributions, value=0.0)
        assert space.same(optuna_encoder.suggest(space, trial), config)
        assert space.same(optuna_encoder.from_params(space, params), config)
        shown = optuna_encoder.natural_params(space, config)
        natural = optuna_encoder.natural_distributions(space, config)
        optuna.trial.create_trial(params=shown, distributions=natural, value=0.0)
        assert space.same(optuna_encoder.from_natural_params(space, shown), config)
        vals = hyperopt_encoder.to_vals(space, config)
        assert space.same(hyperopt_encoder.from_vals(space, vals), config)
        point = {label: found[0] for label, found in vals.items() if found}
        back = hyperopt_encoder.decode(space, hyperopt.space_eval(encoded, point))
        assert space.same(back, config)

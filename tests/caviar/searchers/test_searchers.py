"""What is particular to each searcher; what holds for all is in test_searcher_contract.py."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import pytest
from asking import MAX_EPOCHS, build, observation, run
from without_ray import CHOICES, CONDITIONAL, LINE

import search_spaces
from caviar import UsageError
from caviar.base.trial import Outcome
from caviar.searchers import Grid, HyperOpt, Optuna, Parzen, QuasiRandom, Random
from caviar.searchers.base import NearDefault, Observation
from caviar.searchers.coordinates import Coordinates
from caviar.searchers.feasibility import Feasibility
from search_spaces import Choice, Float, Is, SearchSpace

NAN, INF = math.nan, math.inf
SPACES = [LINE, CONDITIONAL, CHOICES, search_spaces.get("mlp")]
MODELS = [Optuna, HyperOpt, Parzen]


# The models: they learn, also from what fails.


def unit(config):
    """The coordinate of the learning rate, 0 … 1."""
    return LINE["learning_rate"].encode(config["learning_rate"])


@pytest.mark.parametrize(
    "options", [Optuna(), HyperOpt(), Parzen()], ids=["Optuna", "HyperOpt", "Parzen"]
)
@pytest.mark.parametrize(("mode", "sign"), [("max", 1), ("min", -1)])
@pytest.mark.parametrize("space", [LINE, CONDITIONAL], ids=lambda space: space.name)
def test_a_model_finds_the_optimum_sooner_than_chance(options, mode, sign, space):
    def distance(options):
        """Of the proposals after the start-up trials from the best learning rate, on average."""
        found = []
        for seed in range(3):
            searcher = build(options, space, mode=mode, seed=seed)
            for number in range(1, 51):
                config = searcher.suggest(number)
                value = sign * (1 - abs(unit(config) - 0.8))
                curve = {MAX_EPOCHS: value}
                done = Outcome.COMPLETED
                searcher.observe(
                    number,
                    Observation(config=config, outcome=done, curve=curve, max_epochs=MAX_EPOCHS),
                )
                if number > 25:
                    found.append(abs(unit(config) - 0.8))
        return np.mean(found)

    # Uniform draws lie at (0.8² + 0.2²)/2 = 0.34 from 0.8 on average.
    assert distance(Random()) == pytest.approx(0.34, abs=0.06)
    assert distance(options) < 0.25


# Failures teach. Trials with x beyond the edge break; with Optuna's sampler alone, to which failed
# trials are told as FAIL, 28 to 50 of 60 do on the line, whose best point is at 0.3.

EDGE = 0.8
ONE = SearchSpace("one", [Float(name="x", low=0.0, high=1.0)])
TWO = SearchSpace("two", [*ONE.parameters, Float(name="y", low=0.0, high=1.0)])
DEEP = SearchSpace(
    "deep",
    [
        *TWO.parameters,
        Choice(name="kind", options=["a", "b"], default="a"),
        Float(name="z", low=0.0, high=1.0, when=Is("kind", "b")),
    ],
)


def broken(options, space, seed, outcome, best_at):
    """How many of 60 trials break; the best point of those that do not is at x = best_at."""
    searcher = build(options, space, seed=seed)
    count = 0
    for number in range(60):
        config = searcher.suggest(number)
        value = 1 - abs(config["x"] - best_at)
        if config["x"] <= EDGE:
            curve, ended = dict.fromkeys(range(1, 4), value), Outcome.COMPLETED
        elif outcome is Outcome.FAILED:
            curve, ended = {}, outcome
        else:  # better than all others, for an epoch
            curve, ended = {1: value + 1, 2: NAN}, outcome
        count += ended is outcome
        searcher.observe(
            number, Observation(config=config, outcome=ended, curve=curve, max_epochs=3)
        )
    return count


@pytest.mark.parametrize(
    ("options", "space", "outcome"),
    [
        (Parzen(), ONE, Outcome.FAILED),
        (Parzen(), ONE, Outcome.DIVERGED),
        (Parzen(), DEEP, Outcome.DIVERGED),
        (Optuna(), ONE, Outcome.FAILED),
        (Optuna(), ONE, Outcome.DIVERGED),
        (Optuna(), DEEP, Outcome.FAILED),
        (HyperOpt(), ONE, Outcome.FAILED),
        (HyperOpt(), ONE, Outcome.DIVERGED),
        (HyperOpt(), DEEP, Outcome.DIVERGED),
        (Optuna(sampler="cmaes"), TWO, Outcome.FAILED),
        pytest.param(Optuna(sampler="gp"), ONE, Outcome.FAILED, marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
def test_few_of_sixty_trials_break(options, space, outcome):
    seeds = range(1 if getattr(options, "sampler", "") == "gp" else 3)
    # By chance 12 do; of the first 16, half of which are near the default, 1.6.
    assert np.mean([broken(options, space, s, outcome, best_at=0.3) for s in seeds]) <= 4
    # Here the best trials lie at the edge, and what lies beyond it is found out by trying.
    assert np.mean([broken(options, space, s, outcome, best_at=EDGE) for s in seeds]) <= 9


def test_what_is_expected_to_break_by_hand():
    coordinates = Coordinates(DEEP)

    def at(x, y, kind, z=NAN):
        return np.array([x, y, kind, z])

    feasibility = Feasibility(coordinates)
    asked = np.array([at(0.4, 0.0, 0), at(0.6, 0.0, 0), at(0.6, 0.0, 1, 0.5)])
    assert feasibility.expected(asked).tolist() == [False] * 3, "nothing is known"
    feasibility.observe(0, at(1.0, 0.0, 0), broke=True)
    assert feasibility.expected(asked).tolist() == [True] * 3, "nothing else is known"
    feasibility.observe(1, at(0.0, 0.0, 0), broke=False)
    # The edge is half way between the two, at 0.5; only x tells them apart, and counts alone.
    assert feasibility.expected(asked).tolist() == [False, True, True]
    feasibility.observe(2, at(0.6, 0.0, 1, 0.5), broke=False)
    # Now x, kind and z count: one of two sound trials has kind b and a z, no broken one has. Their
    # distribution functions are 1/2 apart, those of x are 1 apart: weights 1/4 and 1.
    # The second is 0.4 from the broken one, and (1/4)·√2 = 0.354 from the new sound one.
    assert feasibility.expected(asked).tolist() == [False, False, False]
    further = np.array([at(0.66, 0.0, 0), at(0.66, 0.0, 1, 0.5)])
    # 0.34 from the broken one; √(0.06² + 2/16) = 0.359 and 0.06 from the sound one
    assert feasibility.expected(further).tolist() == [True, False]
    feasibility.observe(0, at(1.0, 0.0, 0), broke=False)
    assert not feasibility.expected(asked).any(), "tried again, and it did not break"


def test_where_only_what_breaks_is_left_something_is_proposed_all_the_same():
    searcher = build(Parzen(startup_trials=2), ONE)
    for number in range(30):
        config = searcher.suggest(number)
        ONE.validate(config)
        searcher.observe(
            number, Observation(config=config, outcome=Outcome.FAILED, curve={}, max_epochs=3)
        )


@pytest.mark.parametrize("model", MODELS)
def test_a_model_does_not_forget_where_nothing_survives(model):
    """Of the trials in the lower half of x every one is stopped after an epoch, of the others none.

    A model of the last epoch alone knows of no trial there, and takes it for what nobody has tried:
    37 to 40 of the last 40 proposals lay there.
    """
    stopped = []
    for seed in range(3):
        searcher = build(model(), TWO, seed=seed)
        luck = np.random.default_rng(seed).random(80) / 10
        for number in range(80):
            config = searcher.suggest(number)
            if config["x"] < 0.5:
                curve, outcome = {1: luck[number]}, Outcome.STOPPED_EARLY
                stopped += [number] * (number >= 40)
            else:
                curve = {epoch: epoch + luck[number] for epoch in (1, 2, 3)}
                outcome = Outcome.COMPLETED
            searcher.observe(
                number, Observation(config=config, outcome=outcome, curve=curve, max_epochs=3)
            )
    # 4 are drawn from the whole space, 2 of them there.
    assert len(stopped) <= 3 * 10


@pytest.mark.parametrize("model", MODELS)
def test_start_up_trials_are_drawn_in_turn_near_the_default_and_from_the_whole_space(model):
    searcher = build(model(startup_trials=40), LINE)
    units = {n: unit(searcher.suggest(n)) for n in range(40)}
    near = [units[n] for n in range(1, 40, 2)]
    whole = [units[n] for n in range(0, 40, 2)]
    # The default 0.01 is the middle of 1e-4 … 1; 0.15 of the scale to either side.
    assert all(0.35 <= u <= 0.65 for u in near)
    assert min(near) < 0.4
    assert max(near) > 0.6
    assert min(whole) < 0.2
    assert max(whole) > 0.8


def test_near_the_default_choices_stay_and_inactive_parameters_stay_away():
    near = NearDefault(CONDITIONAL, seed=0, startup_trials=30)
    drawn = [near.draw(number, 0) for number in range(1, 30, 2)]
    for config in drawn:
        CONDITIONAL.validate(config)
        assert (config["optimizer"], config["widths"]) == ("sgd", [8])
        assert config["layers"] in (1, 2, 3)
        assert 3 <= config["units"] <= 18
    assert len({config["momentum"] for config in drawn}) == 15
    assert near.draw(2, 0) is None, "an even trial is the model's"
    assert near.draw(31, 0) is None, "start-up is over"
    assert near.draw(3, 1) is None, "a second attempt is the model's"


def test_optuna_does_not_lie_about_pending_trials():
    alone, beside = build(Optuna(startup_trials=4), LINE), build(Optuna(startup_trials=4), LINE)
    for searcher in (alone, beside):
        run(searcher, range(1, 20))
    for number in range(20, 26):
        beside.register(number, {"learning_rate": 0.1})
    assert beside.suggest(30) == alone.suggest(30)


# Random search.


def test_a_random_draw_depends_on_the_seed_and_the_number_alone():
    one, other = build(Random(), CONDITIONAL), build(Random(), CONDITIONAL)
    run(one, range(1, 10))
    assert one.suggest(20) == other.suggest(20)
    assert one.suggest(20) != one.suggest(21)


# Quasi-random search.


def test_sixty_four_points_leave_no_part_of_an_axis_out():
    searcher = build(QuasiRandom(), CONDITIONAL, seed=3)
    configs = [searcher.suggest(number) for number in range(64)]
    axes = [CONDITIONAL.encode(config) for config in configs]
    cells = sorted(int(64 * axis["learning_rate"]) for axis in axes)
    assert cells == list(range(64)), "one in each 64th of the scale"
    assert sum(config["optimizer"] == "sgd" for config in configs) == 32
    assert [sum(config["layers"] == n for config in configs) for n in (1, 2, 3, 4)] == [16] * 4
    # Half of the points have a momentum: those fill its axis too, if not one a cell.
    momentum = [axis["momentum"] for axis in axes if "momentum" in axis]
    assert np.histogram(momentum, bins=8, range=(0, 1))[0].min() >= 2


def test_a_quasi_random_trial_depends_on_the_seed_and_the_number_alone():
    walked = build(QuasiRandom(), CONDITIONAL, seed=3)
    points = [walked.suggest(number) for number in range(200)]  # beyond the points drawn at first
    for number in (0, 63, 64, 199):
        jumped = build(QuasiRandom(), CONDITIONAL, seed=3)
        assert jumped.suggest(number) == points[number]
    assert build(QuasiRandom(), CONDITIONAL, seed=4).suggest(5) != points[5]


def test_more_parameters_than_a_sequence_has_axes_are_refused():
    wide = SearchSpace("wide", [Choice(name=f"p{n}", options=[1, 2]) for n in range(21_202)])
    with pytest.raises(UsageError, match=r"21,201 axes at most, and 'wide' searches 21,202 param"):
        QuasiRandom().check(wide)


# Optuna's other samplers.


def distance(options, space, seed, *, trials, of=lambda config: config["x"]):
    """From the best point at 0.8, on average over the second half of the proposals."""
    searcher = build(options, space, seed=seed)
    found = []
    for number in range(trials):
        config = searcher.suggest(number)
        found.append(abs(of(config) - 0.8))
        curve = {1: -found[-1]}
        searcher.observe(
            number, Observation(config=config, outcome=Outcome.COMPLETED, curve=curve, max_epochs=1)
        )
    return np.mean(found[trials // 2 :])


def test_cma_es_finds_the_optimum():
    far = np.mean([distance(Optuna(sampler="cmaes"), TWO, s, trials=60) for s in range(3)])
    assert far < 0.17  # by chance 0.34; a tenth of the proposals are random


def test_a_gaussian_process_finds_the_optimum():
    assert distance(Optuna(sampler="gp"), TWO, 0, trials=26) < 0.17


def test_what_the_other_samplers_cannot_model_is_modelled_by_tpe():
    """The best trials have kind b and z = 0.8; neither is a number that always takes part."""

    def of(config):
        return config.get("z", -1.0)

    far = distance(Optuna(sampler="cmaes"), DEEP, 0, trials=80, of=of)
    by_chance = distance(Random(), DEEP, 0, trials=80, of=of)
    assert far < by_chance / 2


@pytest.mark.parametrize(
    ("sampler", "space", "message"),
    [
        ("cmaes", LINE, r"needs two numbers .* 'line' has learning_rate: take --searcher.sampler"),
        ("cmaes", CHOICES, r"CMA-ES needs two numbers or more .* 'choices' has none: take"),
    ],
)
def test_a_space_that_a_sampler_cannot_search_is_refused(sampler, space, message):
    with pytest.raises(UsageError, match=message):
        Optuna(sampler=sampler).check(space)
    with pytest.raises(UsageError, match=message):
        Optuna(sampler=sampler).build(space, mode="max", seed=0)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    def lacking(name):
        return None if name == "cmaes" else find_spec(name)

    monkeypatch.setattr("caviar.searchers.optuna_searcher.find_spec", lacking)
    with pytest.raises(UsageError, match=r"needs the package cmaes: pip install 'caviar-tune\[cma"):
        Optuna(sampler="cmaes").check(TWO)
    Optuna().check(TWO)


# Grid search.


def test_a_grid_is_walked_in_the_order_of_the_space_without_the_default():
    space = SearchSpace(
        "small",
        [
            Choice(name="activation", options=["relu", "tanh"]),
            Float(name="learning_rate", low=0.01, high=1.0, scale="log", default=0.1),
        ],
    )
    searcher = build(Grid(points=3), space)
    searcher.register(0, space.default())  # as a sweep does
    proposals = [searcher.suggest(number) for number in range(1, 8)]
    expected = [("relu", 0.01), ("relu", 1.0), *(("tanh", rate) for rate in (0.01, 0.1, 1.0))]
    assert [tuple(config.values()) for config in proposals[:5]] == [
        (activation, pytest.approx(rate)) for activation, rate in expected
    ]
    assert proposals[5:] == [None, None]


def test_a_grid_skips_what_has_run_or_is_running():
    everything = run(build(Grid(), CHOICES), range(1, 50))
    assert len(everything) == 2 * 2 * 3
    searcher = build(Grid(), CHOICES)
    searcher.observe(1, observation(everything[3], 0.5))
    searcher.register(2, everything[7])
    left = [config for i, config in enumerate(everything) if i not in (3, 7)]
    assert run(searcher, range(3, 50)) == left


@pytest.mark.parametrize(
    ("points", "size"),
    [
        # learning rate, momentum, dropout: 5 each; five batch sizes, three activations;
        # 5² + 5³ + 5⁴ units; weight decay off, or on with 5 values
        (5, f"{5**3 * 5 * 3 * (5**2 + 5**3 + 5**4) * (1 + 5):,}"),
        (10, f"{10**3 * 5 * 3 * (10**2 + 10**3 + 10**4) * (1 + 10):,}"),
    ],
    ids=["5 points", "10 points"],
)
def test_a_grid_that_explodes_is_refused_before_anything_starts(points, size):
    with pytest.raises(UsageError, match=f"a grid of {points} points an axis .* has {size} config"):
        Grid(points=points).check(search_spaces.get("mlp"))
    with pytest.raises(UsageError, match=r"fix or drop parameters .*, or use random search"):
        Grid(points=points).build(search_spaces.get("mlp"), mode="max", seed=0)


def test_the_others_search_any_space():
    for options in (Random(), QuasiRandom(), Parzen(), Optuna(), HyperOpt(), Optuna(sampler="gp")):
        for space in SPACES:
            options.check(space)


# Options.


@pytest.mark.parametrize(
    ("options", "values", "message"),
    [
        (Grid, {"points": 0}, "points must be at least 1, and it is 0"),
        (Optuna, {"startup_trials": 0}, "startup_trials must be at least 1, and it is 0"),
        (Optuna, {"candidates": -1}, "candidates must be at least 1, and it is -1"),
        (HyperOpt, {"startup_trials": 0}, "startup_trials must be at least 1, and it is 0"),
        (HyperOpt, {"candidates": 0}, "candidates must be at least 1, and it is 0"),
        (HyperOpt, {"gamma": 0.0}, "gamma must lie above 0 and at most at 1, and it is 0"),
        (HyperOpt, {"gamma": 1.1}, "gamma must lie above 0 and at most at 1, and it is 1.1"),
        (HyperOpt, {"gamma": NAN}, "gamma must lie above 0 and at most at 1, and it is nan"),
    ],
)
def test_impossible_options_are_refused(options, values, message):
    with pytest.raises(UsageError, match=message):
        options(**values)


@pytest.mark.parametrize(
    ("curve", "most", "least"),
    [
        ({}, None, None),
        ({1: NAN, 2: INF, 3: -INF}, None, None),
        ({1: 0.5, 2: 0.9, 3: 0.7}, 0.9, 0.5),
        ({1: NAN, 2: -0.5, 3: INF}, -0.5, -0.5),
    ],
)
def test_the_best_of_a_curve_is_finite(curve, most, least):
    ended = Observation(config={}, outcome=Outcome.COMPLETED, curve=curve, max_epochs=3)
    assert ended.best("max") == most
    assert ended.best("min") == least

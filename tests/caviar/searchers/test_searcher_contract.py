"""One contract for every searcher, over several spaces. Each test has a watchdog.

A Gaussian process takes a tenth of a second a proposal or more: its rows are marked slow, all but
those of one space in one test.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from asking import MAX_EPOCHS, OUTCOMES, build, fitting, observation, outcome_of, run, worth
from without_ray import CHOICES, CONDITIONAL, LINE, controller, drive

import search_spaces
from caviar.base.trial import Outcome
from caviar.searchers import (
    CoarseToFine,
    Grid,
    HyperOpt,
    ImportanceStaged,
    Optuna,
    Parzen,
    QuasiRandom,
    Random,
)
from caviar.searchers.base import Observation
from search_spaces import Fixed, SearchSpace

pytestmark = pytest.mark.timeout(120)

NAN, INF = math.nan, math.inf
SPACES = [LINE, CONDITIONAL, CHOICES, search_spaces.get("mlp")]
# Few start-up trials, so that the models are at work in a short test.
SEARCHERS = {
    "random": Random(),
    "quasi-random": QuasiRandom(),
    "grid": Grid(points=3),
    "parzen": Parzen(startup_trials=6),
    "tpe": Optuna(startup_trials=6),
    "gp": Optuna(startup_trials=6, sampler="gp"),
    "cmaes": Optuna(startup_trials=6, sampler="cmaes"),
    "hyperopt": HyperOpt(startup_trials=6),
    "coarse-to-fine": CoarseToFine(stage_trials=5, best=3),
    "coarse-to-random": CoarseToFine(stage_trials=5, stages=2, fine="random"),
    "quasi-random stages": CoarseToFine(
        stage_trials=5, stages=2, coarse="quasi_random", fine="quasi_random"
    ),
    "staged": ImportanceStaged(stage_trials=4),
}
MODELS = ["parzen", "tpe", "gp", "cmaes", "hyperopt"]
REFUSED = {("cmaes", "line"), ("cmaes", "choices"), ("staged", "line")}
"""CMA-ES needs two numbers that always take part, and one parameter has no order of importance."""


def rows(names, spaces):
    """The pairs of a searcher and a space that go together."""
    return [
        pytest.param(
            SEARCHERS[name],
            space,
            id=f"{name}-{space.name}",
            marks=[pytest.mark.slow] if name == "gp" else [],
        )
        for name in names
        for space in spaces
        if (name, space.name) not in REFUSED
    ]


every_pair = pytest.mark.parametrize(("options", "space"), rows(SEARCHERS, SPACES))
every_model = pytest.mark.parametrize(("options", "space"), rows(MODELS, [CONDITIONAL]))
every_searcher = pytest.mark.parametrize(("options", "space"), rows(SEARCHERS, [CONDITIONAL]))


# The contract.


@every_pair
def test_every_proposal_is_a_configuration_of_the_space(options, space):
    proposals = run(build(options, space), range(1, 26))
    assert proposals
    for config in proposals:
        space.validate(config)
        assert config == space.complete(config), "values of the space's own types, in its order"


@every_pair
def test_the_same_seed_proposes_the_same_and_another_seed_something_else(options, space):
    first = run(build(options, space, seed=5), range(1, 16))
    assert run(build(options, space, seed=5), range(1, 16)) == first
    other = run(build(options, space, seed=6), range(1, 16))
    assert (other == first) == isinstance(options, Grid), "a grid has no randomness"


@every_pair
def test_another_attempt_is_another_proposal(options, space):
    searcher, again = build(options, space), build(options, space)
    run(searcher, range(1, 9))
    run(again, range(1, 9))
    proposals = [searcher.suggest(9, attempt) for attempt in range(6)]
    assert proposals == [again.suggest(9, attempt) for attempt in range(6)]
    if space is not CHOICES:  # a model over few choices may insist on its favourite
        assert len({str(config) for config in proposals}) == 6 or None in proposals
    if proposals[-1] is not None:  # only the last attempt runs, and is told
        searcher.observe(9, observation(proposals[-1], 0.5))
        again.observe(9, observation(proposals[-1], 0.5))
        assert searcher.suggest(10) == again.suggest(10)


@every_pair
def test_another_configuration_may_take_the_place_of_a_proposal(options, space):
    searcher, again = build(options, space), build(options, space)
    for one in (searcher, again):
        run(one, range(1, 8))
    drawn = space.sample(np.random.default_rng(99))
    if not isinstance(options, Grid):  # which does not come back to what it has proposed
        searcher.suggest(8)
    searcher.register(8, drawn)
    again.register(8, drawn)
    for one in (searcher, again):
        one.observe(8, observation(drawn, 0.9))
    assert searcher.suggest(9) == again.suggest(9)


@every_pair
def test_many_trials_may_be_pending(options, space):
    searcher = build(options, space)
    proposals = [searcher.suggest(number) for number in range(1, 13)]
    for config in filter(None, proposals):
        space.validate(config)
    for number, config in reversed(list(enumerate(proposals, start=1))):
        if config is not None:
            searcher.observe(number, observation(config, worth(config)))
    following = searcher.suggest(13)
    if following is not None:
        space.validate(following)


@every_pair
def test_trials_of_others_are_learnt_from(options, space):
    rng = np.random.default_rng(0)
    searcher = build(options, space)
    for number in range(12):
        config = space.sample(rng)
        searcher.observe(number, observation(config, worth(config), outcome_of(number)))
    proposals = run(searcher, range(12, 16))
    for config in proposals:
        space.validate(config)
    if options in [SEARCHERS[name] for name in MODELS]:
        assert proposals != run(build(options, space), range(12, 16))


@every_searcher
@pytest.mark.parametrize(
    "curve",
    [
        pytest.param({}, id="no report"),
        pytest.param({1: NAN}, id="NaN alone"),
        pytest.param({1: 0.2, 2: NAN}, id="NaN at the end"),
        pytest.param({1: NAN, 2: 0.3}, id="NaN at the start"),
        pytest.param({1: INF, 2: -INF, 3: 0.1}, id="infinities"),
        pytest.param({1: -INF}, id="-inf alone"),
        pytest.param({3: 0.1, 9: 0.2}, id="gaps"),
        pytest.param({1: -1e300, 2: 1e300}, id="huge"),
    ],
)
def test_any_curve_may_be_told(options, space, curve):
    searcher = build(options, space)
    run(searcher, range(1, 7))
    for number, outcome in enumerate(OUTCOMES, start=7):
        config = searcher.suggest(number)
        ended = Observation(config=config, outcome=outcome, curve=curve, max_epochs=MAX_EPOCHS)
        searcher.observe(number, ended)
    for config in run(searcher, range(11, 14)):
        space.validate(config)


@every_pair
def test_less_is_more_when_the_mode_is_min(options, space):
    most = run(build(options, space, mode="max"), range(1, 16))
    searcher, least = build(options, space, mode="min"), []
    for number in range(1, 16):
        config = searcher.suggest(number)
        if config is None:
            break
        least.append(config)
        up = observation(config, worth(config), outcome_of(number))
        down = {epoch: -value for epoch, value in up.curve.items()}
        searcher.observe(
            number,
            Observation(config=config, outcome=up.outcome, curve=down, max_epochs=MAX_EPOCHS),
        )
    assert least == most


@every_pair
def test_a_replayed_searcher_proposes_what_the_uninterrupted_one_would(options, space):
    """Four trials side by side, and another searcher that takes over before every proposal."""
    searcher = build(options, space)
    default = space.default()
    searcher.register(0, default)
    pending, ended = {0: default}, {}
    rng = np.random.default_rng(0)
    for number in range(1, 20):
        config = searcher.suggest(number)
        replayed = build(options, space)
        for before in range(number):
            if before in ended:
                replayed.observe(before, ended[before])
            else:
                replayed.register(before, pending[before])
        assert replayed.suggest(number) == config
        if config is None:
            break
        pending[number] = config
        if len(pending) == 4:
            done = int(rng.choice(list(pending)))
            ended[done] = observation(pending[done], worth(pending.pop(done)), outcome_of(done))
            searcher.observe(done, ended[done])


@every_searcher
def test_fixed_parameters_are_part_of_every_proposal(options, space):
    mixed = SearchSpace("mixed", [Fixed(name="loss", value="nll"), *space.parameters])
    for config in run(build(options, mixed), range(1, 12)):
        assert config["loss"] == "nll"


@every_searcher
def test_a_trial_may_stop_at_any_epoch(options, space):
    searcher = build(options, space)
    for number in range(2 * MAX_EPOCHS):
        config = searcher.suggest(number)
        last = number % MAX_EPOCHS + 1
        curve = {epoch: worth(config) - 1 / epoch for epoch in range(1, last + 1)}
        ended = Outcome.COMPLETED if last == MAX_EPOCHS else Outcome.STOPPED_EARLY
        searcher.observe(
            number, Observation(config=config, outcome=ended, curve=curve, max_epochs=MAX_EPOCHS)
        )
    for number in range(2 * MAX_EPOCHS, 2 * MAX_EPOCHS + 3):
        space.validate(searcher.suggest(number))


@every_searcher
@pytest.mark.parametrize("ended", [Outcome.COMPLETED, Outcome.FAILED])
def test_the_last_word_about_a_retried_trial_counts(options, space, ended):
    """It failed, ran again, and then completed or failed for good."""
    retried, once = build(options, space), build(options, space)
    for number in range(8):
        config = retried.suggest(number)
        assert once.suggest(number) == config
        if number == 3:
            retried.observe(number, observation(config, 0.9, Outcome.FAILED))
            retried.register(number, config)
            retried.report(number, 1, 0.1)
        for searcher in (retried, once):
            searcher.observe(
                number, observation(config, 0.9, ended if number == 3 else Outcome.COMPLETED)
            )
    assert [retried.suggest(n) for n in (8, 9)] == [once.suggest(n) for n in (8, 9)]


@pytest.mark.parametrize(
    ("options", "space"), rows(SEARCHERS, [CHOICES, CONDITIONAL, search_spaces.get("mlp")])
)
def test_no_configuration_is_launched_twice(options, space):
    """The space of choices has 12 configurations: then the sweep ends, whoever searches it."""
    searcher, searched = fitting(options, space)
    sweep = controller(space=searched, searcher=searcher, trials=30)
    drive(sweep, curve=lambda config, epoch: worth(config) - 1 / epoch)
    keys = [space.key(record.config) for record in sweep.trials.values()]
    assert len(set(keys)) == len(keys) == (12 if space is CHOICES else 30)


@every_searcher
def test_proposals_are_in_natural_units(options, space):
    """Not in a scale's coordinates: a learning rate of 0.01, a momentum of 0.97, whole units."""
    for config in run(build(options, space), range(1, 16)):
        assert 1e-4 <= config["learning_rate"] <= 1.0
        assert 0.9 <= config.get("momentum", 0.9) <= 0.999
        assert ("momentum" in config) == (config["optimizer"] == "sgd")
        assert type(config["units"]) is int
        assert config["widths"] in ([8], [8, 8])

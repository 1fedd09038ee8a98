"""The Parzen model: densities worked by hand, and draws that agree with them."""

import math

import numpy as np
import pytest

from caviar import UsageError
from caviar.base.trial import Outcome
from caviar.searchers import HyperOpt, Optuna, Parzen
from caviar.searchers.base import Observation
from caviar.searchers.coordinates import Coordinates
from caviar.searchers.kernel_density import ParzenDensity as Density
from search_spaces import Choice, Float, Int, Is, SearchSpace

LINE = SearchSpace("line", [Float(name="x", low=0.0, high=1.0)])
SWITCH = SearchSpace(
    "switch",
    [
        Choice(name="optimizer", options=["adam", "sgd", "lion"], default="adam"),
        Float(name="momentum", low=0.0, high=1.0, when=Is("optimizer", "sgd")),
    ],
)


def density(space, configs, width=0.2):
    coordinates = Coordinates(space)
    return Density(np.array([coordinates.of(c) for c in configs]), coordinates.options, width=width)


def at(space, *configs):
    coordinates = Coordinates(space)
    return np.array([coordinates.of(c) for c in configs])


def test_one_kernel_and_the_uniform_density_by_hand():
    # One configuration of one parameter: h = 0.2 · 1^(-1/5) = 0.2. At its centre 0.5 the normal is
    # 1 / (0.2 √(2π)) = 1.99471 over the mass inside 0 … 1, Φ(2.5) - Φ(-2.5) = 0.987581: 2.01979.
    # Half of that and half of the uniform density's 1.
    found = density(LINE, [{"x": 0.5}]).log_density(at(LINE, {"x": 0.5}, {"x": 0.9}))
    assert math.exp(found[0]) == pytest.approx((2.01979 + 1) / 2, abs=1e-4)
    # 0.9 is two bandwidths off: 2.01979 · e^-2 = 0.273350
    assert math.exp(found[1]) == pytest.approx((0.273350 + 1) / 2, abs=1e-4)


def test_the_bandwidth_shrinks_with_the_number_of_configurations():
    # Two at the same place: h = 0.2 · 2^(-1/5) = 0.174110, 1 / (h √(2π)) = 2.29132, over
    # Φ(0.5/h) - Φ(-0.5/h) = 2 Φ(2.87175) - 1 = 0.995918: 2.30071; two of three kernels.
    found = density(LINE, [{"x": 0.5}] * 2).log_density(at(LINE, {"x": 0.5}))
    assert math.exp(found[0]) == pytest.approx((2 * 2.30071 + 1) / 3, abs=1e-4)


def test_a_choice_and_a_parameter_that_takes_no_part_by_hand():
    # Two parameters, one configuration: h = 0.2. The kernel of sgd with momentum 0.5.
    model = density(SWITCH, [{"optimizer": "sgd", "momentum": 0.5}])
    adam, same = np.exp(
        model.log_density(at(SWITCH, {"optimizer": "adam"}, {"optimizer": "sgd", "momentum": 0.5}))
    )
    # λ = h: another option 0.2/3, the same 0.8 + 0.2/3; uniform 1/3. Momentum as above.
    assert adam == pytest.approx((0.2 / 3 + 1 / 3) / 2, abs=1e-6)
    assert same == pytest.approx(((0.8 + 0.2 / 3) * 2.01979 + 1 / 3) / 2, abs=1e-4)
    # A kernel without a momentum says nothing of it: uniform.
    model = density(SWITCH, [{"optimizer": "adam"}])
    (sgd,) = np.exp(model.log_density(at(SWITCH, {"optimizer": "sgd", "momentum": 0.9})))
    assert sgd == pytest.approx((0.2 / 3 * 1 + 1 / 3) / 2, abs=1e-6)


def test_densities_sum_to_one():
    model = density(LINE, [{"x": 0.0}, {"x": 0.3}, {"x": 0.95}])
    x = (np.arange(2000) + 0.5) / 2000
    assert np.exp(model.log_density(x[:, None])).mean() == pytest.approx(1, abs=1e-4)
    model = density(SWITCH, [{"optimizer": "sgd", "momentum": 0.1}, {"optimizer": "lion"}])
    without = np.exp(model.log_density(at(SWITCH, {"optimizer": "adam"}, {"optimizer": "lion"})))
    sgd = np.stack([np.ones_like(x), x], axis=1)
    assert without.sum() + np.exp(model.log_density(sgd)).mean() == pytest.approx(1, abs=1e-4)


def test_draws_agree_with_the_density():
    configs = [{"optimizer": "sgd", "momentum": 0.1}, {"optimizer": "lion"}]
    model = density(SWITCH, configs)
    coordinates = Coordinates(SWITCH)
    drawn = coordinates.masked(model.draw(20_000, np.random.default_rng(0)))
    for option, config in enumerate([{"optimizer": "adam"}, None, {"optimizer": "lion"}]):
        share = np.mean(drawn[:, 0] == option)
        if config is not None:
            assert share == pytest.approx(
                math.exp(model.log_density(at(SWITCH, config))[0]), abs=0.015
            )
            assert np.isnan(drawn[drawn[:, 0] == option, 1]).all()
    x = (np.arange(1000) + 0.5) / 1000
    below = np.exp(model.log_density(np.stack([np.ones(200), x[:200]], axis=1))).sum() / 1000
    momentum = drawn[drawn[:, 0] == 1, 1]
    assert np.mean(drawn[:, 0] == 1) * np.mean(momentum < 0.2) == pytest.approx(below, abs=0.015)


MODELS = [Parzen, Optuna, HyperOpt]
WIDE = SearchSpace(
    "wide",
    [
        Float(name="learning_rate", low=1e-4, high=1.0, scale="log", default=0.01),
        Choice(name="optimizer", options=["adam", "sgd"], default="sgd"),
        Float(name="momentum", low=0.0, high=0.99, default=0.9, when=Is("optimizer", "sgd")),
        Int(name="units", low=1, high=64, scale="log", default=8),
    ],
)


def taught(options, *, trials=60, space=WIDE, epochs=1, quality=None, outcome=None):
    """A searcher that has seen random trials of this quality."""
    searcher = options.build(space, mode="max", seed=0)
    rng = np.random.default_rng(1)
    for number in range(trials):
        config = space.sample(rng)
        value = quality(config)
        curve = dict.fromkeys(range(1, epochs + 1), value)
        how = outcome(config) if outcome else Outcome.COMPLETED
        searcher.observe(
            number, Observation(config=config, outcome=how, curve=curve, max_epochs=epochs)
        )
    return searcher


def good(config):
    return -abs(math.log10(config["learning_rate"]) + 3)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_proposes_where_trials_were_good(model):
    searcher = taught(model(random_share=0.0), quality=good)
    near = [abs(math.log10(searcher.suggest(60 + n)["learning_rate"]) + 3) < 1 for n in range(30)]
    # Half the space is that near; chance alone gives 15 ± 3.
    assert sum(near) >= 25


@pytest.mark.parametrize("model", MODELS)
def test_a_model_stays_away_from_what_breaks_however_good_it_was(model):
    def outcome(config):
        return Outcome.DIVERGED if config["learning_rate"] > 0.01 else Outcome.COMPLETED

    def quality(config):
        return math.nan if config["learning_rate"] > 0.01 else 0.5

    searcher = taught(model(random_share=0.0), quality=quality, outcome=outcome)
    broke = [searcher.suggest(60 + n)["learning_rate"] > 0.01 for n in range(30)]
    assert sum(broke) <= 6


@pytest.mark.parametrize("model", MODELS)
def test_values_of_another_epoch_do_not_count(model):
    searcher = taught(model(random_share=0.0), quality=good, epochs=3)
    rng = np.random.default_rng(2)
    # Many short trials with wonderful values near a learning rate of 1.
    for number in range(60, 160):
        config = WIDE.fill({"learning_rate": float(10 ** rng.uniform(-0.5, 0))})
        observation = Observation(
            config=config, outcome=Outcome.STOPPED_EARLY, curve={1: 9.0}, max_epochs=3
        )
        searcher.observe(number, observation)
    near = [abs(math.log10(searcher.suggest(160 + n)["learning_rate"]) + 3) < 1 for n in range(30)]
    assert sum(near) >= 25


@pytest.mark.parametrize("model", MODELS)
def test_what_ran_counts_not_what_was_proposed(model):
    one, other = (model(random_share=0.0).build(WIDE, mode="max", seed=3) for _ in range(2))
    rng = np.random.default_rng(4)
    for number in range(30):
        ran = WIDE.sample(rng)
        one.suggest(number)
        one.register(number, ran)
        for searcher in (one, other):
            observation = Observation(
                config=ran, outcome=Outcome.COMPLETED, curve={1: good(ran)}, max_epochs=1
            )
            searcher.observe(number, observation)
    assert one.suggest(30) == other.suggest(30)


@pytest.mark.parametrize("model", MODELS)
def test_a_running_trial_teaches_as_one_that_has_ended(model):
    ended = taught(model(), quality=good)
    running = model().build(WIDE, mode="max", seed=0)
    rng = np.random.default_rng(1)
    for number in range(60):
        config = WIDE.sample(rng)
        running.register(number, config)
        running.report(number, 1, good(config))
    assert [running.suggest(60 + n) for n in range(5)] == [ended.suggest(60 + n) for n in range(5)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"startup_trials": 0}, "startup_trials must be at least 1, and it is 0"),
        ({"candidates": 0}, "candidates must be at least 1, and it is 0"),
        ({"random_share": 1.5}, r"random_share must lie in 0 … 1, and it is 1.5"),
    ],
)
def test_impossible_options_are_refused(model, options, message):
    with pytest.raises(UsageError, match=message):
        model(**options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Parzen(width=0.0), "width must lie above 0 and at most at 1, and it is 0.0"),
        (lambda: Parzen(good_share=-0.1), r"good_share must lie in 0 … 1, and it is -0.1"),
        (lambda: HyperOpt(gamma=0.0), "gamma must lie above 0 and at most at 1, and it is 0.0"),
    ],
)
def test_impossible_options_of_one_searcher_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()

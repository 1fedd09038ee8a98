"""One contract for every searcher, over several spaces; then what is particular to each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from without_ray import CHOICES, CONDITIONAL, LINE

import search_spaces
from pipelines.engine import UsageError
from pipelines.engine.records import Outcome
from pipelines.engine.searchers import Grid, HyperOpt, Optuna, Parzen, Random
from pipelines.engine.searchers.base import NearDefault, Told
from search_spaces import Choice, Fixed, Float, SearchSpace

NAN, INF = math.nan, math.inf
MAX_EPOCHS = 9
SPACES = [LINE, CONDITIONAL, CHOICES, search_spaces.get("mlp")]
# Few start-up trials, so that the models are at work in a short test.
SEARCHERS = [
    Random(),
    Grid(points=3),
    Optuna(startup_trials=6),
    HyperOpt(startup_trials=6),
    Parzen(startup_trials=6),
]
MODELS = [Optuna, HyperOpt, Parzen]

every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
every_searcher = pytest.mark.parametrize("options", SEARCHERS, ids=lambda o: type(o).__name__)


def build(options, space, *, mode="max", seed=0):
    if isinstance(options, Grid) and space.name == "mlp":
        options = Grid(points=2)
    return options.build(space, mode=mode, seed=seed)


def told(config, value, outcome=Outcome.COMPLETED):
    """The end of a trial with a rising curve; one that did not complete ends at epoch 3."""
    last = MAX_EPOCHS if outcome is Outcome.COMPLETED else 3
    curve = {epoch: value - 1 / epoch for epoch in range(1, last + 1)}
    return Told(config=config, outcome=outcome, curve=curve, max_epochs=MAX_EPOCHS)


def worth(config):
    """Some value of a configuration, the same for the same one; larger is better."""
    return sum(len(str(value)) * (i + 1) for i, value in enumerate(config.values())) / 100


OUTCOMES = [Outcome.COMPLETED, Outcome.STOPPED_EARLY, Outcome.FAILED, Outcome.DIVERGED]


def outcome_of(number):
    return OUTCOMES[(0, 0, 1, 0, 2, 1, 3)[number % 7]]


def run(searcher, numbers, *, value=worth):
    """Ask for these trials and tell each before the next, with all outcomes; the proposals."""
    proposals = []
    for number in numbers:
        config = searcher.ask(number)
        if config is None:
            break
        proposals.append(config)
        searcher.tell(number, told(config, value(config), outcome_of(number)))
    return proposals


# The contract.


@every_searcher
@every_space
def test_every_proposal_is_a_configuration_of_the_space(options, space):
    proposals = run(build(options, space), range(1, 26))
    assert proposals
    for config in proposals:
        space.validate(config)
        assert config == space.complete(config), "values of the space's own types, in its order"


@every_searcher
@every_space
def test_the_same_seed_proposes_the_same_and_another_seed_something_else(options, space):
    first = run(build(options, space, seed=5), range(1, 16))
    assert run(build(options, space, seed=5), range(1, 16)) == first
    other = run(build(options, space, seed=6), range(1, 16))
    assert (other == first) == isinstance(options, Grid), "a grid has no randomness"


@every_searcher
@every_space
def test_another_attempt_is_another_proposal(options, space):
    searcher, again = build(options, space), build(options, space)
    run(searcher, range(1, 9))
    run(again, range(1, 9))
    proposals = [searcher.ask(9, attempt) for attempt in range(6)]
    assert proposals == [again.ask(9, attempt) for attempt in range(6)]
    if space is not CHOICES:  # a model over few choices may insist on its favourite
        assert len({str(config) for config in proposals}) == 6 or None in proposals
    if proposals[-1] is not None:  # only the last attempt runs, and is told
        searcher.tell(9, told(proposals[-1], 0.5))
        again.tell(9, told(proposals[-1], 0.5))
        assert searcher.ask(10) == again.ask(10)


@every_searcher
@every_space
def test_another_configuration_may_take_the_place_of_a_proposal(options, space):
    searcher, again = build(options, space), build(options, space)
    for one in (searcher, again):
        run(one, range(1, 8))
    drawn = space.sample(np.random.default_rng(99))
    if not isinstance(options, Grid):  # which does not come back to what it has proposed
        searcher.ask(8)
    searcher.restart(8, drawn)
    again.restart(8, drawn)
    for one in (searcher, again):
        one.tell(8, told(drawn, 0.9))
    assert searcher.ask(9) == again.ask(9)


@every_searcher
@every_space
def test_many_trials_may_be_pending(options, space):
    searcher = build(options, space)
    proposals = [searcher.ask(number) for number in range(1, 13)]
    for config in filter(None, proposals):
        space.validate(config)
    for number, config in reversed(list(enumerate(proposals, start=1))):
        if config is not None:
            searcher.tell(number, told(config, worth(config)))
    following = searcher.ask(13)
    if following is not None:
        space.validate(following)


@every_searcher
@every_space
def test_trials_of_others_are_learnt_from(options, space):
    rng = np.random.default_rng(0)
    searcher = build(options, space)
    for number in range(12):
        config = space.sample(rng)
        searcher.tell(number, told(config, worth(config), outcome_of(number)))
    proposals = run(searcher, range(12, 16))
    for config in proposals:
        space.validate(config)
    if isinstance(options, tuple(MODELS)):
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
        pytest.param({3: 0.1, 9: 0.2}, id="gaps"),
        pytest.param({1: -1e300, 2: 1e300}, id="huge"),
    ],
)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_any_curve_may_be_told(options, curve, outcome):
    searcher = build(options, CONDITIONAL)
    run(searcher, range(1, 7))
    config = searcher.ask(7)
    searcher.tell(7, Told(config=config, outcome=outcome, curve=curve, max_epochs=MAX_EPOCHS))
    for config in run(searcher, range(8, 11)):
        CONDITIONAL.validate(config)


@every_searcher
@every_space
def test_less_is_more_when_the_mode_is_min(options, space):
    most = run(build(options, space, mode="max"), range(1, 16))
    searcher, least = build(options, space, mode="min"), []
    for number in range(1, 16):
        config = searcher.ask(number)
        if config is None:
            break
        least.append(config)
        up = told(config, worth(config), outcome_of(number))
        down = {epoch: -value for epoch, value in up.curve.items()}
        searcher.tell(
            number,
            Told(config=config, outcome=up.outcome, curve=down, max_epochs=MAX_EPOCHS),
        )
    assert least == most


@every_searcher
@every_space
def test_a_replayed_searcher_proposes_what_the_uninterrupted_one_would(options, space):
    """Four trials side by side, and another searcher that takes over before every proposal."""
    searcher = build(options, space)
    default = space.default()
    searcher.restart(0, default)
    pending, ended = {0: default}, {}
    rng = np.random.default_rng(0)
    for number in range(1, 20):
        config = searcher.ask(number)
        replayed = build(options, space)
        for before in range(number):
            if before in ended:
                replayed.tell(before, ended[before])
            else:
                replayed.restart(before, pending[before])
        assert replayed.ask(number) == config
        if config is None:
            break
        pending[number] = config
        if len(pending) == 4:
            done = int(rng.choice(list(pending)))
            ended[done] = told(pending[done], worth(pending.pop(done)), outcome_of(done))
            searcher.tell(done, ended[done])


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
                config = searcher.ask(number)
                value = sign * (1 - abs(unit(config) - 0.8))
                curve = {MAX_EPOCHS: value}
                done = Outcome.COMPLETED
                searcher.tell(
                    number, Told(config=config, outcome=done, curve=curve, max_epochs=MAX_EPOCHS)
                )
                if number > 25:
                    found.append(abs(unit(config) - 0.8))
        return np.mean(found)

    # Uniform draws lie at (0.8² + 0.2²)/2 = 0.34 from 0.8 on average.
    assert distance(Random()) == pytest.approx(0.34, abs=0.06)
    assert distance(options) < 0.25


@pytest.mark.parametrize(
    "options", [Optuna(), HyperOpt(), Parzen()], ids=["Optuna", "HyperOpt", "Parzen"]
)
@pytest.mark.parametrize(
    ("outcome", "space"),
    [(Outcome.FAILED, LINE), (Outcome.DIVERGED, LINE), (Outcome.DIVERGED, CONDITIONAL)],
    ids=lambda value: value.name,
)
def test_a_model_stays_away_from_where_trials_fail_or_diverge(options, outcome, space):
    """Learning rates above 0.1, a quarter of the scale, fail; elsewhere one is like another."""

    def in_the_bad_region(options):
        count = 0
        for seed in range(6):
            searcher = build(options, space, seed=seed)
            for number in range(1, 61):
                config = searcher.ask(number)
                bad = config["learning_rate"] > 0.1
                value = 0.5 + 0.01 * math.sin(1000 * config["learning_rate"])
                ended = outcome if bad else Outcome.COMPLETED
                searcher.tell(number, told(config, value, ended))
                count += bad and number > 20
        return count

    by_chance = in_the_bad_region(Random())
    assert 40 <= by_chance <= 80  # 6 · 40 / 4 = 60 are expected
    assert in_the_bad_region(options) < 0.7 * by_chance


@pytest.mark.parametrize("model", MODELS)
def test_start_up_trials_are_drawn_in_turn_near_the_default_and_from_the_whole_space(model):
    searcher = build(model(startup_trials=40), LINE)
    units = {n: unit(searcher.ask(n)) for n in range(40)}
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
        beside.restart(number, {"learning_rate": 0.1})
    assert beside.ask(30) == alone.ask(30)


# Random search.


def test_a_random_draw_depends_on_the_seed_and_the_number_alone():
    one, other = build(Random(), CONDITIONAL), build(Random(), CONDITIONAL)
    run(one, range(1, 10))
    assert one.ask(20) == other.ask(20)
    assert one.ask(20) != one.ask(21)


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
    searcher.restart(0, space.default())  # as a sweep does
    proposals = [searcher.ask(number) for number in range(1, 8)]
    expected = [("relu", 0.01), ("relu", 1.0), *(("tanh", rate) for rate in (0.01, 0.1, 1.0))]
    assert [tuple(config.values()) for config in proposals[:5]] == [
        (activation, pytest.approx(rate)) for activation, rate in expected
    ]
    assert proposals[5:] == [None, None]


def test_a_grid_skips_what_has_run_or_is_running():
    everything = run(build(Grid(), CHOICES), range(1, 50))
    assert len(everything) == 2 * 2 * 3
    searcher = build(Grid(), CHOICES)
    searcher.tell(1, told(everything[3], 0.5))
    searcher.restart(2, everything[7])
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
    for options in (Random(), Optuna(), HyperOpt()):
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
    ended = Told(config={}, outcome=Outcome.COMPLETED, curve=curve, max_epochs=3)
    assert ended.best("max") == most
    assert ended.best("min") == least


@every_searcher
def test_fixed_parameters_are_part_of_every_proposal(options):
    space = SearchSpace("mixed", [Fixed(name="loss", value="nll"), *LINE.parameters])
    for config in run(build(options, space), range(1, 12)):
        assert config["loss"] == "nll"

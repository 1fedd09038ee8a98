"""Coarse to fine, and the important parameters first: the spaces of the stages, worked by hand."""

import dataclasses
import itertools

import pytest
from without_ray import CHOICES, CONDITIONAL, LINE, InMemory, controller, drive, resumed, steps

import search_spaces
from caviar import UsageError
from caviar.base.trial import Outcome
from caviar.schedulers import Asha
from caviar.searchers import CoarseToFine, ImportanceStaged, Parzen, Random
from caviar.searchers.base import Observation
from caviar.searchers.importance_staged import tiers
from search_spaces import Choice, Fixed, Float, Int, Is, SearchSpace

MLP = search_spaces.get("mlp")


def observation(config, value, outcome=Outcome.COMPLETED):
    return Observation(config=config, outcome=outcome, curve={1: value}, max_epochs=9)


def searcher(options, space=LINE, *, mode="max", results=()):
    """A searcher that was told these (configuration, value), as trials 0, 1, …"""
    found = options.build(space, mode=mode, seed=0)
    for number, (config, value) in enumerate(results):
        found.observe(number, observation(config, value))
    return found


def rates(*pairs):
    return [({"learning_rate": rate}, value) for rate, value in pairs]


# Coarse to fine.


def stage_of(number, results, **options):
    """The space that trial `number` is drawn from."""
    options = CoarseToFine(**{"stage_trials": 4, "best": 2, **options})
    found = searcher(options, results=results)
    found.suggest(number)
    return found._inner.space


FOUR = rates((0.001, 0.1), (0.01, 0.8), (0.1, 0.9), (1.0, 0.2))


@pytest.mark.parametrize(
    ("number", "low", "high"),
    [
        (0, 1e-4, 1.0),
        (3, 1e-4, 1.0),
        # 0.1 of four decades beyond 0.01 and 0.1, the best two
        (4, 10**-2.4, 10**-0.6),
        (7, 10**-2.4, 10**-0.6),
        # half of that margin in the third stage, which is the last
        (8, 10**-2.2, 10**-0.8),
        (99, 10**-2.2, 10**-0.8),
    ],
)
def test_each_stage_zooms_around_the_best(number, low, high):
    rate = stage_of(number, FOUR)["learning_rate"]
    assert (rate.low, rate.high) == (pytest.approx(low), pytest.approx(high))
    assert rate.default == (0.01 if number < 4 else 0.1)


def test_the_best_are_at_most_half_of_the_trials_before():
    rate = stage_of(2, rates((0.1, 0.9), (0.001, 0.8)), stage_trials=2, best=5)["learning_rate"]
    assert (rate.low, rate.high) == (pytest.approx(10**-1.4), pytest.approx(10**-0.6))


def test_the_best_at_an_edge_of_the_whole_space_stays_inside_it():
    rate = stage_of(4, rates((1e-4, 0.9), (1e-4, 0.8), (1.0, 0.1), (0.5, 0.1)))["learning_rate"]
    assert (rate.low, rate.high) == (1e-4, pytest.approx(10**-3.6))


def test_the_best_at_an_edge_of_a_stage_moves_the_next_one_over_that_edge():
    best_at_the_edge = [*FOUR, *rates((10**-0.6, 0.99), (0.2, 0.95), (0.02, 0.3), (0.03, 0.3))]
    second = stage_of(4, best_at_the_edge)["learning_rate"]
    third = stage_of(8, best_at_the_edge)["learning_rate"]
    assert second.high == pytest.approx(10**-0.6)
    assert third.high == pytest.approx(10**-0.4)


def test_choices_that_none_of_the_best_has_are_dropped():
    def config(activation, batch_size, units):
        return {"activation": activation, "batch_size": batch_size, "units": units}

    results = [
        (config("relu", 32, 8), 0.9),
        (config("relu", 64, 16), 0.8),
        (config("tanh", 32, 32), 0.1),
        (config("tanh", 64, 32), 0.1),
    ]
    found = searcher(CoarseToFine(stage_trials=4, best=2), CHOICES, results=results)
    proposals = [found.suggest(number) for number in range(4, 40)]
    assert {c["activation"] for c in proposals} == {"relu"}
    assert {c["units"] for c in proposals} == {8, 16}


def test_a_stage_that_has_nothing_left_to_search_searches_everything():
    best = ({"activation": "relu", "batch_size": 32, "units": 8}, 0.9)
    found = searcher(CoarseToFine(stage_trials=2, best=1), CHOICES, results=[best, best])
    assert len({str(found.suggest(number)) for number in range(2, 40)}) > 6


def test_no_worker_waits_at_a_boundary():
    """The second stage begins in the whole space while nothing is known, and moves as it is."""
    found = searcher(CoarseToFine(stage_trials=4, best=2))
    for number in range(4):
        found.register(number, {"learning_rate": 0.1})
    found.suggest(4)
    assert found._inner.space == LINE
    found.report(0, 1, 0.5)
    found.suggest(5)
    assert found._inner.space == LINE, "one of the two best is not known yet"
    found.report(1, 1, 0.4)
    found.suggest(6)
    assert found._inner.space["learning_rate"].high == pytest.approx(10**-0.6)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.DIVERGED])
def test_what_failed_is_not_among_the_best(outcome):
    found = searcher(CoarseToFine(stage_trials=3, best=1), results=FOUR[:2])
    found.report(2, 1, 0.99)
    found.observe(2, observation({"learning_rate": 1.0}, 0.99, outcome))
    found.suggest(3)
    assert found._inner.space["learning_rate"].default == 0.01


@pytest.mark.parametrize(("mode", "best"), [("max", 0.1), ("min", 0.001)])
def test_the_mode_says_what_is_best(mode, best):
    found = searcher(CoarseToFine(stage_trials=4, best=1), mode=mode, results=FOUR)
    found.suggest(4)
    assert found._inner.space["learning_rate"].default == best


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (CoarseToFine(stage_trials=2), [Random, Parzen, Parzen]),
        (CoarseToFine(stage_trials=2, fine="random"), [Random, Random, Random]),
        (CoarseToFine(stage_trials=2, coarse="parzen", stages=2), [Parzen, Parzen]),
    ],
)
def test_who_searches_in_a_stage(options, kinds):
    found = searcher(options)
    assert [type(found.options(stage)) for stage in range(options.stages)] == kinds


def test_the_searcher_of_a_stage_learns_from_the_trials_inside_it():
    found = searcher(CoarseToFine(stage_trials=4, best=2), results=FOUR)
    found.register(4, {"learning_rate": 0.05})
    found.report(4, 1, 0.7)
    found.suggest(5)
    assert sorted(found._inner.configs) == [1, 2, 4, 5]
    assert found._inner._levels.highest(3).scores == {1: 0.8, 2: 0.9, 4: 0.7}
    found.register(5, {"learning_rate": 0.9})  # another one ran, outside
    found.report(5, 1, 0.3)
    found.report(4, 2, 0.75)
    assert found._inner._levels.highest(1).scores == {4: 0.75}
    assert len(found._inner._levels.highest(3).scores) == 3


# What it says.


def test_what_is_said_of_each_stage():
    found = searcher(CoarseToFine(stage_trials=4, best=2), results=FOUR)
    assert found.messages() == []
    found.suggest(3)
    assert found.messages() == ["stage 1 of 3: random search of the whole space"]
    assert found.messages() == [], "once"
    found.suggest(4)
    assert found.messages() == [
        "stage 2 of 3: parzen search, closer",
        "  the best so far is trial 2 with 0.9, beside it 1",
        "  learning_rate 0.0001 … 1 -> 0.003981 … 0.2512",
    ]
    found.suggest(5)
    assert found.messages() == []
    found.observe(
        4, observation({"learning_rate": 0.05}, 1.0)
    )  # of this stage: it does not move its own
    found.suggest(6)
    assert found.messages() == []
    found.observe(
        0, observation({"learning_rate": 0.001}, 0.85)
    )  # ends late, and better than thought
    found.suggest(7)
    assert found.messages() == [
        "stage 2 moves with later results: learning_rate 0.003981 … 0.2512 -> 0.0003981 … 0.2512"
    ]


def test_the_conductor_writes_down_and_passes_on_what_is_said():
    history = InMemory()
    sweep = controller(history, searcher=CoarseToFine(stage_trials=3), trials=9)
    assert sweep.decision_log.messages() == []
    drive(sweep)
    words = sweep.decision_log.messages()
    assert [line for line in words if not line.startswith(" ")] == [
        "stage 1 of 3: random search of the whole space",
        "stage 2 of 3: parzen search, closer",
        "stage 3 of 3: parzen search, closer",
    ]
    assert [event.message for event in history.decisions] == words
    assert sweep.decision_log.messages() == []


# Importance.

RANKED = SearchSpace(
    "ranked",
    [
        Float(name="learning_rate", low=1e-4, high=1.0, scale="log", default=0.01, tier=1),
        Float(name="momentum", low=0.0, high=1.0, default=0.5, tier=2, when=Is("optimizer", "sgd")),
        Int(name="units_1", low=0, high=100, default=50, tier=2),
        Int(name="units_2", low=0, high=100, default=50, tier=2, when=Is("layers", 2)),
        Choice(name="optimizer", options=["sgd", "adam"], tier=3),
        Choice(name="layers", options=[1, 2], tier=3),
        Choice(name="activation", options=["relu", "tanh"]),
        Fixed(name="loss", value="nll", tier=1),
    ],
)
DEFAULT = RANKED.default()


def importance(stage, winner, **options):
    """The space of a stage after this configuration has won."""
    found = searcher(ImportanceStaged(stage_trials=2, **options), RANKED)
    for number in range(2 * stage):
        value = 0.9 if number == 1 else 0.1
        found.observe(number, observation(winner if number == 1 else DEFAULT, value))
    found.suggest(2 * stage)
    return found._inner.space


def kinds(space):
    return {p.name: getattr(p, "value", "searched") for p in space}


def test_tiers_rise_and_the_unranked_are_last():
    assert tiers(RANKED) == [1, 2, 3, None]
    assert tiers(MLP) == [1, 2, 3, 4, None]
    assert tiers(LINE) == [None]


def test_the_first_stage_searches_the_first_tier_alone():
    assert kinds(importance(0, DEFAULT)) == {
        "learning_rate": "searched",
        "momentum": 0.5,
        "units_1": 50,
        "optimizer": "sgd",
        "layers": 1,
        "activation": "relu",
        "loss": "nll",
    }


def test_later_stages_stay_near_the_winner():
    winner = {**DEFAULT, "learning_rate": 0.1}
    second = importance(1, winner)
    assert kinds(second) == {
        **kinds(importance(0, winner)),
        "momentum": "searched",
        "units_1": "searched",
    }
    rate = second["learning_rate"]
    assert (rate.low, rate.high) == (pytest.approx(10**-1.4), pytest.approx(10**-0.6))
    assert (second["units_1"].low, second["units_1"].high) == (0, 100)

    winner = {**winner, "momentum": 0.3, "units_1": 20}
    third = importance(2, winner)
    # the second layer of units takes part only now, and is searched over its whole range
    assert kinds(third) == {
        **dict.fromkeys(RANKED.names, "searched"),
        "activation": "relu",
        "loss": "nll",
    }
    assert (third["momentum"].low, third["momentum"].high) == (
        pytest.approx(0.2),
        pytest.approx(0.4),
    )
    assert (third["units_1"].low, third["units_1"].high) == (10, 30)
    assert (third["units_2"].low, third["units_2"].high) == (0, 100)

    winner = {k: v for k, v in winner.items() if k != "momentum"}
    winner = RANKED.complete({**winner, "optimizer": "adam", "layers": 2, "units_2": 70})
    last = importance(3, winner)
    # choices of earlier tiers are the winner's, and momentum with Adam takes no part
    assert kinds(last) == {
        "learning_rate": "searched",
        "units_1": "searched",
        "units_2": "searched",
        "optimizer": "adam",
        "layers": 2,
        "activation": "searched",
        "loss": "nll",
    }
    assert (last["units_2"].low, last["units_2"].high) == (60, 80)


def test_without_a_margin_earlier_tiers_are_fixed_at_the_winner():
    winner = {**DEFAULT, "learning_rate": 0.1, "units_1": 20}
    assert kinds(importance(2, winner, margin=0)) == {
        "learning_rate": 0.1,
        "momentum": 0.5,
        "units_1": 20,
        "units_2": "searched",
        "optimizer": "searched",
        "layers": "searched",
        "activation": "relu",
        "loss": "nll",
    }


def test_each_stage_says_what_it_searches_what_is_fixed_and_who_won():
    found = searcher(ImportanceStaged(stage_trials=2), RANKED)
    found.suggest(0)
    assert found.messages() == [
        "stage 1 of 4: tier 1 of importance: learning_rate",
        "  momentum 0 … 1 -> 0.5 fixed",
        "  units_1 0 … 100 -> 50 fixed",
        "  units_2 0 … 100 -> takes no part",
        "  optimizer sgd, adam -> sgd fixed",
        "  layers 1, 2 -> 1 fixed",
        "  activation relu, tanh -> relu fixed",
    ]
    found.observe(0, observation(DEFAULT, 0.5))
    found.observe(1, observation({**DEFAULT, "learning_rate": 0.1}, 0.75))
    found.suggest(2)
    assert found.messages() == [
        "stage 2 of 4: tier 2 of importance: momentum, units_1, units_2",
        "  the best so far is trial 1 with 0.75",
        "  learning_rate 0.0001 … 1 -> 0.03981 … 0.2512",
        "  momentum 0.5 fixed -> 0 … 1",
        "  units_1 50 fixed -> 0 … 100",
    ]


# Both, in whole sweeps without Ray.

STAGED = pytest.mark.parametrize(
    "options",
    [CoarseToFine(), CoarseToFine(fine="random", stages=4), ImportanceStaged()],
    ids=["coarse_to_fine", "four stages", "importance_staged"],
)


@STAGED
@pytest.mark.parametrize("space", [MLP, search_spaces.get("cnn")], ids=lambda s: s.name)
def test_a_sweep_runs_through_all_stages(options, space):
    asked = options.planned(space, trials=30)
    sweep = controller(space=space, searcher=asked, scheduler=Asha(), trials=30)
    drive(sweep)
    assert len(sweep.trials) == 30
    begun = [
        w.split()[1] for w in sweep.decision_log.messages() if w.startswith("stage") and " of " in w
    ]
    assert begun == [str(n + 1) for n in range(len(begun))]
    assert len(begun) == (
        len(tiers(space)) if isinstance(options, ImportanceStaged) else options.stages
    )
    for record in sweep.trials.values():
        space.validate(record.config)


@STAGED
@pytest.mark.parametrize("killed_after", [3, 25, 60, 90])
def test_a_resumed_sweep_goes_on_as_the_uninterrupted_one(options, killed_after):
    asked = options.planned(MLP, trials=24)
    fields = {"space": MLP, "searcher": asked, "scheduler": Asha(), "trials": 24}
    whole = controller(**fields)
    drive(whole)
    history = InMemory()
    for _ in itertools.islice(steps(controller(history, **fields)), killed_after):
        pass
    again = resumed(history, **fields)
    drive(again)
    assert {n: r.config for n, r in again.trials.items()} == {
        n: r.config for n, r in whole.trials.items()
    }


# Options.


@pytest.mark.parametrize(
    ("options", "space", "trials", "each"),
    [
        (CoarseToFine(), LINE, 64, 21),
        (CoarseToFine(stages=4), LINE, 64, 16),
        (CoarseToFine(stages=4), LINE, 2, 1),
        (CoarseToFine(stage_trials=7), LINE, 64, 7),
        (CoarseToFine(stage_trials=7), LINE, None, 7),
        (ImportanceStaged(), MLP, 64, 12),
        (ImportanceStaged(stage_trials=9), MLP, None, 9),
    ],
)
def test_the_trials_are_shared_out_evenly_unless_said(options, space, trials, each):
    assert options.planned(space, trials=trials) == dataclasses.replace(options, stage_trials=each)


@pytest.mark.parametrize("options", [CoarseToFine(), ImportanceStaged()])
def test_without_a_number_of_trials_somebody_has_to_say_how_many_a_stage_gets(options):
    for attempt in (
        lambda: options.planned(MLP, trials=None),
        lambda: options.build(MLP, mode="max", seed=0),
    ):
        with pytest.raises(UsageError, match=r"without --trials .*: give --trials, or"):
            attempt()


@pytest.mark.parametrize(
    ("options", "values", "message"),
    [
        (CoarseToFine, {"stages": 1}, "stages must be at least 2, broad and fine, and it is 1"),
        (CoarseToFine, {"stage_trials": 0}, "stage_trials must be at least 1, and it is 0"),
        (CoarseToFine, {"best": 0}, "best must be at least 1, and it is 0"),
        (CoarseToFine, {"margin": -0.1}, r"margin must lie in 0 … 1, and it is -0\.1"),
        (ImportanceStaged, {"margin": 1.5}, r"margin must lie in 0 … 1, and it is 1\.5"),
        (ImportanceStaged, {"stage_trials": -1}, "stage_trials must be at least 1, and it is -1"),
    ],
)
def test_impossible_options_are_refused(options, values, message):
    with pytest.raises(UsageError, match=message):
        options(**values)


@pytest.mark.parametrize("space", [LINE, CONDITIONAL, CHOICES], ids=lambda s: s.name)
def test_a_space_of_one_tier_has_nothing_to_search_first(space):
    with pytest.raises(UsageError, match=f"'{space.name}' has the same tier of importance"):
        ImportanceStaged(stage_trials=2).check(space)
    CoarseToFine(stage_trials=2).check(space)

"""What a learning curve does, and what is changed then: figures worked by hand."""

import math
import re

import pytest

import search_spaces
from caviar.schedulers.adjustments import adjustments
from caviar.schedulers.learning_curve import Curve, State, generalisation_loss, look

NAN, INF = math.nan, math.inf


def by_epoch(*values):
    return dict(enumerate(values, start=1))


def curve(scores, train=(), val=()):
    return Curve(by_epoch(*scores), by_epoch(*train), by_epoch(*val))


@pytest.mark.parametrize(
    ("given", "newest", "state", "words"),
    [
        # 0.70 - 0.60 = 0.1 is more than 0.01
        (
            curve([0.5, 0.6, 0.65, 0.7]),
            2,
            State.IMPROVING,
            "the best of epochs 3 … 4 is 0.7 at epoch 4, before it was 0.6 at epoch 2",
        ),
        # the first quantum is compared with its own first epoch
        (
            curve([0.5, 0.6]),
            0,
            State.IMPROVING,
            "the best of epochs 1 … 2 is 0.6 at epoch 2, before it was 0.5 at epoch 1",
        ),
        (
            curve([0.5, 0.505, 0.4]),
            0,
            State.PLATEAU,
            "the best of epochs 1 … 3 is 0.505 at epoch 2, before it was 0.5 at epoch 1",
        ),
        # 0.609 - 0.6 = 0.009 is not more than 0.01
        (
            curve([0.5, 0.6, 0.609, 0.6]),
            2,
            State.PLATEAU,
            "the best of epochs 3 … 4 is 0.609 at epoch 3, before it was 0.6 at epoch 2",
        ),
        # 100 · (0.44 / 0.40 - 1) = 10 % above the lowest validation loss, training still falls
        (
            curve([0.8, 0.9, 0.9, 0.89], [0.5, 0.3, 0.2, 0.1], [0.5, 0.4, 0.42, 0.44]),
            2,
            State.OVERFITTING,
            "the validation loss of epoch 4, 0.44, is 10 % above its lowest, 0.4 at epoch 2, while "
            "the training loss fell to 0.1",
        ),
        # the same validation loss, but the score gains: what counts is what is optimised
        (
            curve([0.8, 0.9, 0.9, 0.95], [0.5, 0.3, 0.2, 0.1], [0.5, 0.4, 0.42, 0.44]),
            2,
            State.IMPROVING,
            "the best of epochs 3 … 4 is 0.95 at epoch 4, before it was 0.9 at epoch 2",
        ),
        # training does not fall any more: no overfitting
        (curve([0.9] * 4, [0.5, 0.3, 0.31, 0.32], [0.5, 0.4, 0.42, 0.44]), 2, State.PLATEAU, None),
        # 100 · (0.41 / 0.40 - 1) = 2.5 % is noise
        (curve([0.9] * 4, [0.5, 0.3, 0.2, 0.1], [0.5, 0.4, 0.42, 0.41]), 2, State.PLATEAU, None),
        # 0.6 is twice 0.3
        (
            curve([0.5, 0.6, 0.9], [0.5, 0.3, 0.6]),
            2,
            State.DIVERGING,
            "the training loss is 0.6, 2 times its lowest, 0.3",
        ),
        # 0.44 / 0.3 = 1.47
        (curve([0.5, 0.6, 0.9], [0.5, 0.3, 0.44]), 2, State.IMPROVING, None),
        (curve([0.5, 0.6, NAN]), 2, State.DIVERGING, "the score of epoch 3 is nan"),
        (curve([0.5, -INF, 0.7]), 1, State.DIVERGING, "the score of epoch 2 is -inf"),
        (curve([0.5, 0.9], [0.5, INF]), 1, State.DIVERGING, "the training loss of epoch 2 is inf"),
        # what was not finite before does not count, now that it is
        (curve([NAN, 0.5, 0.6], [NAN, 0.5, 0.4]), 1, State.IMPROVING, None),
    ],
)
def test_what_a_curve_does(given, newest, state, words):
    found = look(given, newest=newest, least_gain=0.01)
    assert found.state is state
    assert words is None or found.words == words


def test_values_are_named_where_less_is_better():
    found = look(curve([-0.5, -0.25]), newest=1, least_gain=0.01, sign=-1.0)
    assert (
        found.words == "the best of epochs 2 … 2 is 0.25 at epoch 2, before it was 0.5 at epoch 1"
    )
    assert found.state is State.IMPROVING


def test_a_curve_that_ends_before_what_is_asked_is_refused():
    with pytest.raises(ValueError, match="looked at from epoch 3 on, and it ends before"):
        look(curve([0.5, 0.6]), newest=2, least_gain=0.0)


@pytest.mark.parametrize(
    ("losses", "epoch", "percent"),
    [
        ((0.5, 0.4, 0.44), 3, 10.0),
        ((0.5, 0.4, 0.44), 2, 0.0),
        ((0.5, 0.4, 0.44, 0.1), 3, 10.0),  # what comes later does not count
        ((0.0, 0.1), 2, INF),
        ((0.0, 0.0), 2, 0.0),
    ],
)
def test_prechelts_generalisation_loss(losses, epoch, percent):
    assert generalisation_loss(by_epoch(*losses), epoch) == percent


def test_a_fork_has_the_beginning_of_its_parents_curve():
    whole = curve([0.1, 0.2, 0.3], [3, 2, 1], [4, 5, 6])
    beginning = whole.upto(2)
    assert beginning == curve([0.1, 0.2], [3, 2], [4, 5])
    beginning.scores[3] = 0.9
    assert whole.scores[3] == 0.3


# Adjustments.

MLP = search_spaces.get("mlp")
DEFAULT = MLP.fill({"learning_rate": 0.09})


def changes(state, config=DEFAULT, space=MLP, **options):
    """What each adjustment changes: name to value."""
    return [
        {k: pytest.approx(v) for k, v in a.config.items() if config.get(k) != v}
        for a in adjustments(state, config, space, **options)
    ]


@pytest.mark.parametrize(
    ("state", "strength", "expected"),
    [
        (State.IMPROVING, 1, []),
        (State.PLATEAU, 1, [{"learning_rate": 0.03}, {"learning_rate": 0.27}]),
        (State.PLATEAU, 2, [{"learning_rate": 0.01}, {"learning_rate": 0.81}]),
        (State.DIVERGING, 1, [{"learning_rate": 0.03}, {"learning_rate": 0.01}]),
        (State.DIVERGING, 2, [{"learning_rate": 0.01}, {"learning_rate": 0.09 / 27}]),
        (
            State.OVERFITTING,
            1,
            [
                {"dropout": 0.25},
                {"weight_decay_on": True, "weight_decay": 1e-4},
                {"learning_rate": 0.03},
            ],
        ),
        (
            State.OVERFITTING,
            2,
            [
                {"dropout": 0.375},
                {"weight_decay_on": True, "weight_decay": 1e-3},
                {"learning_rate": 0.01},
            ],
        ),
    ],
)
def test_what_is_tried(state, strength, expected):
    assert changes(state, strength=strength) == expected


def test_weight_decay_that_is_on_gets_stronger():
    config = MLP.fill({"weight_decay_on": True, "weight_decay": 1e-3})
    assert {"weight_decay": pytest.approx(1e-2)} in changes(State.OVERFITTING, config)


def test_adjustments_stay_inside_the_space_and_differ_from_each_other():
    low, high = MLP.fill({"learning_rate": 1e-4}), MLP.fill({"learning_rate": 0.5, "dropout": 0.5})
    assert changes(State.PLATEAU, low) == [{"learning_rate": 3e-4}]
    assert changes(State.PLATEAU, high) == [{"learning_rate": 0.5 / 3}, {"learning_rate": 1.0}]
    # a third and a ninth of 2e-4 are both below the range
    assert changes(State.DIVERGING, MLP.fill({"learning_rate": 2e-4})) == [{"learning_rate": 1e-4}]
    assert {"dropout": 0.5} not in changes(State.OVERFITTING, high)
    for state in State:
        for config in (low, high):
            for adjustment in adjustments(state, config, MLP, strength=3):
                MLP.validate(adjustment.config)


def test_what_is_fixed_or_missing_is_left_alone():
    fixed = MLP.fix("learning_rate", 0.09).fix("dropout", 0.0)
    assert changes(State.PLATEAU, space=fixed) == []
    assert changes(State.OVERFITTING, space=fixed) == [
        {"weight_decay_on": True, "weight_decay": 1e-4}
    ]
    without = MLP.fix("weight_decay_on", False)
    kinds = [set(change) for change in changes(State.OVERFITTING, without.default(), without)]
    assert kinds == [{"dropout"}, {"learning_rate"}]


def test_each_says_what_it_changes():
    said = [a.words for a in adjustments(State.OVERFITTING, DEFAULT, MLP)]
    assert said == [
        "dropout 0 -> 0.25",
        "weight_decay_on False -> True, weight_decay none -> 0.0001",
        "learning_rate 0.09 -> 0.03",
    ]
    assert all(re.search(" -> ", words) for words in said)

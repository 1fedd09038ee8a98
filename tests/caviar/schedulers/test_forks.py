"""Forks: what changes, what does not, and how the sweep keeps them."""

import numpy as np
import pytest
from without_ray import InMemory, controller, open_history, report, resumed, saved_as

from caviar.base.trial import Outcome, TrialRecord
from caviar.controller.forks import ancestors, schedule
from caviar.schedulers.base import Action, Fork, Scheduler, Start
from caviar.schedulers.perturbation import Perturb, changeable, scaled
from caviar.searchers.base import Searcher
from search_spaces import AtLeast, Choice, Fixed, Float, Int, SearchSpace, get

SPACE = SearchSpace(
    "forks",
    [
        Float(name="learning_rate", low=1e-3, high=1.0, scale="log"),
        Float(name="momentum", low=0.9, high=0.999, scale="log1m", default=0.99),
        Float(name="dropout", low=0.0, high=0.5, default=0.1),
        Choice(name="batch_size", options=[128, 32, 64], default=64),
        Int(name="units", low=8, high=64),
        Choice(name="optimizer", options=["adam", "sgd"]),
        Fixed(name="beta1", value=0.9),
    ],
)


def test_what_may_change_is_how_it_is_trained_and_not_what_is_trained():
    assert changeable(SPACE) == ["learning_rate", "momentum", "dropout", "batch_size"]
    assert changeable(get("mlp")) == [
        "learning_rate", "momentum", "batch_size", "dropout", "weight_decay",
    ]  # fmt: skip
    looked_at = SearchSpace(
        "looked_at",
        [
            Float(name="dropout", low=0.0, high=0.5),
            Float(name="learning_rate", low=0.1, high=1.0),
            Int(name="units", low=8, high=64, when=AtLeast("dropout", 0.25)),
        ],
    )
    assert changeable(looked_at) == ["learning_rate"], "units would come and go with the dropout"


@pytest.mark.parametrize(
    ("name", "value", "factor", "expected"),
    [
        ("learning_rate", 0.1, 1.2, 0.12),
        ("learning_rate", 0.1, 1 / 3, 0.1 / 3),
        ("learning_rate", 0.9, 1.2, 1.0),  # the end of its range
        ("learning_rate", 0.001, 0.8, 0.001),
        ("momentum", 0.99, 0.8, 0.992),  # 1 - β: 0.01 becomes 0.008
        ("momentum", 0.9, 1.2, 0.9),
        ("dropout", 0.1, 1.2, 0.15),  # a fifth of half its range
        ("dropout", 0.0, 0.8, 0.0),
        ("batch_size", 64, 1.2, 128),
        ("batch_size", 64, 0.8, 32),
        ("batch_size", 128, 1.2, 128),
        ("units", 10, 1.2, 16),  # 10 + 0.2 · 28 = 15.6
        ("units", 64, 1.2, 64),
        ("optimizer", "adam", 1.2, "adam"),  # no order
        ("beta1", 0.9, 1.2, 0.9),
    ],
)
def test_a_value_is_moved_on_its_scale_and_kept_in_its_range(name, value, factor, expected):
    moved = scaled(SPACE, name, value, factor)
    assert moved == (expected if isinstance(expected, str) else pytest.approx(expected))


def test_whole_numbers_move_by_a_step_at_least():
    space = SearchSpace("steps", [Int(name="units", low=1, high=20)])
    assert [scaled(space, "units", v, f) for v, f in ((5, 1.01), (5, 0.99), (1, 0.99))] == [6, 4, 1]


def test_perturbing_moves_all_that_may_change_and_nothing_else():
    config = SPACE.fill({"learning_rate": 0.1, "units": 20})
    moved = Perturb(resample=0.0)(SPACE, config, np.random.default_rng(0))
    assert moved["learning_rate"] in (pytest.approx(0.08), pytest.approx(0.12))
    assert moved["momentum"] in (pytest.approx(0.992), pytest.approx(0.988))
    assert moved["batch_size"] in (32, 128)
    assert {n: moved[n] for n in ("units", "optimizer", "beta1")} == {
        n: config[n] for n in ("units", "optimizer", "beta1")
    }
    anew = [Perturb(resample=1.0)(SPACE, config, np.random.default_rng(n)) for n in range(200)]
    rates = np.log10([c["learning_rate"] for c in anew])
    assert rates.min() < -2.8
    assert rates.max() > -0.2
    assert all(c["units"] == 20 for c in anew)


def test_a_fork_of_a_conditional_configuration_is_one_of_the_space():
    space = get("mlp")
    rng = np.random.default_rng(0)
    for _ in range(200):
        config = space.sample(rng)
        fork = Perturb()(space, config, rng)
        space.validate(fork)
        assert set(fork) == set(config)
        assert fork["hidden_layers"] == config["hidden_layers"]


def a_third_of_the_rate(space, config, rng):
    return config | {
        "learning_rate": scaled(space, "learning_rate", config["learning_rate"], 1 / 3)
    }


class ForksOnce(Scheduler):
    """Trial 1 ends at epoch 2, and a fork of trial 0 with a third of its rate takes its place."""

    def __init__(self):
        self.started, self.owed = [], False

    def build(self, *, max_epochs, seed):
        return self

    def next(self, *, new, paused):
        if self.owed:
            return Fork(0, a_third_of_the_rate)
        return Start() if new else None

    def start(self, trial, parent):
        self.started.append((trial, parent))
        self.owed = self.owed and parent is None

    def report(self, trial, epoch, score):
        return Action.STOP if (trial, epoch) == (1, 2) else Action.CONTINUE

    def end(self, trial):
        self.owed = self.owed or trial == 1

    def table(self, trials):
        return []


class Counts(Searcher):
    """Notes of which trials it hears; builds itself."""

    def __init__(self):
        self.heard = set()

    def build(self, space, *, mode, seed):
        super().__init__(space, mode=mode, seed=seed)
        return self

    def suggest(self, number, attempt=0):
        return self.space.sample(np.random.default_rng([number, attempt]))

    def report(self, number, epoch, value):
        self.heard.add(number)

    def observe(self, number, observation):
        self.heard.add(number)

    def register(self, number, config):
        self.heard.add(number)


def forked(history, searcher=None):
    sweep = controller(
        history, scheduler=ForksOnce(), searcher=searcher, max_epochs=4, trials=2,
        checkpoint=saved_as(history),
    )  # fmt: skip
    for number in (0, 1):
        sweep.next()
        report(sweep, number, 1, 0.5)
        report(sweep, number, 2, 0.5)
    sweep.free(1)
    return sweep


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_fork_is_a_trial_of_its_own_that_knows_its_parent(on_disk, tmp_path):
    history = open_history(tmp_path) if on_disk else InMemory()
    searcher = Counts()
    sweep = forked(history, searcher)
    report(sweep, 0, 3, 0.6)
    member = sweep.next()
    record = member.record
    assert (record.number, record.parent, record.forked_at) == (2, 0, 3)
    assert (member.restore_from, member.forked) == ("3", True)
    assert record.config["learning_rate"] == pytest.approx(0.01 / 3)
    assert record.epoch == 3
    assert not report(sweep, 2, 4, 0.7).continues, "it ends at the epoch at which all end"
    sweep.free(2)
    assert record.outcome is Outcome.COMPLETED
    assert sweep.trials.best()[0].number == 2
    assert searcher.heard == {0, 1}, "its values are not those of its configuration alone"
    assert sweep.next() is None, "forks do not count as trials, and both of these have run"
    assert not sweep.finished
    stored = history.records()[2]
    assert (stored.parent, stored.forked_at, stored.epoch) == (0, 3, 4)
    assert stored.config == record.config


def test_what_a_fork_goes_on_from_ends_with_who_started_afresh():
    def of(number, parent, at, rate):
        return TrialRecord(number, {"learning_rate": rate}, 0, parent=parent, forked_at=at)

    records = {
        0: of(0, None, 0, 0.1),
        1: of(1, 0, 0, 0.2),
        2: of(2, 1, 3, 0.3),
        3: of(3, 2, 5, 0.3),
    }
    assert ancestors(records[0], records) == []
    assert ancestors(records[1], records) == [], "its parent had no checkpoint"
    chain = ancestors(records[3], records)
    assert chain == [records[1], records[2]]
    assert schedule(chain, records[3]) == [
        "trial 1 to epoch 3: learning_rate=0.2",
        "trial 2 to epoch 5: the same configuration",
    ]


@pytest.mark.parametrize(
    ("epochs", "saved", "forked_again"),
    [
        pytest.param(0, 3, True, id="killed before its first epoch"),
        pytest.param(1, 3, True, id="before its first checkpoint"),
        pytest.param(1, 4, False, id="after it"),
    ],
)
def test_a_fork_goes_on_in_another_session(epochs, saved, forked_again):
    history = InMemory()
    sweep = forked(history)
    report(sweep, 0, 3, 0.6)
    sweep.next()
    for epoch in range(4, 4 + epochs):
        report(sweep, 2, epoch, 0.7)
    scheduler = ForksOnce()
    options = {"scheduler": scheduler, "max_epochs": 9, "trials": 2}
    at = {0: 3, 1: 2, 2: saved}
    again = resumed(history, checkpoint=lambda r: (str(at[r.number]), at[r.number]), **options)
    assert scheduler.started == [(0, None), (1, None), (2, 0)]
    assert again.next().record.number == 0
    member = again.next()
    assert member.record.number == 2
    assert (member.restore_from, member.forked) == (str(saved), forked_again)

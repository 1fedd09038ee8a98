"""The conductor shows running trials to the searcher, in a resumed sweep too."""

import math

import pytest
from without_ray import CONDITIONAL, accuracy, conductor, report, resumed, run_trial

from pipelines.engine.schedulers import Asha
from pipelines.engine.searchers import HyperOpt, Optuna, Parzen
from pipelines.engine.searchers.base import Searcher

MODELS = [Parzen(startup_trials=4), Optuna(startup_trials=4), HyperOpt(startup_trials=4)]


def some_trials(folder, options):
    """Six trials that ended and one that is running, with two epochs that beat them all."""
    sweep = conductor(folder, searcher=options, scheduler=Asha(), space=CONDITIONAL, trials=30)
    for _ in range(6):
        ended = len(sweep.records)
        run_trial(sweep, [accuracy({"learning_rate": 10 ** (-ended / 3)}, e) for e in (1, 2)])
    number = sweep.next().record.number
    for epoch in (1, 2):
        assert report(sweep, number, epoch, 1.0 + epoch).goes_on
    return sweep


@pytest.mark.parametrize("options", MODELS, ids=lambda o: type(o).__name__)
def test_a_resumed_sweep_proposes_what_the_uninterrupted_one_would(tmp_path, options):
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = some_trials(tmp_path / "whole", options)
    some_trials(tmp_path / "cut", options)
    again = resumed(
        tmp_path / "cut", searcher=options, scheduler=Asha(), space=CONDITIONAL, trials=30
    )
    for _ in range(len(again._waiting)):
        again.next()  # those that were running go on first
    assert again.next().record.config == whole.next().record.config


class Listener(Searcher):
    """Notes what it is shown."""

    def __init__(self):
        super().__init__(CONDITIONAL, mode="max", seed=0)
        self.shown = []

    def ask(self, number, attempt=0):
        return CONDITIONAL.fill({"units": number + 1})

    def report(self, number, epoch, value):
        self.shown.append((number, epoch, value))

    def build(self, space, *, mode, seed):
        return self


def test_each_finite_epoch_is_shown_once(tmp_path):
    listener = Listener()
    sweep = conductor(tmp_path, searcher=listener, space=CONDITIONAL)
    number = sweep.next().record.number
    for epoch, value in ((1, 0.1), (2, math.nan), (3, 0.3), (3, 0.3)):
        report(sweep, number, epoch, value)
    assert listener.shown == [(0, 1, 0.1), (0, 3, 0.3)]
    again = Listener()
    resumed(tmp_path, searcher=again, space=CONDITIONAL)
    assert again.shown == [(0, 1, 0.1), (0, 3, 0.3)]

"""The controller shows running trials to the searcher, in a resumed sweep too."""

import math

import pytest
from without_ray import CONDITIONAL, METRIC, UP, OneByOne, plan

from caviar.schedulers import Asha
from caviar.searchers import HyperOpt, Optuna, Parzen
from caviar.searchers.base import Searcher
from caviar.store.history import History

MODELS = [Parzen(startup_trials=4), Optuna(startup_trials=4), HyperOpt(startup_trials=4)]


def sweep(folder, searcher):
    folder.mkdir(exist_ok=True)
    return OneByOne(
        plan(trials=30),
        space=CONDITIONAL,
        searcher=searcher,
        scheduler=Asha().build(max_epochs=9, seed=0),
        history=History(folder, name="sweep", objective=UP),
    )


def resumed(folder, searcher):
    again = sweep(folder, searcher)
    again.replay(again._history.records())
    return again


def report(controller, number, epoch, value):
    metrics = {METRIC: value}
    return controller.trained(number, epoch, metrics, done=epoch == 9, diverged=False)


def some_trials(folder, options):
    """The default, which runs on, five that stop at once, and one that runs and leads."""
    controller = sweep(folder, options.build(CONDITIONAL, mode="max", seed=0))
    for number, best in enumerate([0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.9]):
        assert controller.next().record.number == number
        goes_on = report(controller, number, 1, best).continues
        assert goes_on == (number in (0, 6))
        if not goes_on:
            controller.free(number)
    assert report(controller, 6, 2, 0.95).continues
    return controller


@pytest.mark.parametrize("options", MODELS, ids=lambda o: type(o).__name__)
def test_a_resumed_sweep_proposes_what_the_uninterrupted_one_would(tmp_path, options):
    whole = some_trials(tmp_path / "whole", options)
    some_trials(tmp_path / "cut", options)
    again = resumed(tmp_path / "cut", options.build(CONDITIONAL, mode="max", seed=0))
    # Those that were running go on first.
    assert [again.next().record.number for _ in range(2)] == [0, 6]
    assert again.next().record.config == whole.next().record.config


class Listener(Searcher):
    """Notes what it is shown."""

    def __init__(self):
        super().__init__(CONDITIONAL, mode="max", seed=0)
        self.shown = []

    def suggest(self, number, attempt=0):
        return CONDITIONAL.fill({"units": number + 1})

    def report(self, number, epoch, value):
        self.shown.append((number, epoch, value))

    def register(self, number, config):
        self.shown.append((number, config["units"]))


def test_each_finite_epoch_is_shown_once_and_after_the_configuration(tmp_path):
    listener = Listener()
    controller = sweep(tmp_path, listener)
    number = controller.next().record.number
    for epoch, value in ((1, 0.1), (2, math.nan), (3, 0.3), (3, 0.3)):
        report(controller, number, epoch, value)
    assert listener.shown == [(0, 8), (0, 1, 0.1), (0, 3, 0.3)]
    again = Listener()
    resumed(tmp_path, again)
    assert again.shown == listener.shown

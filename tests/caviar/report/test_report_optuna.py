"""The figures that Optuna has: drawn by it, with the trials of the sweep where they belong."""

from __future__ import annotations

import doctest
import importlib
import math

import pytest
from made_up import SPACE, facts, sampled, trial
from without_ray import METRIC

from caviar.report import figures_space, figures_time, optuna_figures
from caviar.report.importance import importances
from caviar.report.landscape import position
from search_spaces import Float, SearchSpace

DRAWN = [
    "plot_slice",
    "plot_contour",
    "plot_parallel_coordinate",
    "plot_param_importances",
    "plot_intermediate_values",
]


@pytest.fixture(scope="module")
def told():
    return facts(*sampled(60), space=SPACE)


def five_digits(value):
    return float(f"{value:.5g}")


def test_the_figures_are_optunas(told, monkeypatch):
    called = []

    def spied(name, real):
        return lambda *args, **options: called.append(name) or real(*args, **options)

    module = importlib.import_module("optuna.visualization")  # optuna.visualization is lazy
    for name in DRAWN:
        monkeypatch.setattr(module, name, spied(name, getattr(module, name)))
    found = importances(told)
    figures_space.slice_of(told, SPACE["dropout"])
    figures_space.contour(told, SPACE["learning_rate"], SPACE["momentum"])
    figures_space.parallel(told, found)
    figures_space.importance_bars(found)
    figures_time.curves(told)
    assert list(dict.fromkeys(called)) == DRAWN


def test_a_slice_has_every_trial_in_its_place_and_the_later_the_stronger(told):
    drawn = figures_space.slice_of(told, SPACE["momentum"])["data"]
    scores = told.scores()
    seen = []
    for trace in drawn:
        for x, y, (number, value) in zip(trace["x"], trace["y"], trace["customdata"], strict=True):
            momentum = told.trials[number].config["momentum"]
            assert x == five_digits(position(SPACE["momentum"], momentum))
            assert y == five_digits(scores[number])
            assert float(value) == pytest.approx(momentum, rel=1e-3)
            seen.append(number)
    assert sorted(seen) == sorted(scores)
    rest = drawn[0]
    assert rest["marker"]["color"] == sorted(rest["marker"]["color"])
    assert [number for number, _ in rest["customdata"]] == sorted(n for n, _ in rest["customdata"])


def test_a_line_runs_through_the_places_of_its_trial(told):
    found = importances(told)
    parameters = figures_space.order(told, found)
    drawn = figures_space.parallel(told, found)
    assert drawn["layout"]["xaxis"]["ticktext"] == [METRIC, *(p.name for p in parameters)]
    ranking = told.trials.leaders()
    numbers = []
    for trace in reversed(drawn["data"]):
        crossings = {}
        for x, y, number in zip(trace["x"], trace["y"], trace["customdata"], strict=True):
            if number is not None:
                crossings.setdefault(number, {})[x] = y
        numbers += crossings
        for number, at in crossings.items():
            assert list(at) == list(range(len(parameters) + 1))
            config = told.trials[number].config
            for axis, parameter in enumerate(parameters, start=1):
                place = optuna_figures.ABSENT
                if parameter.name in config:
                    place = position(parameter, config[parameter.name])
                few = parameter.name in ("batch_size", "layers", "decay_on")
                expected = (place + 0.12) / 1.12
                assert at[axis] == pytest.approx(expected, abs=0.03 if few else 1e-4)
    assert numbers == ranking  # the best tenth first
    heights = {note["text"]: note["y"] for note in drawn["layout"]["annotations"]}
    assert heights["0.999"] == 1.0  # the upper end of the momentum
    assert heights["128"] == 1.0


def test_a_score_beyond_the_span_is_drawn_at_its_end():
    """One loss of a million would press all others flat."""
    values = [*[0.5 + n / 100 for n in range(60)], 1e6]
    told = facts(*(trial(n, [value]) for n, value in enumerate(values)), mode="min")
    drawn = figures_space.parallel(told, [])
    heights = [
        y for trace in drawn["data"] for x, y in zip(trace["x"], trace["y"], strict=True) if x == 0
    ]
    assert len(heights) == 61
    assert min(heights) == five_digits(0.12 / 1.12)
    assert max(heights) == 1.0
    assert sorted(heights)[30] == pytest.approx((0.5 + 0.12) / 1.12, abs=0.03)


def test_a_contour_has_a_cell_for_each_pair_of_places_and_no_more_than_forty_each_way(told):
    many = facts(*sampled(300), space=SPACE)
    for some in (told, many):
        surface, points = figures_space.contour(some, SPACE["learning_rate"], SPACE["momentum"])[
            "data"
        ][:2]
        assert len(surface["x"]) <= 43
        assert len(surface["y"]) <= 43
        filled = [z for row in surface["z"] for z in row if z is not None]
        scores = sorted(some.scores().values())
        assert scores[0] <= min(filled) <= max(filled) <= scores[-1]
        assert len(filled) <= len(points["x"]) == len(scores)


def test_no_contour_where_all_trials_share_a_value():
    space = SearchSpace("flat", [Float(name=n, low=0.0, high=1.0, default=0.5) for n in "ab"])
    same = [trial(n, [0.1 * n], {"a": 0.5, "b": n / 20}) for n in range(15)]
    assert figures_space.contour(facts(*same, space=space), space["a"], space["b"]) is None


def test_the_bars_are_what_was_measured(told):
    found = importances(told)
    bars = figures_space.importance_bars(found)["data"][0]
    assert bars["y"] == [one.name for one in found][::-1]  # the first at the top
    assert bars["x"] == [five_digits(one.share) for one in reversed(found)]
    assert bars["error_x"]["array"] == [five_digits(one.error) for one in reversed(found)]


def test_a_curve_without_a_value_has_a_gap():
    told = facts(
        trial(0, [0.5, math.nan, 0.7]), trial(1, [math.nan], outcome="diverged"), trial(2, [])
    )
    drawn = {
        (trace["legendgroup"], trace["mode"]): trace
        for trace in figures_time.curves(told)["data"]
        if "legendgroup" in trace
    }
    assert drawn["completed", "lines"]["y"] == [0.5, None, 0.7, None]
    assert drawn["completed", "markers"]["x"] == [3]
    assert drawn["diverged", "lines"]["y"] == [None, None]
    assert drawn["diverged", "markers"]["x"] == []


def test_examples():
    assert doctest.testmod(optuna_figures).failed == 0

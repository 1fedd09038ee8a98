"""What the report works out, against answers worked by hand."""

from __future__ import annotations

import doctest
import importlib
import json
import math

import pytest
from made_up import SPACE, facts, finalist, found_of, sampled, trial, weight
from without_ray import LINE, METRIC

from caviar import Asha, HyperBand, NoStopping
from caviar.report import advice, figures_time, find_out, landscape
from caviar.report.figures_time import best_so_far, good_half
from caviar.report.importance import Agreement, agreement, importances
from caviar.report.workers import Span, schedule
from caviar.store.session import Session
from search_spaces import Choice, Float, Int, SearchSpace

NAN = math.nan

# Workers.


def test_trials_take_the_first_free_lane_and_idle_is_what_is_left():
    # two workers, 0 … 10 s: 4 + 6 on the first, 5 + 3 (from 6) on the second; 2 of 20 s are idle
    records = [
        trial(0, [], started=0.0, ended=4.0),
        trial(1, [], started=0.0, ended=5.0),
        trial(2, [], started=4.0, ended=10.0),
        trial(3, [], started=6.0, ended=9.0),
    ]
    found = schedule(facts(*records).trials)
    assert found.spans == (
        Span(0, 0.0, 4.0, 0),
        Span(1, 0.0, 5.0, 1),
        Span(2, 4.0, 10.0, 0),
        Span(3, 6.0, 9.0, 1),
    )
    assert (found.lanes, found.busy) == (2, 18.0)
    assert found.idle == pytest.approx(0.1)


def test_a_worker_that_never_had_a_trial_is_idle():
    found = schedule(facts(trial(0, [], started=1.0, ended=5.0)).trials, [Session(concurrent=4)])
    assert (found.lanes, found.idle) == (4, 0.75)


def test_a_trial_of_two_sessions_has_two_spans_and_the_night_between_is_not_idle():
    # 2 … 4 s in the first session (its last report), 100 … 103 s in the second
    record = trial(0, [0.1, 0.2, 0.3], ended=103.0)
    times = (3.0, 4.0, 102.0)
    record.reports = [
        type(one)(one.epoch, one.metrics, one.order, at)
        for one, at in zip(record.reports, times, strict=True)
    ]
    record.started = [2.0, 100.0]
    sessions = [Session(concurrent=1), Session(begin=50.0, concurrent=1)]
    found = schedule({0: record}, sessions)
    assert found.spans == (Span(0, 2.0, 4.0, 0), Span(0, 100.0, 103.0, 0))
    assert (found.busy, found.idle) == (5.0, 0.0)


def test_a_history_without_times_has_no_schedule():
    record = trial(0, [0.5])
    record.started, record.ended = [], None
    found = schedule({0: record})
    assert (found.spans, found.lanes, found.busy, found.idle) == ((), 0, 0.0, None)


# The facts and the verdict.


def test_the_ranking_leaves_out_what_cannot_win():
    told = facts(
        trial(0, [0.5, 0.25]),
        trial(1, [0.9], outcome="failed"),
        trial(2, [0.9], outcome="diverged"),
        trial(3, [0.75, NAN], outcome="stopped_early"),
        trial(4, [NAN]),
        trial(5, [0.75]),
    )
    assert told.trials.leaders() == [3, 5, 0]
    assert told.scores() == {0: 0.5, 3: 0.75, 5: 0.75}
    assert (told.winner.number, told.baseline, told.trials.epochs) == (3, 0.5, 8)


def test_less_is_better():
    told = facts(trial(0, [0.5, 0.25]), trial(1, [0.75]), metric=METRIC, mode="min")
    assert told.trials.leaders() == [0, 1]


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        (Asha(), (1, 3)),
        (Asha(min_epochs=2), (2, 6)),
        (HyperBand(reduction_factor=2), (1, 2, 4, 8)),
        (NoStopping(), ()),
    ],
)
def test_rungs(scheduler, expected):
    assert facts(scheduler=scheduler).rungs == expected


def test_the_verdict_of_a_single_run():
    told = facts(
        trial(0, [0.25, 0.5], {"learning_rate": 0.01}),
        trial(1, [0.75], {"learning_rate": 0.125}, outcome="stopped_early"),
        cpus_per_trial=2,
    )
    found = found_of(told)
    assert (found.trial, found.epoch, found.score, found.baseline) == (1, 1, 0.75, 0.5)
    assert (found.gain, found.spread, found.changes) == (0.25, None, {"learning_rate": 0.125})
    assert found.device_hours == pytest.approx(3 * 2 / 3600)  # 2 s + 1 s on two CPUs each
    assert found.sentence == (
        f"Trial 1 wins (learning_rate 0.125): {METRIC} 0.7500 (one run, not checked with other "
        "seeds), 0.2500 better than the default configuration (0.5000), for 2 trials, 3 epochs and "
        "0.0017 CPU-hours."
    )


def test_the_verdict_of_checked_finalists():
    finalists = (
        finalist(2, {7: 0.75, 8: 0.5, 9: 1.0}),
        finalist(1, {7: 0.5, 8: 0.5, 9: 0.5}),
    )
    told = facts(
        trial(0, [0.5]),
        trial(1, [0.9]),
        trial(2, [0.8]),
        finalists=finalists,
        gpus_per_trial=1,
    )
    found = found_of(told)
    assert (found.trial, found.score, found.spread, found.seeds) == (2, 0.75, 0.25, 3)
    assert "(± 0.25 over 3 fresh seeds), 0.2500 better than" in found.sentence
    # variances 0.0625 and 0 over 2 + 2 degrees of freedom: t = 2.776, three runs against one
    assert found.chance == pytest.approx(2.776445 * math.sqrt(0.03125 * (1 / 3 + 1)))
    assert "configuration (0.5000), within the noise of the seeds, for" in found.sentence
    assert "GPU-hours" in found.sentence


def test_one_seed_has_no_spread():
    told = facts(trial(0, [0.5]), trial(1, [0.9]), finalists=(finalist(1, {7: 0.75}),))
    found = found_of(told)
    assert (found.score, found.spread, found.seeds) == (0.75, None, 1)
    assert f"{METRIC} 0.7500 (over 1 fresh seed), 0.2500 better than" in found.sentence


def test_a_default_that_is_a_finalist_is_compared_by_its_seeds():
    finalists = (
        finalist(1, {7: 0.76, 8: 0.75, 9: 0.74}),
        finalist(0, {7: 0.51, 8: 0.5, 9: 0.49}),
        finalist(2, {7: 0.1, 8: 0.9, 9: 0.3}),  # a wild one says nothing of these two
    )
    found = found_of(facts(trial(0, [0.7]), trial(1, [0.9]), trial(2, [0.9]), finalists=finalists))
    assert (found.baseline, found.baseline_seeds) == (0.5, 3)
    assert found.gain == pytest.approx(0.25)
    assert found.chance == pytest.approx(2.776445 * 0.01 * math.sqrt(2 / 3))
    said = "0.2500 better than the default configuration (0.5000 over 3 seeds), beyond the noise"
    assert said in found.sentence


def test_where_the_default_wins_the_finals_there_is_no_gain():
    finalists = (
        finalist(0, {7: 0.5, 8: 0.75}),
        finalist(1, {7: 0.5, 8: 0.5}),
    )
    found = found_of(facts(trial(0, [0.7]), trial(1, [0.9]), finalists=finalists))
    assert (found.trial, found.score, found.gain) == (0, 0.625, 0.0)
    expected = f"Nothing beat the default configuration, trial 0: {METRIC} 0.6250 (± 0.18 over 2 "
    assert found.sentence.startswith(expected)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (
            [trial(0, [0.5]), trial(1, [0.25])],
            "Nothing beat the default configuration, trial 0: val",
        ),
        ([trial(0, [NAN], outcome="diverged"), trial(1, [0.25])], "has no score to compare with"),
    ],
)
def test_the_verdict_against_the_default(records, expected):
    assert expected in found_of(facts(*records)).sentence


def test_no_verdict_without_a_score():
    assert found_of(facts(trial(0, [NAN], outcome="diverged"))) is None
    assert found_of(facts()) is None


def test_best_so_far_counts_epochs_of_all_trials_and_leaves_failures_out():
    first, second = trial(0, [0.25, 0.5]), trial(1, [0.9, NAN], outcome="failed")
    third = trial(2, [0.5, 0.75])
    found = best_so_far(facts(first, second, third))
    assert [(r.metrics[METRIC], number, epochs) for r, number, epochs in found] == [
        (0.25, 0, 1),
        (0.5, 0, 2),
        (0.75, 2, 6),
    ]


@pytest.mark.parametrize(
    ("baseline", "mode", "expected"),
    [
        # the better half of 0.1, 0.5, 0.6, 0.8, 1.0 ends at 0.6 … 1.0; room is a twentieth of it
        (0.8, "max", [0.58, 1.02]),
        (0.5, "max", [0.478, 1.02]),  # the default is shown wherever it is
        (0.8, "min", [0.075, 0.8275]),  # less is better: 0.1 … 0.6, then the default
    ],
)
def test_the_axis_shows_the_better_half_and_the_default(baseline, mode, expected):
    others = {0.1, 0.5, 0.6, 0.8, 1.0} - {baseline}
    records = [trial(n, [v]) for n, v in enumerate([baseline, *sorted(others)])]
    assert good_half(facts(*records, mode=mode)) == pytest.approx(expected)


# The landscape.


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("learning_rate", 0.01, 0.5),
        ("learning_rate", 1.0, 1.0),
        ("momentum", 0.99, 0.5),
        ("batch_size", 64, 0.5),
        ("layers", 4, 1.0),
        ("dropout", 0.125, 0.25),
        ("decay_on", True, 1.0),
    ],
)
def test_positions_are_on_the_own_scale(name, value, expected):
    assert landscape.position(SPACE[name], value) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "learning_rate",
            [(0, "0.0001"), (0.25, "0.001"), (0.5, "0.01"), (0.75, "0.1"), (1, "1")],
        ),
        ("momentum", [(0, "0.9"), (0.5, "0.99"), (1, "0.999")]),
        ("batch_size", [(0, "32"), (0.5, "64"), (1, "128")]),
        ("layers", [(0, "2"), (0.5, "3"), (1, "4")]),
        ("dropout", [(0, "0"), (0.25, "0.125"), (0.5, "0.25"), (0.75, "0.375"), (1, "0.5")]),
    ],
)
def test_ticks_are_natural_values(name, expected):
    found = landscape.ticks(SPACE[name])
    assert [text for _, text in found] == [text for _, text in expected]
    assert [place for place, _ in found] == pytest.approx([place for place, _ in expected])


def rates(*values, parameter=None):
    """A sweep whose trials have these learning rates, the first the best, then falling."""
    space = SearchSpace("s", [parameter]) if parameter else LINE
    name = space.names[0]
    return facts(
        *(trial(i, [1 - i / 100], {name: value}) for i, value in enumerate(values)), space=space
    )


HIGH = [0.9, 0.8, 0.95, 0.7, 0.02]
MIDDLE = [0.01] * 5


def test_a_range_that_the_best_press_against():
    (edge,) = landscape.edges(rates(*HIGH, *[0.001] * 20))
    assert (edge.name, edge.is_upper, edge.at_edge, edge.of) == ("learning_rate", True, 4, 5)
    assert edge.suggested == 10  # 1 · (1 / 1e-4) ^ 0.25
    assert edge.what == "Widen learning_rate upwards (beyond 1, to 10 say)"
    assert edge.why == "the best trial and 4 of the best 5 lie at that end of its range"


@pytest.mark.parametrize(
    ("parameter", "values", "expected"),
    [
        (None, [0.01, *HIGH[1:]], []),  # the best itself does not
        (None, [0.9, 0.95, 0.01, 0.01, 0.01], []),  # too few of the good ones
        (None, [0.9, 0.9, 0.9, 0.9], []),  # too few trials at all
        (None, [2e-4] * 5, [(False, 1e-05)]),
        # a share cannot be below 0, nor a number of layers below 1
        (Float(name="dropout", low=0.0, high=0.5), [0.0] * 5, []),
        (Float(name="dropout", low=0.0, high=0.5), [0.5] * 5, [(True, 0.62)]),
        (Int(name="layers", low=1, high=4), [1] * 5, []),
        (Int(name="layers", low=2, high=4), [4] * 5, [(True, 5)]),
        (Int(name="layers", low=2, high=4), [4, 4, 4, 3, 2], [(True, 5)]),
        (Int(name="layers", low=2, high=3), [3, 3, 3, 2, 2], []),  # of two, half are at an end
        (
            Float(name="momentum", low=0.9, high=0.999, scale="log1m"),
            [0.999] * 5,
            [(True, 0.99968)],
        ),
        (Choice(name="c", options=[1, 2, 3]), [3] * 5, []),
    ],
)
def test_edges(parameter, values, expected):
    found = landscape.edges(rates(*values, parameter=parameter))
    assert [(edge.is_upper, edge.suggested) for edge in found] == expected


def test_the_smoothed_surface_is_the_mean_of_what_is_near():
    # the second lies on the first; the third eight standard deviations away
    found = landscape.smoothed([0.0, 0.0, 1.0], [0.5, 0.5, 0.5], [1.0, 2.0, 3.0])
    assert found == pytest.approx([1.5, 1.5, 3.0], abs=1e-9)
    # at one standard deviation a neighbour counts exp(-1/2) = 0.60653
    found = landscape.smoothed([0.0, 0.0], [0.5, 0.62], [1.0, 2.0])
    assert found == pytest.approx([(1 + 2 * 0.60653) / 1.60653, (2 + 0.60653) / 1.60653], abs=1e-5)


# Importance.


def test_importance_finds_what_matters_and_its_error_is_small_there():
    found = importances(facts(*sampled(120, stop=False), space=SPACE))
    assert [one.name for one in found[:2]] == ["learning_rate", "momentum"]
    assert sum(one.share for one in found) == pytest.approx(1.0)
    first, second = found[:2]
    assert first.share > 0.5
    assert first.share - 2 * first.error > second.share
    assert {one.name: one.tier for one in found}["layers"] == 3
    assert all(0 <= one.share <= 1 and one.error >= 0 for one in found)
    assert second.among_best > 2 * second.share  # what the momentum decides where the rate is good


def test_importance_is_the_same_each_time():
    told = facts(*sampled(40), space=SPACE)
    found = importances(told)
    assert found == importances(told)
    assert all(one.among_best is not None for one in found)  # 20 of 40 are enough
    assert all(one.among_best is None for one in importances(facts(*sampled(39), space=SPACE)))


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_trials_for_importances(count):
    assert importances(facts(*sampled(count), space=SPACE)) == []


def test_equal_trials_have_no_importances():
    assert importances(facts(*(trial(n, [0.5], outcome="failed") for n in range(30)))) == []


def test_agreement_counts_pairs_beyond_their_error():
    found = agreement(
        [
            weight("rate", 0.5, 0.03, 1),
            weight("depth", 0.3, 0.04, 3),  # 0.2 below the rate: 4 standard errors of 0.05
            weight("batch", 0.1, 0.03, 2),  # documented before the depth, 0.2 below it
            weight("decay", 0.05, 0.1, 4),
            weight("dropout", 0.05, 0.0, None),
        ]
    )
    # rate > depth, rate > batch, rate > decay (0.45, error 0.104); depth > batch is the other way
    # round; depth - decay 0.25 with 0.108, confirmed; batch - decay 0.05 with 0.104, unclear
    assert found == Agreement(confirmed=4, contradicted=(("depth", "batch"),), unclear=1)


@pytest.mark.parametrize("name", ["advice", "drawing", "page", "statistics", "verdict"])
def test_the_examples_in_the_docstrings(name):
    module = importlib.import_module(f"caviar.report.{name}")
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


def test_no_finding_hangs_on_how_an_outcome_or_a_cost_is_worded(monkeypatch):
    """Reworded, the sweep has the same findings, and the figures have the same data."""
    records = [
        trial(0, [0.5, 0.5]),
        *(trial(n, [0.1 * n], outcome="stopped_early") for n in range(1, 6)),
        *(trial(n, [math.nan], {"learning_rate": 0.9}, outcome="diverged") for n in (6, 7)),
        *(trial(n, [], outcome="failed", error=f"ValueError: {n}") for n in (8, 9)),
    ]

    def found():
        told = facts(*records)
        findings = find_out(told)
        figures = (figures_time.curves(told), figures_time.workers(told, findings.schedule))
        drawn = [(t["x"], t["y"], t.get("legendgroup")) for f in figures for t in f["data"]]
        kinds = [(one.kind, one.weight) for one in findings.advice]
        return findings.verdict, kinds, json.dumps(drawn)

    before = found()
    monkeypatch.setattr(figures_time, "how_it_ended", lambda outcome: "it is over: no, yes")
    monkeypatch.setattr(advice, "_trials", lambda count: f"reworded, {count}: all")
    monkeypatch.setattr(advice, "show", lambda value: "some, value")
    assert found() == before

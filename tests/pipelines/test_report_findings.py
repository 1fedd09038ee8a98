"""What the report works out, against answers worked by hand."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import math
import shlex

import pytest
from made_up import SPACE, facts, sampled, trial
from without_ray import CONDITIONAL, LINE, METRIC

from pipelines import Sweep
from pipelines.engine import Asha, HyperBand, NoStopping, loading
from pipelines.engine.causes import causes
from pipelines.engine.report import advice, landscape
from pipelines.engine.report.facts import Finalist
from pipelines.engine.report.figures_time import best_so_far
from pipelines.engine.report.importance import Agreement, Importance, agreement, importances
from pipelines.engine.report.statistics import rank_correlation, ranks, separation
from pipelines.engine.report.verdict import verdict
from pipelines.engine.report.workers import Span, schedule
from search_spaces import Choice, Float, Int, SearchSpace

NAN = math.nan

# Statistics.


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 2, 3], [10, 20, 30], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 3, 4, 5], [1, 2, 3, 5, 4], 0.9),  # 1 - 6 · 2 / (5 · 24)
        ([1, 1, 2], [1, 2, 3], round(math.sqrt(3) / 2, 12)),  # ranks 1.5, 1.5, 3
        ([1, 2], [1, 2], None),
        ([1, 1, 1], [1, 2, 3], None),
        ([1, 2, 3], [7, 7, 7], None),
    ],
)
def test_rank_correlation(a, b, expected):
    assert rank_correlation(a, b) == expected


def test_ranks_share_the_mean_of_equals():
    assert ranks([5.0, 1.0, 5.0, 5.0, 9.0]).tolist() == [3.0, 1.0, 3.0, 3.0, 5.0]


@pytest.mark.parametrize(
    ("among", "others", "expected"),
    [([3, 4], [1, 2], 1.0), ([1, 2], [3, 4], 0.0), ([1], [1], 0.5), ([1, 3], [2, 2], 0.5)],
)
def test_separation(among, others, expected):
    assert separation(among, others) == expected


# Workers.


def test_trials_take_the_first_free_lane_and_idle_is_what_is_left():
    # two workers, 0 … 10 s: 4 + 6 on the first, 5 + 3 (from 6) on the second; 2 of 20 s are idle
    records = [
        trial(0, [], started=0.0, ended=4.0),
        trial(1, [], started=0.0, ended=5.0),
        trial(2, [], started=4.0, ended=10.0),
        trial(3, [], started=6.0, ended=9.0),
    ]
    found = schedule(facts(*records).records)
    assert found.spans == (
        Span(0, 0.0, 4.0, 0),
        Span(1, 0.0, 5.0, 1),
        Span(2, 4.0, 10.0, 0),
        Span(3, 6.0, 9.0, 1),
    )
    assert (found.lanes, found.busy) == (2, 18.0)
    assert found.idle == pytest.approx(0.1)


def test_a_worker_that_never_had_a_trial_is_idle():
    found = schedule(
        facts(trial(0, [], started=1.0, ended=5.0)).records, [{"from": 0.0, "concurrent": 4}]
    )
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
    sessions = [{"from": 0.0, "concurrent": 1}, {"from": 50.0, "concurrent": 1}]
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
    assert told.ranking() == [3, 5, 0]
    assert told.scores() == {0: 0.5, 3: 0.75, 5: 0.75}
    assert (told.winner.number, told.baseline, told.epochs) == (3, 0.5, 8)


def test_less_is_better():
    told = facts(trial(0, [0.5, 0.25]), trial(1, [0.75]), metric=METRIC, mode="min")
    assert told.ranking() == [0, 1]


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


def found_of(told):
    return verdict(told, schedule(told.records, told.sessions))


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
        Finalist(trial=2, scores={7: 0.75, 8: 0.5, 9: 1.0}),
        Finalist(trial=1, scores={7: 0.5, 8: 0.5, 9: 0.5}),
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
    assert "GPU-hours" in found.sentence


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (
            [trial(0, [0.5]), trial(1, [0.25])],
            "which is the default configuration: nothing beat it",
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
    assert (edge.name, edge.direction, edge.at_edge, edge.of) == ("learning_rate", "upwards", 4, 5)
    assert edge.suggested == 10  # 1 · (1 / 1e-4) ^ 0.25
    assert edge.sentence == (
        "Widen learning_rate upwards (beyond 1, to 10 say): the best trial and 4 of the best 5 lie "
        "at that end of its range."
    )


@pytest.mark.parametrize(
    ("parameter", "values", "expected"),
    [
        (None, [0.01, *HIGH[1:]], []),  # the best itself does not
        (None, [0.9, 0.95, 0.01, 0.01, 0.01], []),  # too few of the good ones
        (None, [0.9, 0.9, 0.9, 0.9], []),  # too few trials at all
        (None, [2e-4] * 5, [("downwards", 1e-05)]),
        # a share cannot be below 0, nor a number of layers below 1
        (Float(name="dropout", low=0.0, high=0.5), [0.0] * 5, []),
        (Float(name="dropout", low=0.0, high=0.5), [0.5] * 5, [("upwards", 0.62)]),
        (Int(name="layers", low=1, high=4), [1] * 5, []),
        (Int(name="layers", low=2, high=4), [4] * 5, [("upwards", 5)]),
        (Int(name="layers", low=2, high=4), [4, 4, 4, 3, 2], [("upwards", 5)]),
        (Int(name="layers", low=2, high=3), [3, 3, 3, 2, 2], []),  # of two, half are at an end
        (
            Float(name="momentum", low=0.9, high=0.999, scale="log1m"),
            [0.999] * 5,
            [("upwards", 0.99968)],
        ),
        (Choice(name="c", options=[1, 2, 3]), [3] * 5, []),
    ],
)
def test_edges(parameter, values, expected):
    found = landscape.edges(rates(*values, parameter=parameter))
    assert [(edge.direction, edge.suggested) for edge in found] == expected


def test_the_smoothed_surface_is_the_mean_of_what_is_near():
    grid, rows = landscape.smoothed([0.0, 1.0], [0.5, 0.5], [1.0, 3.0], size=5)
    assert grid == [0, 0.25, 0.5, 0.75, 1.0]
    middle = rows[2]
    assert middle[0] == pytest.approx(1.0, abs=1e-9)
    assert middle[4] == pytest.approx(3.0, abs=1e-9)
    assert middle[2] is None  # four standard deviations from both
    assert rows[0][0] is None


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


def weight(name, share, error, tier):
    return Importance(name, share, error, share, tier)


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


# Advice.


def said(generator):
    return [(one.text, one.evidence) for one in generator]


def test_no_advice_where_all_is_well():
    told = facts(trial(0, [0.5]), trial(1, [0.75]))
    assert advice.advise(told, schedule(told.records), [], found_of(told)) == []


def test_failures_by_cause():
    told = facts(
        trial(0, [0.5]),
        trial(1, [], outcome="failed", error="ValueError: size 7"),
        trial(2, [], outcome="failed", error="KeyError: 'x'"),
        trial(3, [], outcome="failed", error="ValueError: size 12"),
    )
    found = causes(told.records)
    assert [(cause.error, cause.trials) for cause in found] == [
        ("ValueError: size 7", (1, 3)),
        ("KeyError: 'x'", (2,)),
    ]
    assert said(advice.failures(told)) == [
        (
            "Look at why 3 trials of 4 failed: the traceback of trial 1 is in the report and "
            "under errors/.",
            "2 of them: ValueError: size 7",
        )
    ]


def test_one_failure_of_many_is_no_advice():
    records = [trial(n, [0.5]) for n in range(99)]
    told = facts(*records, trial(99, [], outcome="failed", error="OSError"))
    assert said(advice.failures(told)) == []


def test_what_diverges():
    good = [trial(n, [0.5], {"learning_rate": 0.001 * (1 + n)}) for n in range(8)]
    bad = [
        trial(8 + n, [NAN], {"learning_rate": 0.3 * (1 + n)}, outcome="diverged") for n in range(3)
    ]
    assert said(advice.divergence(facts(*good, *bad))) == [
        (
            "Move the upper bound of learning_rate inwards: 3 trials of 11 diverged.",
            "They have a high learning_rate, 0.6 in the middle; it tells them from the others in "
            "100%.",
        )
    ]
    mixed = [
        trial(8 + n, [NAN], {"learning_rate": 0.001 * (1 + 4 * n)}, outcome="diverged")
        for n in range(3)
    ]
    ((text, _),) = said(advice.divergence(facts(*good, *mixed)))
    assert text.startswith("3 trials of 11 diverged: no single parameter says which")


def test_the_noise_of_a_reading():
    # second half of nine epochs: five values, four differences of 0.01 each; two trials make eight
    wobble = [0.1, 0.2, 0.3, 0.4, 0.5, 0.51, 0.5, 0.51, 0.5]
    told = facts(trial(0, wobble), trial(1, wobble))
    assert advice.reading_noise(told) == pytest.approx(1.4826 * 0.01 / math.sqrt(2))
    assert advice.reading_noise(facts(trial(0, wobble))) is None


@pytest.mark.parametrize(
    ("best", "advised"),
    [(0.52, True), (0.6, False)],  # noise 0.0105: twice that is 0.021
)
def test_a_gain_within_the_noise(best, advised):
    wobble = [0.1, 0.2, 0.3, 0.4, 0.49, 0.5, 0.49, 0.5, 0.49]
    told = facts(trial(0, wobble), trial(1, wobble), trial(2, [best], outcome="stopped_early"))
    found = said(advice.noise(told, found_of(told)))
    assert bool(found) is advised
    if advised:
        assert found[0][1] == (
            "It is 0.02, and one epoch's value moves by 0.01 from one to the next, and it ran once."
        )


@pytest.mark.parametrize(
    ("scores", "advised"),
    [({1: 0.5, 2: 0.75, 3: 1.0, 4: 0.75}, True), ({1: 0.74, 2: 0.75, 3: 0.76, 4: 0.75}, False)],
)
def test_a_gain_within_the_spread_over_seeds(scores, advised):
    # the first: 0.75 ± 0.204, so ± 0.102 for the mean of four; the gain 0.15 is below twice that
    told = facts(trial(0, [0.6]), trial(1, [0.9]), finalists=(Finalist(trial=1, scores=scores),))
    assert bool(said(advice.noise(told, found_of(told)))) is advised


def early(*, late_follows):
    """30 trials: 20 stopped at once, ten go on whose order there is kept or mixed at the end."""
    mixed = [5, 0, 8, 3, 9, 1, 7, 2, 6, 4]
    records = [trial(n, [0.1], outcome="stopped_early") for n in range(20)]
    for n in range(10):
        end = n if late_follows else mixed[n]
        records.append(trial(20 + n, [0.2 + n / 100, 0.3, 0.5 + end / 100]))
    return facts(*records)


def test_a_first_rung_that_says_little():
    told = early(late_follows=False)
    # Spearman of 0 … 9 with the mixed order: 1 - 6 · Σd² / (10 · 99), Σd² = 158
    assert said(advice.early_stops(told)) == [
        (
            "Judge later, with --scheduler.min-epochs 3: the first rung stops most trials and says "
            "little of how they would end.",
            "20 of 30 trials stopped at epoch 1; among the 10 that went on, the order there and at "
            "their last epoch correlates by 0.04.",
        )
    ]
    assert said(advice.early_stops(early(late_follows=True))) == []


def test_few_early_stops_are_no_advice():
    records = list(early(late_follows=False).records.values())[15:]
    assert said(advice.early_stops(facts(*records))) == []


def test_idle_workers():
    records = [trial(n, [], started=10.0 * n, ended=10.0 * n + 4) for n in range(10)]
    told = facts(*records)
    ((text, evidence),) = said(advice.idle_workers(told, schedule(told.records)))
    assert text.startswith("The workers waited")
    assert evidence.startswith("1 workers were idle 57% of the time")  # 40 of 94 s busy


def test_a_parameter_without_effect():
    told = facts(trial(0, [0.5]), space=CONDITIONAL)
    weights = [
        weight("learning_rate", 0.9, 0.1, 1),
        weight("units", 0.05, 0.05, 2),  # with its error 0.15: above half of a fair 0.2
        weight("layers", 0.03, 0.01, 3),
        weight("momentum", 0.0, 0.0, 2),  # conditional: its switch may matter
        weight("widths", 0.02, 0.0, 3),
    ]
    assert said(advice.without_effect(told, weights)) == [
        (
            "Search layers and widths no longer: --fix layers=2 'widths=[8]'.",
            "They explain less than 10% of the differences between trials, error included, and as "
            "little among the best ones.",
        )
    ]
    decides_among_the_good = dataclasses.replace(weights[2], among_best=0.5)
    unknown = dataclasses.replace(weights[4], among_best=None)
    assert said(advice.without_effect(told, [*weights[:2], decides_among_the_good, unknown])) == []


def test_five_at_most_the_weightiest_first():
    records = [
        *(trial(n, [0.5], {"learning_rate": 0.9}, started=100.0 * n) for n in range(20)),
        *(trial(20 + n, [], outcome="failed", error="OSError") for n in range(2)),
        *(trial(30 + n, [NAN], {"learning_rate": 1.0}, outcome="diverged") for n in range(8)),
    ]
    told = facts(*records)
    weights = [weight("learning_rate", 0.0, 0.0, 1)]
    found = advice.advise(told, schedule(told.records), weights, found_of(told))
    kinds = ["failures", "range edge", "divergence", "idle workers", "no effect"]
    assert [one.kind for one in found] == kinds


@pytest.mark.parametrize("name", ["decay_on", "learning_rate", "kind", "shape", "number"])
def test_what_is_advised_can_be_typed(name):
    options = {"kind": ["a b", "c"], "shape": [[1, 2], [3]], "number": ["1", "2"]}
    choices = [Choice(name=n, options=values) for n, values in options.items()]
    space = SearchSpace("s", [SPACE["learning_rate"], SPACE["decay_on"], *choices])
    value = space.default()[name]
    (typed,) = shlex.split(advice._fix(name, value))
    assert loading.load_space(Sweep(space=space, fix=(typed,)))[name].default == value


@pytest.mark.parametrize("name", ["advice", "drawing", "page", "statistics", "verdict"])
def test_the_examples_in_the_docstrings(name):
    module = importlib.import_module(f"pipelines.engine.report.{name}")
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0

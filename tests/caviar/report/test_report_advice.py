"""What the report advises, against answers worked by hand."""

from __future__ import annotations

import dataclasses
import math
import shlex

import pytest
from made_up import SPACE, facts, finalist, found_of, trial, weight
from without_ray import CONDITIONAL

from caviar import Sweep
from caviar.base.failures import failure_groups
from caviar.driver import loading
from caviar.report import advice
from caviar.report.workers import schedule
from caviar.store.session import Session
from search_spaces import Choice, SearchSpace

NAN = math.nan


def said(generator):
    return [(one.text, one.evidence) for one in generator]


def test_no_advice_where_all_is_well():
    told = facts(trial(0, [0.5]), trial(1, [0.75]))
    assert advice.advise(told, schedule(told.trials), [], found_of(told)) == []


def test_failures_by_cause():
    told = facts(
        trial(0, [0.5]),
        trial(1, [], outcome="failed", error="ValueError: size 7"),
        trial(2, [], outcome="failed", error="KeyError: 'x'"),
        trial(3, [], outcome="failed", error="ValueError: size 12"),
    )
    found = failure_groups(told.trials)
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
    ("scores", "seeds"),
    [
        # s² = 1/24, f = 3, t = 3.182: chance makes 0.65 of one run alone, the gain is 0.15
        (
            {1: 0.5, 2: 0.75, 3: 1.0, 4: 0.75},
            "the default ran once, which may be off by as much. caviar retrain 'made up' --trial 0 "
            "--on train --seed 1 runs it again.",
        ),
        # s² = 0.0072 / 3: 0.1559 of one run alone
        ({1: 0.69, 2: 0.75, 3: 0.81, 4: 0.75}, "the default ran once"),
        # s² = 0.005618 / 3: 0.1377 of one run alone, 0.1540 of four and one; beyond it from
        # 1 / ((0.15 / 0.1377)² - 1) = 5.4 seeds
        ({1: 0.697, 2: 0.75, 3: 0.803, 4: 0.75}, "--final-seeds 6 would tell the winner"),
        # s² = 0.005 / 3: chance makes 0.1453
        ({1: 0.7, 2: 0.75, 3: 0.8, 4: 0.75}, None),
        ({1: 0.74, 2: 0.75, 3: 0.76, 4: 0.75}, None),
    ],
)
def test_a_gain_within_the_spread_over_seeds(scores, seeds):
    told = facts(trial(0, [0.6]), trial(1, [0.9]), finalists=(finalist(1, scores),))
    found = said(advice.noise(told, found_of(told)))
    assert bool(found) is (seeds is not None)
    if found:
        assert seeds in found[0][0]


def test_a_gain_that_no_number_of_seeds_would_tell():
    # s = 0.1, f = 4: 0.2776 of one run; 2 · (0.2776 / 0.05)² = 61.7 seeds on both sides
    finalists = (
        finalist(1, {1: 0.55, 2: 0.65, 3: 0.75}),
        finalist(0, {1: 0.5, 2: 0.6, 3: 0.7}),
    )
    told = facts(trial(0, [0.6]), trial(1, [0.9]), finalists=finalists)
    ((text, _),) = said(advice.noise(told, found_of(told)))
    assert "it would take more than 30 seeds of both" in text


def test_how_many_seeds_would_tell():
    # s = 0.1 in both, f = 4: chance 2.776 · 0.1 · sqrt(2 / 3) = 0.2267; the gain is 0.1, and
    # 3 · (0.2267 / 0.1)² = 15.4 seeds on both sides
    finalists = (
        finalist(1, {1: 0.6, 2: 0.7, 3: 0.8}),
        finalist(0, {1: 0.5, 2: 0.6, 3: 0.7}),
    )
    told = facts(trial(0, [0.6]), trial(1, [0.9]), finalists=finalists)
    ((text, evidence),) = said(advice.noise(told, found_of(told)))
    assert "--final-seeds 16 would tell the winner from the default" in text
    assert evidence == (
        "It is 0.1 between the means of 3 and 3 runs, and by the spread over the seeds chance "
        "alone makes 0.23 of it once in twenty times."
    )
    assert said(advice.alike(told)) == [], "of the default the gain has said it"


@pytest.mark.parametrize(("second", "advised"), [([0.6, 0.7, 0.8], True), ([0.1, 0.2, 0.3], False)])
def test_two_finalists_that_their_seeds_do_not_tell_apart(second, advised):
    finalists = (
        finalist(2, dict(enumerate([0.65, 0.75, 0.85]))),
        finalist(1, dict(enumerate(second))),
    )
    told = facts(trial(0, [0.6]), trial(1, [0.9]), trial(2, [0.9]), finalists=finalists)
    found = said(advice.alike(told))
    assert bool(found) is advised
    if advised:  # chance: 2.776 · 0.1 · sqrt(2 / 3)
        assert found[0][0].startswith("Take trial 2 or trial 1, whichever is cheaper")
        assert "differ by 0.05, and chance alone makes 0.23" in found[0][1]
    assert said(advice.alike(facts(trial(0, [0.6]), finalists=finalists[:1]))) == []


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
    records = list(early(late_follows=False).trials.values())[15:]
    assert said(advice.early_stops(facts(*records))) == []


def test_idle_workers():
    records = [trial(n, [0.5], started=10.0 * n, ended=10.0 * n + 4) for n in range(10)]
    told = facts(*records)
    ((text, evidence),) = said(advice.idle_workers(told, schedule(told.trials)))
    assert text.startswith("The workers waited")
    assert evidence.startswith("1 workers were idle 57% of the time")  # 40 of 94 s busy


def test_before_the_first_epoch_workers_were_not_idle():
    told = facts(*[trial(n, [], started=10.0 * n, ended=10.0 * n + 4) for n in range(10)])
    assert said(advice.idle_workers(told, schedule(told.trials))) == []


@pytest.mark.parametrize(
    ("trials", "what"),
    [
        (1, "try more configurations, which cost no time while a worker is free"),
        (2, "try more configurations, which cost no time while a worker is free"),
        (3, "lower --concurrent"),
        (8, "let an epoch take longer (more data, a larger batch of work) or run fewer at once"),
    ],
)
def test_what_would_help_idle_workers(trials, what):
    told = facts(*[trial(n, [0.5], started=10.0 * n, ended=10.0 * n + 4) for n in range(trials)])
    two = schedule(told.trials, [Session(concurrent=2)])
    ((text, _),) = said(advice.idle_workers(told, two))
    assert text == f"The workers waited: {what}."


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
    found = advice.advise(told, schedule(told.trials), weights, found_of(told))
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

"""Earlier sweeps as evidence: what counts, what is said of the rest, what becomes of it."""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
from without_ray import (
    CHOICES,
    CONDITIONAL,
    LINE,
    METRIC,
    InMemory,
    accuracy,
    controller,
    drive,
    open_history,
    resumed,
    write_sweep,
)

from caviar import Sweep, UsageError
from caviar.base.objective import Objective
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.driver import warm_start
from caviar.driver.warm_start import WarmStart
from caviar.schedulers import Asha
from caviar.searchers import CoarseToFine, Grid, HyperOpt, Optuna, Parzen, Random
from caviar.searchers.base import Observation
from caviar.store import recording, starting
from search_spaces import Choice
from trainables.data import load

NAN = math.nan
MODELS = [
    Parzen(startup_trials=6, random_share=0.0),
    Optuna(startup_trials=6, random_share=0.0),
    HyperOpt(startup_trials=6, random_share=0.0),
    CoarseToFine(stage_trials=4, best=3, coarse="parzen"),
]
every_model = pytest.mark.parametrize("searcher", MODELS, ids=lambda s: type(s).__name__)


def record(number, config, curve, *, outcome=Outcome.COMPLETED, metric=METRIC):
    reports = [Report(epoch, {metric: v}, number * 100 + epoch, 0.0) for epoch, v in curve.items()]
    return TrialRecord(number, config, 0, outcome=outcome, reports=reports)


def select(*records, earlier=LINE, space=LINE, max_epochs=9):
    return warm_start.select(records, earlier, space, metric=METRIC, max_epochs=max_epochs)


# What counts.


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.STOPPED_EARLY])
def test_a_trial_of_the_same_space_counts_with_its_curve(outcome):
    used, why_not = select(record(0, {"learning_rate": 0.5}, {1: 0.2, 3: 0.4}, outcome=outcome))
    assert why_not == []
    assert used == [
        Observation(
            config={"learning_rate": 0.5}, outcome=outcome, curve={1: 0.2, 3: 0.4}, max_epochs=9
        )
    ]


@pytest.mark.parametrize(
    ("outcome", "curve", "max_epochs", "counts"),
    [
        # up to today's last epoch; what was not finite is not said
        (Outcome.COMPLETED, {1: 0.1, 5: 0.5, 9: 0.9}, 5, (Outcome.COMPLETED, {1: 0.1, 5: 0.5})),
        (Outcome.COMPLETED, {1: 0.1, 2: NAN}, 9, (Outcome.COMPLETED, {1: 0.1})),
        # broke within today's epochs
        (Outcome.DIVERGED, {1: 0.1, 2: NAN}, 9, (Outcome.DIVERGED, {1: 0.1})),
        (Outcome.FAILED, {}, 9, (Outcome.FAILED, {})),
        (Outcome.DIVERGED, {1: 0.1, 2: 0.2, 3: NAN}, 3, (Outcome.DIVERGED, {1: 0.1, 2: 0.2})),
        # broke later than today's trials last
        (Outcome.DIVERGED, {1: 0.1, 2: 0.2, 3: NAN}, 2, (Outcome.COMPLETED, {1: 0.1, 2: 0.2})),
    ],
)
def test_how_far_a_trial_counts(outcome, curve, max_epochs, counts):
    config = {"learning_rate": 0.5}
    used, _ = select(record(0, config, curve, outcome=outcome), max_epochs=max_epochs)
    assert [(row.outcome, row.curve) for row in used] == [counts]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (record(0, {"learning_rate": 0.5}, {1: 0.2}, outcome=Outcome.RUNNING), "unfinished"),
        (record(0, {"learning_rate": 0.5}, {1: 0.2}, metric="val_loss"), "without val_accuracy"),
        (record(0, {"learning_rate": 0.5}, {1: NAN}), "without val_accuracy"),
        (record(0, {"learning_rate": 0.5}, {}), "without val_accuracy"),
        (
            record(0, {"learning_rate": 2.0}, {1: 0.2}),
            r"outside the space (learning_rate: must be in 0.0001 … 1, got 2)",
        ),
    ],
)
def test_what_does_not_count_says_why(row, why):
    earlier = LINE.override("learning_rate", high=3.0)
    assert select(row, earlier=earlier) == ([], [why])


WIDER = LINE + Choice(name="optimizer", options=["adam", "sgd"], default="sgd")


@pytest.mark.parametrize(
    ("earlier", "space", "config", "expected"),
    [
        pytest.param(LINE, WIDER, {}, {"optimizer": "sgd"}, id="new: at its default"),
        pytest.param(LINE, WIDER.fix("optimizer", "adam"), {}, {"optimizer": "adam"}, id="fixed"),
        pytest.param(WIDER, LINE, {"optimizer": "sgd"}, {}, id="gone, at its default"),
        pytest.param(WIDER, LINE, {"optimizer": "adam"}, None, id="gone, elsewhere"),
        pytest.param(
            WIDER, WIDER.fix("optimizer", "adam"), {"optimizer": "sgd"}, None, id="fixed elsewhere"
        ),
    ],
)
def test_spaces_that_differ(earlier, space, config, expected):
    row = record(0, {"learning_rate": 0.5, **config}, {1: 0.2})
    used, why_not = select(row, earlier=earlier, space=space)
    if expected is None:
        assert used == []
        assert why_not[0].startswith("outside the space (optimizer")
    else:
        assert [dict(observation.config) for observation in used] == [
            {"learning_rate": 0.5, **expected}
        ]


# From sweeps on disk.


def earlier_sweep(tmp_path, name="old", *, epochs=30, **options):
    """A sweep on disk of which the last trial is unfinished."""
    asked = Sweep(dataset="digits", max_epochs=9, seed=3, **options)
    return write_sweep(tmp_path / name, asked, epochs=epochs)


def test_sweeps_are_read_by_name_and_by_folder_and_each_gets_a_line(tmp_path):
    first = earlier_sweep(tmp_path, "a")
    second = earlier_sweep(tmp_path / "elsewhere", "b", train_size=100)
    asked = Sweep(
        dataset="digits",
        max_epochs=9,
        storage=tmp_path,
        warm_start=("a", str(tmp_path / "elsewhere" / "b"), "a"),
    )
    narrow = LINE.override("learning_rate", low=0.005)
    found = warm_start.load(asked, narrow)
    ended = [r for r in first.trials.values() if r.outcome is not Outcome.RUNNING]
    inside = [r.config for r in ended if r.config["learning_rate"] >= 0.005]
    outside = next(r.config for r in ended if r.config["learning_rate"] < 0.005)
    assert [dict(row.config) for row in found.rows] == inside * 2
    left = len(first.trials) - len(inside)
    assert len(second.trials) == len(first.trials)
    line = (
        f"warm start from a: {len(inside)} of {len(first.trials)} trials used; {left} left out: "
        f"{left - 1} outside the space (learning_rate: must be in 0.005 … 1, "
        f"got {outside['learning_rate']:g}), 1 unfinished"
    )
    assert found.lines[0] == line
    assert found.lines[1].endswith("; measured with another train_size 100, now None")
    assert len(found.lines) == 2, "named twice, read once"


@pytest.mark.parametrize(
    ("then", "train_size", "said"),
    [
        (
            "0badcafe",
            None,
            "; measured on other values of the data (checksum 0badcafe, now DIGITS)",
        ),
        ("DIGITS", None, ""),
        (None, None, ""),
        ("0badcafe", 100, "; measured with another train_size None, now 100"),
    ],
)
def test_other_data_is_said(then, train_size, said, tmp_path):
    digits = load("digits")
    checksum = digits.checksum if then == "DIGITS" else then
    folder = tmp_path / "old"
    folder.mkdir()
    asked = Sweep(dataset="digits", max_epochs=9, storage=tmp_path, warm_start=("old",))
    starting.note(asked, LINE, "random_search", folder)
    history = open_history(folder)
    before = controller(history)
    data = dataclasses.replace(digits, checksum=checksum)
    with recording.recorded(history, before, asked, LINE, data=data):
        pass
    history.close()
    found = warm_start.load(dataclasses.replace(asked, train_size=train_size), LINE)
    (line,) = found.compared(digits).lines
    assert line == f"warm start from old: 0 of 0 trials used{said}".replace(
        "DIGITS", digits.checksum
    )


def test_a_sweep_that_is_not_there(tmp_path):
    asked = Sweep(storage=tmp_path, warm_start=("nowhere",))
    with pytest.raises(UsageError, match="There is no sweep 'nowhere', neither as a folder nor"):
        warm_start.load(asked, LINE)


def test_what_was_used_is_noted_with_the_sweep(tmp_path):
    earlier_sweep(tmp_path)
    asked = Sweep(dataset="digits", max_epochs=9, storage=tmp_path, warm_start=("old",))
    (tmp_path / "new").mkdir()
    history = open_history(tmp_path / "new")
    warm = warm_start.noted(warm_start.load(asked, LINE), history, LINE, 9)
    assert warm.rows
    again = warm_start.noted(None, history, LINE, 9)
    assert (list(again.rows), list(again.lines)) == (list(warm.rows), list(warm.lines))
    history.close()


def test_a_cold_sweep_is_not_warmed_on_resume(tmp_path):
    history = open_history(tmp_path)
    warm_start.noted(WarmStart(), history, LINE, 9)
    assert warm_start.noted(None, history, LINE, 9) == WarmStart([], [])
    history.close()


# What the searcher makes of it.


def evidence(count=40, *, best=0.02, space=LINE, epochs=9, seed=7):
    """Full curves whose value falls with the distance of the learning rate to `best`."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        config = space.sample(rng)
        value = 1 - abs(math.log10(config["learning_rate"] / best)) / 4
        curve = {epoch: value * (1 - 0.5**epoch) for epoch in range(1, epochs + 1)}
        rows.append(
            Observation(config=config, outcome=Outcome.COMPLETED, curve=curve, max_epochs=epochs)
        )
    return rows


def warm(history=None, *, rows, **options):
    sweep = controller(history, **options)
    sweep.learn(rows)
    return sweep


@every_model
def test_a_model_proposes_near_the_best_of_the_evidence_from_the_first_trial_on(searcher):
    def distances(rows):
        sweep = warm(rows=rows, searcher=searcher, trials=9)
        configs = [sweep.next().record.config for _ in range(9)][1:]
        return [abs(math.log10(c["learning_rate"] / 0.001)) for c in configs]

    assert np.mean(distances(evidence(best=0.001))) < np.mean(distances([])) / 2


@every_model
@pytest.mark.parametrize("space", [CONDITIONAL], ids=["conditional"])
def test_every_model_takes_evidence_of_a_conditional_space(searcher, space):
    rows = evidence(space=space)
    broken = [dataclasses.replace(row, outcome=Outcome.FAILED, curve={}) for row in rows[:5]]
    sweep = warm(rows=[*broken, *rows[5:]], space=space, searcher=searcher, trials=8, max_epochs=9)
    drive(sweep)
    assert list(sweep.trials) == list(range(8))
    assert sweep.trials.best()[0].number >= 0


def test_configurations_of_the_evidence_are_not_run_again():
    rows = [
        Observation(config=config, outcome=Outcome.COMPLETED, curve={1: 0.5}, max_epochs=1)
        for config in (CHOICES.sample(np.random.default_rng(n)) for n in range(5))
    ]
    known = {CHOICES.key(row.config) for row in rows} - {CHOICES.key(CHOICES.default())}
    for searcher in (Random(), Grid(points=2), Parzen(startup_trials=2)):
        sweep = warm(rows=rows, space=CHOICES, searcher=searcher, trials=99, max_epochs=1)
        drive(sweep, curve=lambda config, epoch: 0.5)
        ran = [CHOICES.key(r.config) for r in sweep.trials.values()]
        assert len(ran) == len(set(ran)) == 12 - len(known)
        assert not known & set(ran)


@every_model
def test_a_resumed_sweep_has_the_same_evidence(searcher):
    rows = evidence(seed=1)
    options = {"searcher": searcher, "scheduler": Asha(), "trials": 12, "max_epochs": 9}
    whole = warm(rows=rows, **options)
    drive(whole)
    history = InMemory()
    part = warm(history, rows=rows, **{**options, "trials": 5})
    drive(part)
    left = copy.deepcopy(history)
    grown = controller(history, session=1, **options)
    grown.learn(rows)
    grown.replay(history.records())
    drive(grown)
    assert [r.config for r in grown.trials.values()] == [r.config for r in whole.trials.values()]
    cold = resumed(left, **options)
    drive(cold)
    assert [r.config for r in cold.trials.values()] != [r.config for r in whole.trials.values()]


# The best of them again.


def observation(value, rate, *, outcome=Outcome.COMPLETED):
    return Observation(
        config={"learning_rate": rate}, outcome=outcome, curve={1: value}, max_epochs=9
    )


ROWS = [
    observation(0.5, 0.1),
    observation(0.9, 0.2),
    observation(0.7, 0.01),  # the default
    observation(0.8, 0.3),
    observation(0.6, 0.2),  # a second time, with another seed
    observation(0.99, 0.4, outcome=Outcome.DIVERGED),
]


@pytest.mark.parametrize(
    ("mode", "count", "rates"),
    [
        ("max", 0, []),
        ("max", 1, [0.2]),
        ("max", 2, [0.2, 0.3]),
        ("max", 3, [0.2, 0.3]),  # and the default, which runs anyway
        ("max", 9, [0.2, 0.3, 0.1]),
        ("min", 2, [0.1, 0.2]),
    ],
)
def test_the_best_rows_are_found(mode, count, rates):
    best = WarmStart(ROWS).best(count, LINE, Objective("val_accuracy", mode))
    assert [config["learning_rate"] for config in best] == rates


def test_the_best_are_run_again_first_and_not_a_third_time():
    again = WarmStart(ROWS).best(2, LINE, Objective("val_accuracy", "max"))
    history = InMemory()
    options = {"again": again, "trials": 6, "max_epochs": 1, "searcher": Parzen()}
    sweep = warm(history, rows=ROWS, **options)
    drive(sweep, curve=accuracy)
    rates = [r.config["learning_rate"] for r in sweep.trials.values()]
    assert rates[:3] == [0.01, 0.2, 0.3]
    assert len(set(rates)) == 6
    assert not {0.1, 0.4} & set(rates)
    more = controller(history, session=1, **{**options, "trials": 8})
    more.learn(ROWS)
    more.replay(history.records())
    drive(more, curve=accuracy)
    assert [r.config["learning_rate"] for r in more.trials.values()][:6] == rates


def test_options_that_do_not_fit():
    with pytest.raises(UsageError, match="--retest runs the best trials of --warm-start again"):
        Sweep(retest=2)
    with pytest.raises(UsageError, match="--retest must be at least 0, and it is -1"):
        Sweep(retest=-1, warm_start=("a",))
    assert Sweep(retest=2, warm_start=("a",)).retest == 2

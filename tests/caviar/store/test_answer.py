"""What a sweep found: worked by hand from finals, written into the summary and read back."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from without_ray import METRIC, UP, controller, run_trial, summary_of, write_sweep

from caviar import Sweep
from caviar.base.objective import Objective
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.base.trials import Trials
from caviar.store import experiments, layout
from caviar.store import finals as stored_finals
from caviar.store.answer import Answer, answer
from caviar.store.finals import Finalist, Finals
from caviar.store.layout import write_json

A, B, DEFAULT = ({"learning_rate": x} for x in (0.25, 0.5, 0.01))


def finalist(trial, config, *scores, asked=None):
    by_seed = {100 * (trial or 9) + place: score for place, score in enumerate(scores)}
    asked = len(scores) if asked is None else asked
    return Finalist(trial=trial, config=config, scores=by_seed, asked=asked, best=trial)


def trials(*values, goal=UP):
    """Trials of one epoch each."""
    found = {}
    for number, value in enumerate(values):
        rows = [Report(1, {METRIC: value}, number, 0.0)]
        found[number] = TrialRecord(number, {}, 0, 0, Outcome.COMPLETED, rows)
    return Trials(goal, found)


WON = Finals(
    finalists=[finalist(1, A, 0.9, 0.8), finalist(0, DEFAULT, 0.7, 0.6)],
    epochs=4,
    test={"accuracy": 0.75},
    test_looks=2,
)


def test_the_winner_against_the_default_over_seeds():
    found = answer(trials(0.1, 0.95), WON)
    assert (found.trial, found.config, found.seeds) == (1, A, (100, 101))
    assert found.mean == pytest.approx(0.85)
    assert found.spread == pytest.approx(0.1 / math.sqrt(2))
    assert (found.default, found.default_seeds) == (pytest.approx(0.65), (0 + 900, 901))
    assert found.gain == pytest.approx(0.2)
    # t(0.975, 2) = 4.302653; both variances 0.005, over 2 seeds each
    assert found.noise == pytest.approx(4.302653 * math.sqrt(0.005), rel=1e-6)
    assert not found.is_beyond_noise
    assert (found.test, found.test_looks) == ({"accuracy": 0.75}, 2)


def test_a_default_that_was_no_finalist_has_its_run_in_the_search():
    finals = replace(WON, finalists=[finalist(1, A, 0.9, 0.8), finalist(2, B, 0.5, 0.5)])
    found = answer(trials(0.1, 0.95, 0.6), finals)
    assert (found.default, found.default_seeds) == (0.1, ())
    assert found.gain == pytest.approx(0.75)
    # pooled over both finalists: variance (0.005 + 0) / 2; two runs against a single one
    assert found.noise == pytest.approx(4.302653 * math.sqrt(0.0025 * 1.5), rel=1e-6)
    assert not answer(trials(math.nan, 0.95), finals).gain


def test_less_may_be_better():
    goal = Objective(METRIC, "min")
    finals = replace(WON, finalists=[finalist(1, A, 0.2), finalist(0, DEFAULT, 0.7)])
    found = answer(trials(0.9, 0.2, goal=goal), finals)
    assert found.gain == pytest.approx(0.5)
    assert (found.spread, found.noise) == (None, None)


def test_a_winner_that_was_brought_is_no_trial():
    found = answer(trials(0.1), replace(WON, finalists=[finalist(None, B, 0.9, 0.9)]))
    assert (found.trial, found.config) == (None, B)


@pytest.mark.parametrize(
    "finals",
    [None, replace(WON, finalists=[]), replace(WON, finalists=[finalist(1, A, 0.9, asked=2)])],
    ids=["no finals", "no finalist", "no finalist with all seeds"],
)
def test_no_answer(finals):
    assert answer(trials(0.5), finals) is None


def test_json_and_back_without_a_nan():
    found = answer(trials(0.1, 0.95), replace(WON, test={"loss": math.nan}))
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert Answer.from_json(stored) == replace(found, test={"loss": None})
    del stored["gain"]
    with pytest.raises(KeyError, match="gain"):
        Answer.from_json(stored)


def test_the_best_of_the_summary_is_the_winner_of_the_finals(tmp_path):
    sweep = controller(max_epochs=1)
    for value in (0.1, 0.95, 0.99):
        run_trial(sweep, [value])
    found = answer(Trials(UP, sweep.trials), WON)
    summary = summary_of(sweep, tmp_path, name="x", answer=found)
    assert summary["best"]["trial"] == 1
    assert summary["answer"] == found.to_json()
    brought = replace(found, trial=None)
    assert summary_of(sweep, tmp_path, name="x", answer=brought)["best"]["trial"] == 2


def test_read_back(tmp_path):
    folder = tmp_path / "x"
    sweep = write_sweep(folder, Sweep(), epochs=3)
    there = experiments.find(folder)
    assert there.answer() is None
    # A version before this one wrote the finals, and no answer.
    found = {key: value for key, value in WON.to_json().items() if key != "test_looks"}
    write_json(found, folder / stored_finals.FILE)
    known = there.answer()
    assert (known.trial, known.gain, known.test_looks) == (1, pytest.approx(0.2), 1)
    written = replace(known, test_looks=3)
    write_json(summary_of(sweep, folder, name="x", answer=written), folder / layout.SUMMARY)
    assert there.answer() == written

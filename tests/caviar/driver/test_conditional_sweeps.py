"""Whole sweeps over a space with conditions in conditions, killed and resumed, on a real Ray."""

from __future__ import annotations

import pytest
from commands import check_nothing_lost, check_whole, kill_mid_way, records, sweep
from conditional import SPACE

from caviar.base.trial import Outcome

TRIALS = 28
KILLED_AFTER = 23  # trials have started: the model proposes by then, and goes on after it
SEED = 2
CONDITIONAL = {p.name for p in SPACE if p.when is not None}

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("recipe", ["asha_optuna", "asha_hyperopt"])
def test_a_conditional_sweep_survives_a_kill(recipe, tmp_path):
    folder = tmp_path / "x"
    where = ["--storage", tmp_path, "--name", "x"]
    options = ["--dataset", "digits", "--space", "conditional:SPACE", "--seed", SEED]
    options += ["--trainable", "conditional:Checked", "--checkpoint-seconds", 0]
    options += ["--trials", TRIALS, "--max-epochs", 4]

    before = kill_mid_way(recipe, [*options, *where], folder, trials=KILLED_AFTER - 1)
    sweep(recipe, *where, "--resume")

    check_whole(folder, trials=TRIALS, max_epochs=4)
    after = records(folder)
    check_nothing_lost(before, after)
    assert KILLED_AFTER <= len(before) < TRIALS
    for record in after.values():
        SPACE.validate(record.config)  # which refuses an inactive parameter, None or not
        assert record.outcome is not Outcome.FAILED, record.error
    for name in CONDITIONAL:  # both sides of every condition did occur
        assert {name in record.config for record in after.values()} == {True, False}, name

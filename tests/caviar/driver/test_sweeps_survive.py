"""Whole sweeps on a real Ray that are killed, cut off, grown, or given data of one's own."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal

import pytest
from commands import (
    DIGITS,
    OUTCOMES,
    REPORTS,
    SLOW,
    SUMMARY_KEYS,
    caviar,
    check_nothing_lost,
    check_whole,
    finish,
    held,
    kill_mid_way,
    records,
    start,
    summary,
    sweep,
    wait_for,
)

from caviar.base.trial import Outcome
from caviar.store.checkpoints import newest

pytestmark = pytest.mark.timeout(800)


def test_a_killed_driver_loses_no_result_and_repeats_no_trial(tmp_path):
    folder = tmp_path / "x"
    options = [*SLOW, "--trials", 10, "--max-epochs", 6, "--storage", tmp_path, "--name", "x"]
    before = kill_mid_way("asha_optuna", options, folder, epochs=12)

    sweep("asha_optuna", "--storage", tmp_path, "--name", "x", "--resume")
    check_whole(folder, trials=10, max_epochs=6)
    after = records(folder)
    check_nothing_lost(before, after)
    running = [n for n, r in before.items() if r.outcome is Outcome.RUNNING]
    resumed = [n for n, r in after.items() if n in running and r.session == 1]
    for number in resumed:
        done = before[number].epoch
        # it went on from a checkpoint at most one epoch old, not from the start
        first = folder / "trials" / f"trial-{number:04d}"
        if done >= 2:
            epochs = [json.loads(p.read_text())["epoch"] for p in first.glob("*/checkpoint.json")]
            assert not epochs or max(epochs) >= done - 1


def test_a_checkpoint_that_a_power_cut_has_damaged_is_passed_over(tmp_path):
    folder = tmp_path / "x"
    options = [*SLOW, "--trials", 2, "--max-epochs", 8, "--storage", tmp_path, "--name", "x"]
    before = kill_mid_way("caviar", options, folder, epochs=6)
    number = max(before, key=lambda number: before[number].epoch)
    damaged = newest(folder / "trials", number)[0] / "last.pt"
    weights = damaged.read_bytes()
    half = len(weights) // 2
    damaged.write_bytes(weights[:half] + bytes(len(weights) - half))

    sweep("caviar", "--storage", tmp_path, "--name", "x", "--resume")
    after = records(folder)
    check_nothing_lost(before, after)
    assert all(record.outcome is Outcome.COMPLETED for record in after.values())


def test_paused_trials_are_promoted_in_a_killed_and_resumed_sweep_too(tmp_path):
    folder = tmp_path / "x"
    options = [*SLOW, "--trials", 12, "--max-epochs", 4, "--storage", tmp_path, "--name", "x"]
    kill_mid_way("random_search", [*options, "--scheduler.promote"], folder, epochs=14)
    before = records(folder)
    out, err = sweep("random_search", "--storage", tmp_path, "--name", "x", "--resume")
    assert err == ""
    check_whole(folder, trials=12, max_epochs=4)
    after = records(folder)
    check_nothing_lost(before, after)
    paused = [n for n, r in before.items() if r.outcome is Outcome.PAUSED]
    assert paused, "twelve trials without a pause say nothing about it"
    assert any(len(r.begun) > 1 and r.epoch > 1 for r in after.values()), "nobody was promoted"
    # each end is said, of a trial that ended without a worker too
    assert len(re.findall(r"^trial +\d+ ", out, re.MULTILINE)) == sum(
        number not in before or before[number].unfinished for number in after
    )
    folders = {path.name.partition(".")[0] for path in (folder / "trials").glob("trial-*")}
    assert len(folders) <= 3  # keep_checkpoints: what was paused has left nothing behind


def test_ctrl_c_ends_with_a_summary_and_the_line_to_go_on(tmp_path):
    folder = tmp_path / "x"
    options = [*SLOW, "--trials", 6, "--max-epochs", 6, "--storage", tmp_path, "--name", "x"]
    place = tmp_path / "held"
    process = start(caviar("sweep", "random_search", *options), env=held(place, epochs=6))
    wait_for(process, folder, REPORTS, 6)
    process.send_signal(signal.SIGINT)
    place.unlink()
    code, out, err = finish(process)
    assert code == 130, f"{out}\n{err}"
    assert err == ""
    assert list(summary(folder)) == SUMMARY_KEYS
    before = records(folder)
    unfinished = [r for r in before.values() if r.outcome is Outcome.RUNNING]
    assert unfinished
    line = out.strip().splitlines()[-1].strip()
    assert line.startswith("caviar sweep random_search ")
    assert line.endswith("--resume")

    code, out, err = finish(start(caviar(*shlex.split(line)[1:])))
    assert code == 0, f"{out}\n{err}"
    check_whole(folder, trials=6, max_epochs=6)
    after = records(folder)
    for record in unfinished:
        # saved at its last report when it was interrupted: not an epoch is trained again
        assert after[record.number].reports[: record.epoch] == record.reports


def test_a_spent_time_budget_can_be_raised_and_finished_sweeps_grow(tmp_path):
    folder = tmp_path / "x"
    common = ["--storage", tmp_path, "--name", "x"]
    budget = ["--trials", 60, "--max-epochs", 4]
    out, _ = sweep("random_search", *SLOW, *budget, *common, "--time-budget", 7)
    assert "Stopped (time budget)" in out
    before = records(folder)
    # a busy machine may spend the budget on starting: then there is no trial yet
    assert len(before) < 60 or any(r.outcome is Outcome.RUNNING for r in before.values())
    spent = summary(folder)["wall_seconds"]
    sweep("random_search", *common, "--resume", "--time-budget", 100_000)
    check_whole(folder, trials=60, max_epochs=4)
    assert summary(folder)["wall_seconds"] > spent
    sweep("random_search", *common, "--resume", "--trials", 62)
    check_whole(folder, trials=62, max_epochs=4)
    for number, record in before.items():
        assert records(folder)[number].reports[: record.epoch] == record.reports


def test_a_sweep_ends_with_the_epochs_it_was_given_and_says_so(tmp_path):
    folder = tmp_path / "x"
    common = ["--storage", tmp_path, "--name", "x"]
    budget = ["--trials", 8, "--max-epochs", 3, "--max-total-epochs", 7]
    out, _ = sweep("random_search", *DIGITS, *budget, *common)
    assert "budget     8 trials or 7 epochs\n" in out
    assert "Stopped (epoch budget): 7 epochs are trained. Go on with:\n" in out
    found = summary(folder)
    assert found["epochs_trained"] == 7
    assert list(found["trials"]) == OUTCOMES
    before = records(folder)
    out, _ = sweep("random_search", *common, "--resume")
    assert "Nothing was run (epoch budget): 7 epochs are trained. Go on with:\n" in out
    assert records(folder) == before
    sweep("random_search", *common, "--resume", "--max-total-epochs", 100)
    check_whole(folder, trials=8, max_epochs=3)


def test_a_sweep_learns_from_an_earlier_one_and_needs_it_no_more(tmp_path):
    common = [*DIGITS, "--max-epochs", 1, "--storage", tmp_path]
    sweep("random_search", *common, "--name", "old", "--trials", 4)
    best = summary(tmp_path / "old")["best"]
    old = [r.config for r in records(tmp_path / "old").values()]
    warm = ["--warm-start", "old", "--retest", 1, "--name", "new"]
    out, _ = sweep("asha_parzen", *common, *warm, "--seed", 1, "--trials", 3)
    assert "warm start from old: 4 of 4 trials used\n" in out
    shutil.rmtree(tmp_path / "old")
    out, _ = sweep("asha_parzen", *common, "--name", "new", "--resume", "--trials", 4)
    assert "warm start from old: 4 of 4 trials used\n" in out
    new = [r.config for r in records(tmp_path / "new").values()]
    assert len(new) == 4
    again = 1 if best["trial"] == 0 else 2  # the default, and the best where that is another
    assert new[:again] == ([old[0]] if again == 1 else [old[0], best["config"]])
    assert not any(config in old for config in new[again:])


def test_folds_are_trained_side_by_side_and_their_spread_is_kept(tmp_path):
    options = ["--trials", 3, "--max-epochs", 2, "--folds", 3, "--storage", tmp_path, "--name", "x"]
    sweep("random_search", *DIGITS, *options)
    for record in records(tmp_path / "x").values():
        for report in record.reports:
            assert 0 < report.metrics["val_accuracy_std"] < 0.5
    assert summary(tmp_path / "x")["trials"]["total"] == 3


def test_a_table_of_ones_own(tmp_path):
    """Two columns tell the two kinds apart; the labels are words."""
    lines = [f"{n % 7},{n % 2},{'odd' if n % 2 else 'even'}" for n in range(200)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,parity", *lines]))
    data = ["--dataset", "table", "--data-dir", tmp_path / "rows.csv", "--target", "parity"]
    options = ["--trials", 2, "--max-epochs", 2, "--storage", tmp_path, "--name", "x"]
    out, _ = sweep("random_search", *data, *options)
    assert "data       rows: 128 training, 32 validation and 40 test rows of 2, 2 classes" in out
    assert summary(tmp_path / "x")["baseline"]["metrics"]["val_accuracy"] == 1.0


def test_the_space_chooses_what_trains_it(tmp_path):
    fixed = ["--fix", "conv_blocks=2", "filters=16", "kernel_size=3", "dense_units=16"]
    options = ["--trials", 2, "--max-epochs", 1, "--storage", tmp_path, "--name", "x"]
    out, _ = sweep(
        "random_search", *DIGITS, "--train-size", 200, "--space", "cnn", *fixed, *options
    )
    assert "trains     trainables:CNNTrainable" in out
    assert summary(tmp_path / "x")["trials"]["completed"] == 2
    sweep("random_search", "--storage", tmp_path, "--name", "x", "--resume", "--trials", 3)
    assert summary(tmp_path / "x")["trials"]["completed"] == 3

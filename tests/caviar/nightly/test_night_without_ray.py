"""A night through its door, its trials driven without Ray: what it may spend, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from without_ray import LINE, Clock, accuracy, controller, saved_as, steps, summary_of, write_sweep

import search_spaces
from caviar import Sweep, UsageError
from caviar.driver import runner
from caviar.nightly import continuation, night, night_file, settings
from caviar.nightly.champion import Champion
from caviar.nightly.comparison import Score
from caviar.nightly.continuation import Turn
from caviar.store import layout, recording, starting
from caviar.store.finals import Finalist, Finals
from caviar.store.history import History
from caviar.sweep.recipes import load as load_recipe

PLAN = """
[nightly]
name = "n"
storage = "{storage}"
recipe = "random_search"

[sweep]
trials = 100
max_epochs = 9
gpus_per_trial = 2
gpu_hours = 1
finalists = 1
final_seeds = 2
"""
SPACE = search_spaces.get("mlp")
"""That of the plan."""
MINUTES = 3.0
"""An epoch, so that ten are the hour of a trial's two GPUs."""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "nightly.toml"
    path.write_text(PLAN.format(storage=tmp_path))
    return settings.read(path, load_recipe)


def without_ray(clock, *, killed_after=None):
    """In place of `runner.run`: one trial after the other, an epoch takes `MINUTES`."""

    def run(sweep, *, recipe, defenders, new_data):
        folder = Path(sweep.storage, sweep.name)
        folder.mkdir(parents=True, exist_ok=True)
        if not sweep.resume:
            starting.note(sweep, LINE, recipe, folder)
        history = History(folder, name=sweep.name, objective=sweep.objective)
        which = controller(
            history,
            trials=sweep.trials,
            max_epochs=sweep.max_epochs,
            gpus_per_trial=sweep.gpus_per_trial,
            gpu_hours=sweep.limits.gpu_hours,
            session=recording.count(history),
            gpu_seconds=recording.gpu_seconds(history),
            clock=clock,
            checkpoint=saved_as(history),
        )
        if sweep.resume:
            which.replay(history.records())

        def train(config, epoch):
            if which.trials.epochs == killed_after:
                raise KeyboardInterrupt
            clock.now += 60 * MINUTES
            return accuracy(config, epoch)

        with recording.recorded(history, which, sweep, LINE):
            for _ in steps(which, curve=train):
                pass
            found = summary_of(which, folder, name=sweep.name, recipe=recipe)
        history.close()
        best = found["best"]
        scores = {seed: best["metrics"][sweep.metric] + seed / 100 for seed in (0, 1)}
        winner = Finalist(trial=best["trial"], config=best["config"], scores=scores, asked=2)
        return runner.Result(
            found, folder, which.ended_because, Finals(finalists=[winner], epochs=0)
        )

    return run


def test_gpu_hours_bound_a_night(plan, monkeypatch):
    monkeypatch.setattr(runner, "run", without_ray(Clock()))
    assert night.run(plan) == night.BETTER_OR_SAME
    (first,) = night_file.read(plan.settings.folder)
    assert (first.verdict, first.epochs) == ("better", 10)
    assert first.seconds == 10 * 60 * MINUTES


def test_gpu_hours_of_a_night_that_was_cut_off_count(plan, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(runner, "run", without_ray(clock, killed_after=4))
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        night.run(plan)
    (cut,) = night_file.read(plan.settings.folder)
    assert cut.verdict == night_file.CUT_OFF
    monkeypatch.setattr(runner, "run", without_ray(clock))
    assert night.run(plan) == night.BETTER_OR_SAME
    (whole,) = night_file.read(plan.settings.folder)
    assert (whole.night, whole.epochs) == (cut.night, 10)


@pytest.mark.parametrize("goes_on", [False, True])
def test_only_a_model_that_goes_on_from_the_night_before_takes_new_data(goes_on, plan, monkeypatch):
    turn = Turn(night="2026-11-20", epochs=0, seconds=0.0, gpu_hours=0.0, trials={})
    monkeypatch.setattr(continuation, "read", lambda folder: turn if goes_on else None)
    run, told = without_ray(Clock()), []

    def noted(sweep, *, new_data, **rest):
        told.append(new_data)
        return run(sweep, new_data=new_data, **rest)

    monkeypatch.setattr(runner, "run", noted)
    assert night.run(plan) == night.BETTER_OR_SAME
    assert told == [goes_on]


def test_a_night_that_was_cut_off_before_it_had_a_history_begins_anew(plan, monkeypatch):
    run = without_ray(Clock())

    def killed(sweep, *, recipe, defenders, new_data):
        folder = Path(sweep.storage, sweep.name)
        folder.mkdir(parents=True)
        starting.note(sweep, LINE, recipe, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", killed)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        night.run(plan)
    (cut,) = night_file.read(plan.settings.folder)
    assert cut.verdict == night_file.CUT_OFF
    asked = []
    monkeypatch.setattr(
        runner, "run", lambda sweep, **rest: asked.append(sweep) or run(sweep, **rest)
    )
    assert night.run(plan) == night.BETTER_OR_SAME
    assert [(sweep.name, sweep.resume) for sweep in asked] == [(cut.night, False)]


def test_a_night_whose_history_cannot_be_read_is_left_out_and_said(plan, monkeypatch):
    folder = plan.settings.folder
    for day in "123":
        write_sweep(folder / f"2026-11-2{day}", Sweep(max_epochs=9))
        night_file.Night(night=f"2026-11-2{day}", verdict="same").write(folder)
    (folder / "2026-11-22" / layout.HISTORY).write_text("no database " * 999)
    (folder / "2026-11-23" / layout.HISTORY).unlink()
    asked, lines = [], []
    run = without_ray(Clock())
    monkeypatch.setattr(
        runner, "run", lambda sweep, **rest: asked.append(sweep) or run(sweep, **rest)
    )
    assert night.run(plan, say=lines.append) == night.BETTER_OR_SAME
    assert asked[0].warm_start == (str(folder / "2026-11-21"),)
    left_out = [line for line in lines if line.startswith("left out ")]
    assert len(left_out) == 2
    assert left_out[0] == "left out   2026-11-23: it has no history.db"
    assert "history.db cannot be read as a database" in left_out[1]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (SPACE.default(), None),
        ({"learning_rate": 0.1}, "missing from the configuration"),
        ({**SPACE.default(), "learning_rate": 1e9}, "learning_rate"),
        ({**SPACE.default(), "temperature": 1.0}, "temperature"),
    ],
)
def test_a_champion_that_is_not_in_the_space_of_tonight(config, why, plan, monkeypatch):
    score = Score(mean=0.9, std=0.01, seeds=2)
    since = "2026-11-20T23:00:00"
    before = {"night": "2026-11-20", "trial": 1, "since": since, "commit": None}
    plan.settings.folder.mkdir()
    reigning = Champion(config=config, metric="val_accuracy", score=score, **before)
    reigning.write(plan.settings.folder, None)
    ran, lines = [], []
    run = without_ray(Clock())
    monkeypatch.setattr(
        runner, "run", lambda sweep, **rest: ran.append(sweep) or run(sweep, **rest)
    )
    if why is None:
        night.run(plan)
        assert ran
        return
    with pytest.raises(UsageError, match=rf"'mlp'.*{why}.*another nightly\.name"):
        night.run(plan, say=lines.append)
    assert not ran
    assert any("Failed: The champion" in line for line in lines)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gpus_per_trial = 0", "--gpu-hours counts the hours of --gpus-per-trial, which is 0"),
        ("gpu_hours = 0", "--gpu-hours must be above 0, and it is 0"),
    ],
)
def test_a_budget_that_means_nothing(tmp_path, line, said):
    name = line.partition(" ")[0]
    lines = [line if one.startswith(f"{name} ") else one for one in PLAN.splitlines()]
    path = tmp_path / "nightly.toml"
    path.write_text("\n".join(lines).format(storage=tmp_path))
    with pytest.raises(UsageError, match=said):
        night.run(settings.read(path, load_recipe))


def test_nights_lie_in_a_folder(tmp_path):
    path = tmp_path / "nightly.toml"
    path.write_text(PLAN.format(storage="s3://bucket/nights"))
    with pytest.raises(UsageError, match=r"nightly\.storage .* s3://bucket/nights"):
        settings.read(path, load_recipe)


@pytest.mark.parametrize(
    ("asked", "days"), [("", "123"), ("= 2", "23"), ("= 9", "123"), ("= 0", "")]
)
def test_all_earlier_nights_teach_tonight_or_so_many_of_the_last(asked, days, tmp_path):
    path = tmp_path / "n.toml"
    path.write_text('[nightly]\nname = "n"\n' + (f"warm_nights {asked}\n" if asked else ""))
    before = [night_file.Night(night=f"2026-11-2{day}", verdict="same") for day in "123"]
    plan = settings.read(path, load_recipe)
    found = night._sweep(plan, "2026-11-24", resume=False, before=before)
    assert "".join(one[-1] for one in found.warm_start) == days

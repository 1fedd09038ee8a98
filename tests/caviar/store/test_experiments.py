"""A sweep on disk, found by its folder or its name; its options, its trials, its best one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from without_ray import CONDITIONAL, LINE, controller, open_history, run_trial, write_sweep

import search_spaces
from caviar import Asha, Grid, Optuna, Sweep, UsageError
from caviar.base.objective import Objective
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.base.trials import Trials
from caviar.searchers import SearcherOptions
from caviar.store import experiments, layout, recording
from caviar.sweep import codec


@pytest.fixture
def storage(tmp_path):
    """A storage with the sweep first, of two epochs, and a folder that is none."""
    options = Sweep(dataset="digits", fix=("dropout=0",), seed=3, searcher=Grid(points=4))
    write_sweep(tmp_path / "first", options, recipe="grid_search", space=CONDITIONAL, epochs=2)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("")
    return tmp_path


@pytest.mark.parametrize("how", ["name", "folder", "relative folder"])
def test_by_name_and_by_folder(how, storage, monkeypatch):
    monkeypatch.chdir(storage)
    asked = {"name": "first", "folder": storage / "first", "relative folder": "../" + storage.name}
    where = {"name": storage, "folder": storage / "notes", "relative folder": storage / "notes"}
    experiment = asked[how] if how != "relative folder" else f"{asked[how]}/first"
    found = experiments.find(experiment, where[how])
    assert (found.folder, found.name, found.recipe) == (storage / "first", "first", "grid_search")
    assert found.space == CONDITIONAL
    assert (found.options.dataset, found.options.seed) == ("digits", 3)
    assert found.options.fix == ("dropout=0",)
    assert found.options.searcher == Grid(points=4)
    assert [report.epoch for report in found.trials()[0].reports] == [1, 2]
    assert found.trials()[0].config == CONDITIONAL.default()


def test_reading_writes_nothing(storage):
    def content():
        return {path: path.read_bytes() for path in (storage / "first").iterdir()}

    before = content()
    found = experiments.find("first", storage)
    found.trials()
    assert found.summary() is None
    assert content() == before


def test_a_folder_that_may_only_be_read(storage, monkeypatch):
    folder, access = storage / "first", os.access
    monkeypatch.setattr("os.access", lambda path, mode: path != folder and access(path, mode))
    there = set(folder.iterdir())
    with experiments.find("first", storage).history() as history:
        assert len(history.records()[0].reports) == 2
        assert set(folder.iterdir()) == there, "a log could not be written there"


def test_a_folder_that_was_renamed_keeps_its_history(storage):
    (storage / "first").rename(storage / "kept")
    assert len(experiments.find("kept", storage).trials()[0].reports) == 2


@pytest.mark.parametrize(
    ("experiment", "told"),
    [
        ("frist", r"There is no sweep 'frist', .* nor in .*: name the .* Did you mean 'first'\?"),
        ("zzz", r"There is no sweep 'zzz', .* say with --storage where it lies\."),
        ("notes", r"There is no sweep 'notes', .*"),
    ],
)
def test_what_is_not_there(experiment, told, storage):
    with pytest.raises(UsageError, match=re.compile(told + "$")):
        experiments.find(experiment, storage)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"recipe": ', r"sweep.json is not readable as JSON"),
        ("5", r"sweep.json is not readable as JSON"),
        ("\xe9", r"sweep.json is not readable as JSON \('utf-8' codec can't decode"),
        ("[]", r"sweep.json is not as this version of Caviar writes it"),
        ("{}", r"sweep.json is not as this version of Caviar writes it \('recipe'\): it is"),
        ('{"recipe": "x", "options": 3, "space": {}}', r"sweep.json is not as this version"),
    ],
)
def test_damaged_options(text, told, storage):
    (storage / "first" / "sweep.json").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=told):
        experiments.find("first", storage)


def test_a_history_whose_options_are_no_file(storage):
    (storage / "first" / "sweep.json").unlink()
    (storage / "first" / "sweep.json").mkdir()
    told = r"first has the history of a sweep, and no file sweep.json .*: restore it from a copy\.$"
    with pytest.raises(UsageError, match=told):
        experiments.find("first", storage)


def test_a_space_that_cannot_be_read(storage):
    path = storage / "first" / "sweep.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "space": {"name": "x", "parameters": [{"kind": "?"}]}}))
    with pytest.raises(UsageError, match=r"sweep.json is not as this version of Caviar writes it"):
        experiments.find("first", storage)


def test_a_history_of_which_a_part_is_damaged(storage):
    path = storage / "first" / layout.HISTORY
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"x" * 8 * 4096 + whole[9 * 4096 :])  # its first page is well
    with pytest.raises(UsageError, match=r"cannot be read as a database \(.*malformed\): restore"):
        experiments.find("first", storage).opened()


def test_names(storage):
    write_sweep(storage / "a second", Sweep())
    assert experiments.names(storage) == ["a second", "first"]
    assert experiments.names(storage / "nowhere") == []


class Own(SearcherOptions):
    """A searcher of one's own."""

    def build(self, space, *, mode, seed):
        raise AssertionError("not in this test")


@pytest.mark.parametrize(
    ("asked", "searcher"),
    [
        (Sweep(searcher=Optuna(startup_trials=3)), Optuna(startup_trials=3)),
        (Sweep(searcher=Own()), Own()),
    ],
)
def test_options_by_themselves(asked, searcher):
    before = json.loads(json.dumps(codec.describe(asked)))
    again = codec.restored(before)
    assert again.searcher == searcher
    assert again.scheduler == Asha()


def test_options_of_another_version_are_left_out():
    options = json.loads(json.dumps(codec.describe(Sweep(seed=5))))
    options["scheduler"]["eta"] = 3
    options["colour"] = "red"
    assert codec.restored(options) == Sweep(seed=5)


# Its trials.


def trials(*values, mode="max"):
    """Trials with these curves; `None` for one that failed after a splendid epoch."""
    found = {}
    for number, curve in enumerate(values):
        outcome = Outcome.FAILED if curve is None else Outcome.COMPLETED
        rows = [
            Report(epoch, {"val_accuracy": value}, 0, 0.0)
            for epoch, value in enumerate(curve or [99.0 if mode == "max" else -99.0], start=1)
        ]
        found[number] = TrialRecord(number, {}, 0, 0, outcome, rows)
    return Trials(Objective("val_accuracy", mode), found)


NAN = float("nan")


@pytest.mark.parametrize(
    ("curves", "mode", "best"),
    [
        ([[0.1, 0.5], [0.9, 0.2], [0.8]], "max", 1),  # by the best epoch, not by the last
        ([[0.1, 0.5], [0.9, 0.2], [0.8]], "min", 0),
        ([[0.5], [0.5]], "max", 0),
        ([None, [0.5], [NAN]], "max", 1),
        ([None, [0.5], [0.25]], "min", 2),
    ],
)
def test_the_best_trial_so_far(curves, mode, best, tmp_path):
    write_sweep(tmp_path / "x", Sweep(mode=mode))
    assert experiments.find("x", tmp_path).best(trials(*curves, mode=mode)).number == best


def test_the_best_trial_is_that_of_the_summary(tmp_path):
    write_sweep(tmp_path / "x", Sweep())
    summary = {
        "best": {"trial": 2, "metrics": {}},
        "baseline": {"metrics": None},
        "trials": {"total": 3},
        "epochs_trained": 3,
        "wall_seconds": 9.0,
    }
    (tmp_path / "x" / "summary.json").write_text(json.dumps(summary))
    found = experiments.find("x", tmp_path)
    assert found.best(trials([0.9], [0.1], [0.5])).number == 2
    assert found.best(trials([0.9], [0.1], [0.5], [0.2])).number == 0  # an epoch since then
    (tmp_path / "x" / "summary.json").write_text(json.dumps({**summary, "best": None}))
    assert found.best(trials([0.9], [0.1])).number == 0


def test_no_best_trial(tmp_path):
    write_sweep(tmp_path / "x", Sweep())
    with pytest.raises(UsageError, match=r"No trial of 'x' has reported a finite val_accuracy\."):
        experiments.find("x", tmp_path).best(trials(None, [NAN]))


def test_a_trial_by_its_number():
    three = trials([0.1], [0.2], [0.3])
    assert experiments.trial(three, 2, "x") is three[2]
    with pytest.raises(UsageError, match=r"'x' has no trial 3: its trials are 0 … 2\."):
        experiments.trial(three, 3, "x")
    with pytest.raises(UsageError, match=r"'x' has no trial 0: its trials are none yet\."):
        experiments.trial({}, 0, "x")


def test_each_session_notes_its_versions_and_its_data(tmp_path):
    history = open_history(tmp_path)
    sweep = controller(history, trials=1)
    data = SimpleNamespace(name="digits", checksum="c0ffee", describe=lambda: "ten rows")
    with recording.recorded(history, sweep, Sweep(), LINE, data=data):
        run_trial(sweep, [0.5])
    (session,) = history.sessions()
    history.close()
    assert (session.data, session.dataset, session.data_checksum) == (
        "ten rows",
        "digits",
        "c0ffee",
    )
    assert set(session.versions) == {
        "python", "caviar-tune", "ray", "torch", "optuna", "hyperopt", "numpy"
    }  # fmt: skip


def test_finding_one_imports_neither_ray_nor_torch_nor_optuna(tmp_path):
    write_sweep(tmp_path / "x", Sweep(), space=search_spaces.get("mlp"))
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from caviar.store import experiments\n"
        f"experiments.find('x', Path({str(tmp_path)!r}))\n"
        "print([name for name in ('ray', 'torch', 'optuna') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n", done.stderr

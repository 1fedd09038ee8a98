"""`summary.json`: exactly these keys, values worked by hand."""

from __future__ import annotations

import json
import math

import pytest
from without_ray import Clock, controller, report, run_trial, summary_of

from caviar.store.layout import write_json
from caviar.store.summary import versions

KEYS = [
    "name",
    "recipe",
    "seed",
    "metric",
    "mode",
    "trials",
    "epochs_trained",
    "wall_seconds",
    "baseline",
    "best",
    "versions",
    "answer",
]


def summarised(sweep, folder):
    """As a program reads it from the file; strict JSON, so no NaN."""
    write_json(summary_of(sweep, folder, name="x", recipe="asha_optuna"), folder / "s.json")

    def no(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads((folder / "s.json").read_text(), parse_constant=no)


def save(folder, trial, epoch, *, session=0):
    """A checkpoint of a trial in the folder of the sweep."""
    name = f"trial-{trial:04d}" + (f".{session}" if session else "")
    path = folder / "trials" / name / f"checkpoint_{epoch:06d}"
    path.mkdir(parents=True)
    manifest = {"format": 1, "epoch": epoch, "metrics": {}, "best_epoch": 1, "best_metrics": {}}
    path.joinpath("checkpoint.json").write_text(
        json.dumps({**manifest, "configuration": {}, "files": {}})
    )
    return str(path)


def test_a_whole_sweep(tmp_path):
    clock = Clock()
    sweep = controller(max_epochs=2, seed=7, clock=clock, spent=100.0)
    number = sweep.next().record.number
    report(sweep, number, 1, 0.5, val_loss=1.5, epoch=1.0)
    report(sweep, number, 2, 0.25, val_loss=1.25, epoch=2.0)
    sweep.free(number)
    number = sweep.next().record.number
    report(sweep, number, 1, 0.75, val_loss=math.nan, epoch=1.0)
    report(sweep, number, 2, 0.5, val_loss=math.inf, epoch=2.0)
    sweep.free(number)
    run_trial(sweep, [0.9], error="RuntimeError")
    run_trial(sweep, [0.9, math.nan], diverged=True)
    sweep.next()
    report(sweep, 4, 1, 0.1)  # put aside
    save(tmp_path, 1, 1)
    newest = save(tmp_path, 1, 2, session=1)
    save(tmp_path, 0, 2)
    clock.now += 23.4567
    found = summarised(sweep, tmp_path)
    assert list(found) == KEYS
    assert found.pop("versions") == versions()
    assert found == {
        "name": "x",
        "recipe": "asha_optuna",
        "seed": 7,
        "metric": "val_accuracy",
        "mode": "max",
        "trials": {"total": 5, "completed": 2, "stopped_early": 0, "failed": 1, "diverged": 1},
        "epochs_trained": 8,
        "wall_seconds": 123.457,
        "baseline": {
            "config": {"learning_rate": 0.01},
            "metrics": {"val_accuracy": 0.5, "val_loss": 1.5, "epoch": 1.0},
        },
        "best": {
            "trial": 1,
            "epoch": 1,
            "config": sweep.trials[1].config,
            "metrics": {"val_accuracy": 0.75, "val_loss": None, "epoch": 1.0},
            "checkpoint": newest,
        },
        "answer": None,
    }


def test_an_unfinished_trial_is_in_the_total_alone(tmp_path):
    sweep = controller(max_epochs=2, max_total_epochs=1)
    number = sweep.next().record.number
    report(sweep, number, 1, 0.5)
    sweep.free(number)
    assert summarised(sweep, tmp_path)["trials"] == {
        "total": 1,
        "completed": 0,
        "stopped_early": 0,
        "failed": 0,
        "diverged": 0,
    }


def test_before_the_first_trial(tmp_path):
    found = summarised(controller(), tmp_path)
    assert list(found) == KEYS
    assert found["trials"]["total"] == found["epochs_trained"] == 0
    assert found["baseline"] == {"config": None, "metrics": None}
    assert found["best"] is None


@pytest.mark.parametrize("how", [{"error": "RuntimeError"}, {"diverged": True}])
def test_a_default_that_did_not_train(how, tmp_path):
    sweep = controller(max_epochs=2)
    run_trial(sweep, [math.nan], **how)
    found = summarised(sweep, tmp_path)
    assert found["baseline"] == {"config": {"learning_rate": 0.01}, "metrics": None}
    assert found["best"] is None
    run_trial(sweep, [0.5, 0.25])
    found = summarised(sweep, tmp_path)
    assert (found["best"]["trial"], found["best"]["epoch"]) == (1, 1)
    assert found["best"]["checkpoint"] is None


def test_the_default_may_win(tmp_path):
    sweep = controller(max_epochs=1)
    run_trial(sweep, [0.5])
    run_trial(sweep, [0.4])
    found = summarised(sweep, tmp_path)
    assert found["best"]["trial"] == 0
    assert found["best"]["metrics"] == found["baseline"]["metrics"]
    assert found["best"]["config"] == found["baseline"]["config"]


def test_less_is_better(tmp_path):
    sweep = controller(max_epochs=2, mode="min")
    run_trial(sweep, [0.5, 0.75])
    run_trial(sweep, [0.25, 0.3])
    found = summarised(sweep, tmp_path)
    assert found["mode"] == "min"
    assert (found["best"]["trial"], found["best"]["epoch"]) == (1, 1)
    assert found["baseline"]["metrics"] == {"val_accuracy": 0.5}


def test_versions_are_those_of_what_it_ran_on():
    names = ["python", "caviar-tune", "ray", "torch", "optuna", "hyperopt", "numpy"]
    assert list(versions()) == names
    assert all(version[0].isdigit() for version in versions().values())


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "summary.json"
    write_json({"a": 1, "where": tmp_path}, path)
    assert json.loads(path.read_text()) == {"a": 1, "where": str(tmp_path)}
    with path.open() as reader:  # who has it open while it is written again reads the old one
        write_json({"a": 2}, path)
        assert json.load(reader)["a"] == 1
    assert json.loads(path.read_text()) == {"a": 2}
    circle: dict = {}
    circle["self"] = circle
    with pytest.raises(ValueError, match="Circular"):
        write_json(circle, path)
    assert json.loads(path.read_text()) == {"a": 2}
    assert list(tmp_path.iterdir()) == [path]

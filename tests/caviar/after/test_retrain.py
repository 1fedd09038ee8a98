"""`caviar retrain`: on which rows, for how long, what is written, what is refused."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import joblib
import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import SGDClassifier
from torch.nn import functional
from trained import train_sweep
from without_ray import LINE

from caviar import NoStopping, Pbt, Random, Sweep
from caviar.after import retraining
from caviar.base.format import number
from caviar.cli import main
from caviar.driver import loading
from caviar.store import experiments
from search_spaces import Choice, Fixed, SearchSpace
from trainables import EstimatorTrainable, GeneratorTrainable, TorchTrainable
from trainables.loops import SupervisedLoop, read_checkpoint
from trainables.models import build_mlp

SPACE = SearchSpace(
    "small",
    [
        *LINE,
        Choice(name="hidden_layers", options=[1, 2], default=1),
        Fixed(name="units_1", value=8),
        Fixed(name="schedule", value="cosine"),
    ],
)
ASKED = Sweep(dataset="digits", max_epochs=4, trials=3, scheduler=NoStopping())


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """The sweep x, which nobody writes to, and y, of trials that go wrong."""
    storage = tmp_path_factory.mktemp("storage")
    train_sweep(storage / "x", ASKED, space=SPACE)
    bad = replace(ASKED, trainable="faulty:FailsAndDiverges", trials=6, max_epochs=2)
    train_sweep(storage / "y", bad, space=LINE)
    return storage


@pytest.fixture(scope="module")
def experiment(storage):
    return experiments.find("x", storage)


@pytest.fixture
def retrain(storage, capsys):
    def run(name, *args, code=0):
        asked = ["retrain", name, "--storage", storage, *args]
        assert main.main([str(arg) for arg in asked]) == code
        return capsys.readouterr()

    return run


def notes(folder):
    return json.loads((folder / "retrain.json").read_text())


def test_the_best_trial_on_all_rows(retrain, experiment, tmp_path):
    out, err = retrain("x", "--out", tmp_path / "a" / "out")
    assert err == ""
    found = notes(tmp_path / "a" / "out")
    records = experiment.trials()
    best = experiment.best(records)
    epochs = records.best_report(best.number).epoch
    assert (found["trial"], found["config"], found["seed"]) == (best.number, best.config, best.seed)
    assert (found["epochs"], found["schedule_over"]) == (epochs, 4)
    assert len(found["curve"]) == epochs
    assert found["rows"] == "train+val"
    assert "1,437 training, 0 validation and 360 test rows" in found["data"]  # 1,077 + 360
    assert found["data"] in out
    assert not [name for row in found["curve"] for name in row if name.startswith("val_")]
    assert set(found["test"]) == {"loss", "accuracy", "f1"}
    assert f"accuracy {found['test']['accuracy']:.4g}" in out
    assert found["experiment"] == str(experiment.folder)
    assert found["options"]["dataset"] == "digits"
    assert "torch" in found["versions"]
    checkpoint = read_checkpoint(tmp_path / "a" / "out")
    assert (checkpoint.best_epoch, checkpoint.state["epoch"]) == (epochs, epochs)
    assert dict(checkpoint.configuration) == best.config
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["out"], "no part is left"


def test_on_the_training_rows_it_is_the_trial_itself(retrain, experiment, tmp_path):
    """With the sweep's rows, epochs and seed: the same curve, and the test score on top."""
    retrain("x", "--trial", 1, "--on", "train", "--out", tmp_path / "out")
    found = notes(tmp_path / "out")
    clocks = {"epoch_seconds", "samples_per_second"}
    record = experiment.trials()[1]
    assert [{n: v for n, v in row.items() if n not in clocks} for row in found["curve"]] == [
        {n: v for n, v in report.metrics.items() if n not in clocks} for report in record.reports
    ]
    best = experiment.trials().best_report(1)
    assert read_checkpoint(tmp_path / "out").best_epoch == best.epoch


def test_the_test_score_is_that_of_the_kept_weights(retrain, experiment, tmp_path):
    """Computed again here, from the checkpoint and the files of the data set."""
    retrain("x", "--on", "train", "--epochs", 3, "--out", tmp_path / "out")
    found = notes(tmp_path / "out")
    data, _ = loading.load_data(ASKED)
    checkpoint = read_checkpoint(tmp_path / "out")
    model = build_mlp(found["config"], data.input_shape, data.classes)
    model.load_state_dict(checkpoint.best_weights)
    with torch.inference_mode():
        predicted = model.eval()(torch.from_numpy(data.x_test)).argmax(1).numpy()
    assert found["test"]["accuracy"] == pytest.approx(np.mean(predicted == data.y_test), abs=1e-12)


def test_a_finished_training_is_not_lost_where_the_test_rows_find_no_room(
    retrain, tmp_path, monkeypatch
):
    retrain("x", "--epochs", 2, "--out", tmp_path / "expected")
    real, calls = SupervisedLoop.score, []

    def score(*args):
        calls.append(1)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(*args)

    monkeypatch.setattr(SupervisedLoop, "score", score)
    retrain("x", "--epochs", 2, "--out", tmp_path / "out")
    assert len(calls) == 2
    assert notes(tmp_path / "out")["test"] == notes(tmp_path / "expected")["test"]


@pytest.mark.parametrize(
    ("options", "epochs", "over", "line"),
    [
        ([], 4, 4, "cosine, over 4 epochs (as in the sweep)"),
        (["--epochs", 2], 2, 2, "cosine, over 2 epochs (in the sweep over 4)"),
        (["--epochs", 6], 6, 6, "cosine, over 6 epochs (in the sweep over 4)"),
        (
            ["--epochs", 2, "--schedule-over", 4],
            2,
            4,
            "cosine, over 4 epochs (as in the sweep)",
        ),
    ],
)
def test_epochs_and_schedule(options, epochs, over, line, retrain, tmp_path):
    out, _ = retrain("x", "--on", "train", *options, "--out", tmp_path / "out")
    found = notes(tmp_path / "out")
    assert (found["epochs"], found["schedule_over"]) == (epochs, over)
    assert line in out


def test_a_schedule_over_more_epochs_is_the_beginning_of_a_longer_run(retrain, tmp_path):
    """What --schedule-over is for: the first epochs of a run of six, and of a run of two."""
    common = ["x", "--on", "train", "--trial", 0, "--epochs"]
    for name, options in {"2of6": [2, "--schedule-over", 6], "6": [6], "2": [2]}.items():
        retrain(*common, *options, "--out", tmp_path / name)
    loss = {
        name: [row["train_loss"] for row in notes(tmp_path / name)["curve"]]
        for name in ("2of6", "6", "2")
    }
    assert loss["2of6"] == loss["6"][:2]
    assert loss["2"][1] != loss["6"][1]


def test_another_seed(retrain, tmp_path):
    for seed in (1, 2):
        retrain("x", "--epochs", 1, "--seed", seed, "--out", tmp_path / str(seed))
    one, two = notes(tmp_path / "1"), notes(tmp_path / "2")
    assert (one["seed"], two["seed"]) == (1, 2)
    assert one["curve"][0]["train_loss"] != two["curve"][0]["train_loss"]


def test_plateau_without_validation_rows_watches_the_training_loss(experiment):
    record = experiment.trials()[0]
    record = replace(record, config={**record.config, "schedule": "plateau"})
    for rows, notes in {
        "train": [],
        "train+val": ["schedule   plateau, which watches the training loss: no row validates"],
    }.items():
        plan = retraining.plan(
            experiment, record, rows=rows, epochs=None, schedule_over=None, seed=None
        )
        assert plan.notes(ASKED) == notes


def test_of_a_fork_it_is_said_what_is_not_repeated(retrain, tmp_path):
    scheduler = Pbt(interval=1, share=0.5)
    asked = replace(ASKED, trials=3, seed=1, searcher=Random(), scheduler=scheduler)
    records = train_sweep(tmp_path / "pbt", asked, space=LINE).trials
    assert (records[4].parent, records[3].parent) == (3, 2), "a fork of a fork"
    out, _ = retrain(tmp_path / "pbt", "--trial", 4, "--out", tmp_path / "out")
    rates = [number(records[n].config["learning_rate"]) for n in (2, 3)]
    assert (
        "fork       trial 4 went on from others, which is not repeated: it is trained from the "
        "start with its own configuration\n"
        f"           trial 2 to epoch 1: learning_rate={rates[0]}\n"
        f"           trial 3 to epoch 2: learning_rate={rates[1]}\n"
    ) in out
    found = notes(tmp_path / "out")
    assert found["forked_at"] == 2
    assert found["ancestors"] == [
        {"trial": 2, "config": records[2].config, "forked_at": 0},
        {"trial": 3, "config": records[3].config, "forked_at": 1},
    ]


def test_all_rows_are_standardised_by_all_rows():
    data, inputs = retraining.load_rows(ASKED, "train+val")
    assert data.x_train.mean() == pytest.approx(0, abs=1e-5)  # grey images: one mean for all
    assert data.x_train.std() == pytest.approx(1, abs=1e-5)
    assert len(data.x_val) == 0
    raw, plain = retraining.load_rows(replace(ASKED, standardise=False), "train+val")
    assert plain == {"columns": None, "standardise": None, "labels": list(range(10))}
    assert (raw.x_train.min(), raw.x_train.max()) == (0, 1)
    shift, factor = raw.standards()
    np.testing.assert_array_equal(data.x_test, (raw.x_test - shift) * factor)
    standards = {"subtract": shift[0].tolist(), "multiply": factor[0].tolist()}
    assert inputs == {**plain, "standardise": standards}


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["zzz"], r"There is no sweep 'zzz', .*"),
        (["x", "--trial", 9], r"'x' has no trial 9: its trials are 0 … 2\."),
        (["x", "--epochs", 0], r"--epochs must be at least 1, and it is 0\."),
        (["x", "--seed", -1], r"--seed must be at least 0, and it is -1\."),
        (
            ["x", "--epochs", 5, "--schedule-over", 4],
            r"--schedule-over must be at least the 5 epochs that are trained, and it is 4\.",
        ),
        (["x", "--on", "test"], r"argument --on: invalid choice: 'test' .*"),
        (["x", "--out", "taken"], r"taken holds something already: choose another --out\."),
        (["x", "--out", "taken/notes/out"], r"The folder .* cannot be made \(Not a dir.*\): .*"),
        (
            ["y", "--trial", 4],
            r"Trial 4 of 'y' has no epoch with a finite val_accuracy: choose another .*",
        ),
        (
            ["x", "--trainable", "test_retrain:Foreign"],
            r"Foreign is not derived from trainables.LoopTrainable, whose checkpoints .*",
        ),
        (
            ["x", "--trainable", "test_retrain:Own"],
            r"Own validates by itself and needs validation rows, .*: add --on train\.",
        ),
    ],
)
def test_bad_input(args, told, retrain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes").write_text("")
    if "--out" not in args:
        args = [*args, "--out", "new/out"]
    _, err = retrain(*args, code=2)
    assert re.fullmatch("caviar: " + told + "\n", err)
    assert not (tmp_path / "new" / "out").exists()
    assert not list(tmp_path.glob("**/.*")), "a part is left"


class Foreign:
    """Reports metrics, and is none of ours."""

    metrics = ("val_accuracy",)


class Own(GeneratorTrainable):
    """Validates by itself."""

    def run_epochs(self, config, data, state, epochs):
        for _ in epochs:
            yield {"val_accuracy": 0.5}, {}


class Diverges(TorchTrainable):
    """Every loss is not a number."""

    def build_loss(self, config):
        return lambda logits, labels: functional.cross_entropy(logits, labels) * math.nan


def test_a_training_that_diverges(retrain, tmp_path):
    class_name = "test_retrain:Diverges"
    _, err = retrain("x", "--trainable", class_name, "--out", tmp_path / "out", code=1)
    assert err == (
        "caviar: It ended as diverged: The loss is not finite any more in batch 0 of epoch 1.\n"
    )
    assert list(tmp_path.iterdir()) == []


class Estimator(EstimatorTrainable):
    """Learns on, or is fitted anew with more trees."""

    refitted = False

    def build_estimator(self, config, epoch):
        if self.refitted:
            return ExtraTreesClassifier(epoch, random_state=0)
        return SGDClassifier(random_state=0)


class Refitted(Estimator):
    refitted = True


class CannotBePickled(Estimator):
    def build_estimator(self, config, epoch):
        estimator = super().build_estimator(config, epoch)
        estimator.note = lambda: None
        return estimator


@pytest.mark.parametrize("kind", ["Estimator", "Refitted"])
@pytest.mark.parametrize("rows", ["train", "train+val"])
def test_an_estimator_is_written_as_it_was_at_the_epoch_that_is_kept(kind, rows, retrain, tmp_path):
    out, _ = retrain(
        "x", "--on", rows, "--trainable", f"test_retrain:{kind}", "--out", tmp_path / "out"
    )
    assert "estimator  estimator.joblib" in out
    found = notes(tmp_path / "out")
    assert found["estimator"] == "estimator.joblib"
    estimator = joblib.load(tmp_path / "out" / "estimator.joblib")
    raw, _ = loading.load_data(replace(ASKED, standardise=False))
    numbers = {name: np.float32(value) for name, value in found["standardise"].items()}
    x = (raw.x_test - numbers["subtract"]) * numbers["multiply"]
    predicted = [found["labels"][n] for n in estimator.predict(x.reshape(len(x), -1))]
    assert np.mean(predicted == raw.y_test) == pytest.approx(found["test"]["accuracy"], abs=1e-12)


def test_an_estimator_that_cannot_be_written(retrain, tmp_path):
    out, _ = retrain("x", "--trainable", "test_retrain:CannotBePickled", "--out", tmp_path / "out")
    assert "estimator  not written: The estimator cannot be pickled (" in out
    assert notes(tmp_path / "out")["test"] is not None
    assert not (tmp_path / "out" / "estimator.joblib").exists()


def test_a_trainable_that_cannot_score(retrain, tmp_path):
    out, _ = retrain(
        "x", "--on", "train", "--trainable", "test_retrain:Own", "--out", tmp_path / "out"
    )
    assert "test       not taken: the class cannot score rows by itself" in out
    assert notes(tmp_path / "out")["test"] is None


def test_by_default_it_is_put_into_the_folder_of_the_sweep(tmp_path, capsys):
    train_sweep(tmp_path / "z", replace(ASKED, trials=1, max_epochs=1), space=SPACE)
    assert main.main(["retrain", str(tmp_path / "z")]) == 0
    assert notes(tmp_path / "z" / "retrained" / "trial-0000")["epochs"] == 1
    assert main.main(["retrain", str(tmp_path / "z")]) == 2
    assert "retrained/trial-0000 holds something already" in capsys.readouterr().err

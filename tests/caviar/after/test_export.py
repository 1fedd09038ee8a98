"""`caviar export`: each format loads as it says and gives the logits of the trained model."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from trained import train_sweep
from without_ray import LINE

from caviar import NoStopping, Sweep
from caviar.after import model_card
from caviar.cli import main
from caviar.driver import loading
from caviar.store import experiments
from search_spaces import Choice, Fixed, SearchSpace
from trainables import EstimatorTrainable, GeneratorTrainable, TorchTrainable
from trainables.loops import read_checkpoint
from trainables.models import build_mlp, build_resnet

SPACE = SearchSpace(
    "small",
    [
        *LINE,
        Choice(name="normalisation", options=["batch", "none"], default="batch"),
        Fixed(name="units_1", value=8),
        Fixed(name="dropout", value=0.2),
    ],
)
ASKED = Sweep(dataset="digits", max_epochs=2, trials=4, keep_checkpoints=2, scheduler=NoStopping())


class Halved(TorchTrainable):
    """Trains on half of each image, which its data is made of."""

    def prepare_data(self, data):
        return replace(
            data, x_train=data.x_train[:, :4], x_val=data.x_val[:, :4], x_test=data.x_test[:, :4]
        )


class DependsOnItsInput(TorchTrainable):
    """What this model computes is not one graph."""

    def build_model(self, config, input_shape, classes):
        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = build_mlp(config, input_shape, classes)

            def forward(self, x):
                logits = self.model(x)
                return logits if len(x) <= 2 else logits * 2

        return Model()


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """Sweeps that nobody writes to."""
    storage = tmp_path_factory.mktemp("storage")
    train_sweep(storage / "x", ASKED, space=SPACE)
    train_sweep(storage / "y", replace(ASKED, trials=1), space=SPACE)
    train_sweep(storage / "raw", replace(ASKED, standardise=False, trials=1), space=SPACE)
    train_sweep(storage / "folds", replace(ASKED, folds=2, trials=1), space=SPACE)
    for name, kind in (("halved", "Halved"), ("branches", "DependsOnItsInput")):
        one = replace(ASKED, trials=1, trainable=f"test_export:{kind}")
        train_sweep(storage / name, one, space=SPACE)
    small = {"depth": 8, "width": 2}
    images = SearchSpace("images", [*LINE, *(Fixed(name=n, value=small[n]) for n in small)])
    resnet = replace(
        ASKED, trials=1, max_epochs=1, trainable="trainables:ResNetTrainable", train_size=100
    )
    train_sweep(storage / "resnet", resnet, space=images)
    return storage


@pytest.fixture
def export(storage, tmp_path, capsys):
    def run(name, *args, code=0):
        asked = ["export", name, "--storage", storage, "--out", tmp_path / "out", *args]
        assert main.main([str(arg) for arg in asked]) == code
        return capsys.readouterr()

    return run


def about(folder):
    return json.loads((folder / "configuration.json").read_text())


def raw_test_rows(rows=300):
    """As the files have them, 0 … 1."""
    data, _ = loading.load_data(replace(ASKED, standardise=False))
    return data.x_test[:rows]


def trained_logits(storage, name, found, builder=build_mlp):
    """What the trial's model says of the test rows, standardised as in the sweep."""
    experiment = experiments.find(name, storage)
    data, _ = loading.load_data(experiment.options)
    trial = experiment.folder / "trials" / f"trial-{found['trial']:04d}"
    (place,) = trial.glob(f"checkpoint_*{max(p.name for p in trial.glob('checkpoint_*'))[-6:]}")
    model = builder(found["hyperparameters"], data.input_shape, data.classes)
    model.load_state_dict(read_checkpoint(place).best_weights)
    with torch.inference_mode():
        return model.eval()(torch.from_numpy(data.x_test[:300])).numpy()


WITHOUT_CAVIAR = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("trainables", "pipelines", "search_spaces", "ray"):
            raise ImportError(f"{name} must not be needed")
sys.meta_path.insert(0, Refuse())
"""
RUN = """
import numpy as np, torch
rows = torch.from_numpy(np.load("rows.npy"))
with torch.inference_mode():
    CODE
np.save("logits.npy", logits.numpy())
"""


def code_of_the_card(out):
    (code,) = re.findall(r"```python\n(.*?)```", (out / "README.md").read_text(), re.DOTALL)
    return code


def logits_of_the_card(out, before=""):
    """What the code on the card says of the test rows, in a process of its own."""
    np.save(out / "rows.npy", raw_test_rows())
    code = code_of_the_card(out)
    script = before + RUN.replace("CODE", code.replace("\n", "\n    "))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=out, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return np.load(out / "logits.npy")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("x", "torchscript"),
        ("x", "torch_export"),
        ("raw", "torchscript"),
        ("resnet", "torch_export"),
    ],
)
def test_a_whole_model_needs_no_caviar_and_takes_rows_as_they_are(
    name, form, export, storage, tmp_path
):
    export(name, "--format", form)
    found = about(tmp_path / "out")
    logits = logits_of_the_card(tmp_path / "out", before=WITHOUT_CAVIAR)
    builder = build_resnet if name == "resnet" else build_mlp
    expected = trained_logits(storage, name, found, builder)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert found["standardises_itself"] is (name != "raw")
    assert found["largest_difference_of_logits"] <= 1e-4


def test_the_code_for_the_weights_alone(export, storage, tmp_path):
    export("raw")
    expected = trained_logits(storage, "raw", about(tmp_path / "out"))
    np.testing.assert_allclose(logits_of_the_card(tmp_path / "out"), expected, rtol=1e-5)


def test_the_weights_alone(export, storage, tmp_path):
    """Into a network that is written by hand, with inputs standardised by the numbers beside it."""
    out, err = export("y")
    assert err == ""
    found = about(tmp_path / "out")
    assert (found["trial"], found["format"], found["file"]) == (0, "state_dict", "weights.pt")
    assert found["hyperparameters"] == SPACE.default()
    by_hand = torch.nn.Sequential()
    by_hand.flatten = torch.nn.Flatten()
    by_hand.hidden_1 = torch.nn.Linear(64, 8, bias=False)
    by_hand.normalisation_1 = torch.nn.BatchNorm1d(8)
    by_hand.activation_1 = torch.nn.ReLU()
    by_hand.output = torch.nn.Linear(8, 10)
    by_hand.load_state_dict(torch.load(tmp_path / "out" / "weights.pt", weights_only=True))
    numbers = {name: np.float32(value) for name, value in found["standardise"].items()}
    rows = (raw_test_rows() - numbers["subtract"]) * numbers["multiply"]
    with torch.inference_mode():
        logits = by_hand.eval()(torch.from_numpy(rows)).numpy()
    expected = trained_logits(storage, "y", found)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert f"{tmp_path}/out/weights.pt" in out
    assert "choose a license" in out


def test_the_card(export, storage, tmp_path):
    export("x")
    card = (tmp_path / "out" / "README.md").read_text()
    found = about(tmp_path / "out")
    experiment = experiments.find("x", storage)
    best = experiment.best(experiment.trials())
    assert found["trial"] == best.number
    assert card.startswith(f"# x, trial {best.number}\n")
    assert f"- data: {found['data']}" in card
    assert (
        "- input: float32 [n, 8, 8], with the values of the data set (images: 0 … 1), "
        "standardised: minus `subtract`"
    ) in card
    assert "- license: choose one" in card
    assert f"| learning_rate | {best.config['learning_rate']:.4g} |" in card
    assert f"| val_accuracy | {found['metrics']['val_accuracy']:.4g} |" in card
    assert "caviar sweep random_search --dataset digits " in card
    assert f"| torch | {torch.__version__} |" in card
    assert "The test rows were not looked at: `caviar retrain` does so, once." in card


def test_a_retrained_model(export, storage, tmp_path, capsys):
    where = ["x", "--storage", str(storage)]
    assert main.main(["retrain", *where, "--trial", "1", "--out", str(tmp_path / "again")]) == 0
    capsys.readouterr()
    export("x", "--from", tmp_path / "again", "--format", "torch_export")
    found = about(tmp_path / "out")
    notes = json.loads((tmp_path / "again" / "retrain.json").read_text())
    assert (found["trial"], found["trained_on"], found["test"]) == (1, "train+val", notes["test"])
    card = (tmp_path / "out" / "README.md").read_text()
    assert "on the training and the validation rows; the weights are" in card
    assert f"| test_accuracy | {notes['test']['accuracy']:.4g} |" in card
    model = torch.export.load(tmp_path / "out" / "model.pt2").module()
    data, _ = loading.load_data(replace(ASKED, standardise=False))
    with torch.inference_mode():
        predicted = model(torch.from_numpy(data.x_test)).argmax(1).numpy()
    assert np.mean(predicted == data.y_test) == pytest.approx(notes["test"]["accuracy"], abs=0.003)


def test_the_code_for_a_model_of_ones_own_says_where_it_is_built(export, tmp_path):
    export("branches")
    code = code_of_the_card(tmp_path / "out")
    given = 'about["hyperparameters"], about["input_shape"], about["classes"]'
    comment = (
        f"# Build model here, as build_model of test_export:DependsOnItsInput does\n# of {given}."
    )
    assert comment in code
    built = code.replace(comment, f"model = DependsOnItsInput.build_model(None, {given})")
    found = {"DependsOnItsInput": DependsOnItsInput, "rows": torch.zeros(3, 8, 8)}
    with contextlib.chdir(tmp_path / "out"):
        exec(built, found)  # what a person does with it
    assert found["logits"].shape == (3, 10)


def write_table(path, *, shift=0.0):
    """Words, missing words, missing numbers, truth, and labels that are words."""
    draw = np.random.default_rng(0)
    lines = ["size,colour,old,weight,kind"]
    for row in range(120):
        size = draw.normal(10 + 4 * (row % 3), 2) + shift
        colour = draw.choice(["red", "green", "blue", ""])
        weight = "" if row % 5 == 0 else f"{draw.normal(row % 3, 1):.4f}"
        kind = ("pear", "apple", "fig")[row % 3]
        lines.append(f"{size:.4f},{colour},{draw.random() < 0.5},{weight},{kind}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The options and the storage of the sweep "table", which nobody writes to."""
    place = tmp_path_factory.mktemp("table")
    asked = replace(
        ASKED, dataset="table", data_dir=write_table(place / "fruit.csv"), target="kind", trials=1
    )
    train_sweep(place / "table", asked, space=SPACE)
    return asked, place


@pytest.mark.parametrize("form", ["state_dict", "torchscript", "torch_export"])
def test_a_raw_row_of_a_table_by_what_lies_in_the_folder_alone(form, table, export, tmp_path):
    asked, place = table
    export("table", "--storage", place, "--format", form)
    out = tmp_path / "out"
    found = about(out)
    inputs = []
    for row in csv.DictReader((place / "fruit.csv").open()):
        values = []
        for column in found["columns"]:
            text = row[column["name"]]
            if column["kind"] == "words":
                values += [float(text == word) for word in column["words"]]
            elif text in ("True", "False"):
                values.append(float(text == "True"))
            else:
                values.append(float(text) if text else column["missing"])
        inputs.append(values)
    rows = np.array(inputs, np.float32)
    if not found["standardises_itself"]:
        numbers = {name: np.float32(value) for name, value in found["standardise"].items()}
        rows = (rows - numbers["subtract"]) * numbers["multiply"]
    given = {"rows": torch.from_numpy(rows)}
    with contextlib.chdir(out):
        exec(code_of_the_card(out), given)
    predicted = [found["labels"][number] for number in given["logits"].argmax(1).tolist()]

    logits = trained_logits(place, "table", found)
    names = np.array(["apple", "fig", "pear"])
    known = {row.tobytes(): n for n, row in enumerate(np.float32(inputs))}
    raw, _ = loading.load_data(replace(asked, standardise=False))
    lines = [known[row.tobytes()] for row in raw.x_test]
    assert [predicted[line] for line in lines] == names[logits.argmax(1)].tolist()
    np.testing.assert_allclose(
        given["logits"].detach().numpy()[lines], logits, rtol=1e-4, atol=1e-5
    )


def test_the_card_of_a_table(table, export, tmp_path):
    export("table", "--storage", table[1], "--format", "torch_export")
    card = (tmp_path / "out" / "README.md").read_text()
    weight = about(tmp_path / "out")["columns"][3]["missing"]
    assert "images" not in card
    assert "- input: float32 [n, 6], made of the columns below\n" in card
    assert "logits [n, 3]; the largest is the class: 0 apple, 1 fig, 2 pear\n" in card
    assert "| colour | words: blue, green, red |\n" in card
    assert f"| weight | number, missing {weight:.4g} |\n" in card


def test_the_card_of_many_columns_and_labels(table, export, tmp_path):
    """They are in `configuration.json`."""
    export("table", "--storage", table[1])
    found = about(tmp_path / "out")
    many = {**found, "labels": list(range(31)), "columns": found["columns"] * 8}
    card = model_card.write(many, experiments.find("table", table[1]), table[0])
    assert "whose label is in `labels` of `configuration.json`" in card
    assert "in the order of `columns` of `configuration.json`" in card
    assert "| colour |" not in card
    words = [{"name": "word", "kind": "words", "words": [f"w{n}" for n in range(31)]}]
    card = model_card.write(
        {**found, "columns": words}, experiments.find("table", table[1]), table[0]
    )
    assert "w29 … |" in card
    assert "w30" not in card


@pytest.mark.parametrize("again", [False, True])
def test_weights_that_were_trained_on_other_data(again, table, export, tmp_path, capsys):
    """The inputs would be standardised by other numbers, though there are as many."""
    asked, place = table
    other = write_table(tmp_path / "fruit.csv", shift=1.0)
    where = ["table", "--storage", place]
    if again:
        retrained = tmp_path / "again"
        command = ["retrain", *where, "--out", retrained, "--data-dir", other]
        assert main.main([str(word) for word in command]) == 0
        said = r"other than the sweep's: fruit: .* \(checksum (\w{8}) then, (\w{8}) now\)"
        ((then, now),) = re.findall(said, capsys.readouterr().out)
        assert json.loads((retrained / "retrain.json").read_text())["data_checksum"] == now != then
        where += ["--from", retrained]
        other = asked.data_dir
    _, err = export(*where, "--data-dir", other, code=2)
    rows = "96 training, 0" if again else "77 training, 19"
    data = rf"fruit: {rows} .* \(checksum \w{{8}}\)"
    assert re.fullmatch(
        rf"caviar: The weights were trained on {data} and the data is {data}, by which inputs "
        r"would be prepared otherwise: say with --data-dir where it lies as it was, or train on "
        r"today's with caviar retrain .*/table --trial 0, then export that with --from\.\n",
        err,
    )


def test_data_that_the_class_prepares_is_what_the_model_takes(export, tmp_path):
    export("halved", "--format", "torch_export")
    found = about(tmp_path / "out")
    assert found["input_shape"] == [4, 8]
    assert found["standardises_itself"] is False
    model = torch.export.load(tmp_path / "out" / "model.pt2").module()
    assert model(torch.zeros(3, 4, 8)).shape == (3, 10)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "`configuration.json`, then as prepare_data of `test_export:Halved` makes them\n" in card


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["zzz"], r"There is no sweep 'zzz', .*"),
        (["x", "--trial", 9], r"'x' has no trial 9: its trials are 0 … 3\."),
        (["x", "--trial", "WORST"], r"Trial \d of 'x' has no checkpoint, a sweep keeps those of "
            r"its best 2 trials: train it again with caviar retrain .*/x --trial \d, then .*\."),
        (["x", "--trial", 0, "--from", "a"], r"argument --from: not allowed with argument .*"),
        (["x", "--from", "a"], r"--from takes a folder that caviar retrain wrote, and a has no .*"),
        (["x", "--out", "taken"], r"taken holds something already: choose another --out\."),
        (["x", "--format", "onnx"], r"argument --format: invalid choice: 'onnx' .*"),
        (["folds"], r"Each trial of 'folds' is 2 models of a cross-validation: train one with .*"),
        (["branches", "--format", "torchscript"], r"This model written as torchscript computes "
            r"other logits, by up to .*: what it does depends .* Take --format state_dict\."),
        (["branches", "--format", "torch_export"],
            r"This model (cannot be written|written) as torch_export .*state_dict\."),
        (["x", "--trainable", "test_export:Own"], r"caviar export writes torch models, and Own .*"),
        (["folds", "--trainable", "test_export:Loop"],
            r"caviar export writes torch models, and Loop is not derived from .*"),
        (["folds", "--trainable", "test_export:Validates"],
            r"Each trial of .* train one with caviar retrain .* --trial 0 --on train, then .*"),
        (["x", "--trainable", "test_export:Linear"],
            r"caviar export writes torch models, and Linear trains estimators: caviar retrain .*/x "
            r"--trial \d writes the fitted one as estimator\.joblib\."),
        (["x", "--trainable", "trainables:ResNetTrainable"], r".* cannot be rebuilt: .*"),
    ],
)  # fmt: skip
def test_bad_input(args, told, export, storage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes").write_text("")
    kept = {path.parent.name for path in (storage / "x" / "trials").glob("*/checkpoint_*")}
    worst = next(n for n in range(4) if f"trial-{n:04d}" not in kept)
    args = [worst if arg == "WORST" else arg for arg in args]
    _, err = export(*args, code=2)
    assert re.fullmatch("caviar: " + told + "\n", err)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob("**/.*")), "a part is left"


class Own:
    """Reports metrics, and is no torch model."""

    metrics = ("val_accuracy",)


class Loop(GeneratorTrainable):
    """A loop of one's own."""

    def run_epochs(self, config, data, state, epochs):
        for _ in epochs:
            yield {"val_accuracy": 0.5}, {}


class Validates(TorchTrainable):
    """Cannot train without validation rows."""

    needs_validation = True


class Linear(EstimatorTrainable):
    """An estimator."""

    def build_estimator(self, config, epoch):
        raise NotImplementedError


def test_a_damaged_checkpoint(storage, export, tmp_path, monkeypatch):
    experiment = experiments.find("x", storage)
    best = experiment.best(experiment.trials()).number
    place = max((storage / "x" / "trials" / f"trial-{best:04d}").glob("checkpoint_*"))
    weights = place / "best.pt"
    read = Path.read_bytes

    def damaged(path):
        found = read(path)
        return found[:-9] + b"something" if path == weights else found

    monkeypatch.setattr("pathlib.Path.read_bytes", damaged)
    _, err = export("x", code=2)
    assert re.match(r"caviar: The checkpoint cannot be used: .*best.pt is damaged", err)
    assert not (tmp_path / "out").exists()


def test_data_of_a_relative_path_is_found_from_elsewhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows, labels = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    np.savez("mine.npz", x=rows, y=labels)
    asked = replace(ASKED, dataset="arrays", data_dir=Path("mine.npz"), trials=1, max_epochs=1)
    train_sweep(tmp_path / "x", asked, space=SPACE)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    command = ["export", str(tmp_path / "x"), "--out"]
    assert main.main([*command, "found"]) == 0
    np.savez(tmp_path / "mine.npz", x=np.ones((60, 3)), y=labels)
    assert main.main([*command, "changed"]) == 2
    assert "caviar: The weights were trained on mine: 38 training" in capsys.readouterr().err


def test_another_sweeps_retraining(export, storage, tmp_path):
    (tmp_path / "r").mkdir()
    notes = {"trial": 0, "rows": "train", "test": None, "seed": 0, "experiment": "/results/other"}
    (tmp_path / "r" / "retrain.json").write_text(json.dumps(notes))
    _, err = export("x", "--from", tmp_path / "r", code=2)
    assert f"was retrained from /results/other, not from {storage}/x." in err

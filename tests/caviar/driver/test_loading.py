"""From names to things: spaces, trainables, data sets."""

from __future__ import annotations

import dataclasses
import json
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from trained import train_sweep
from without_ray import CHOICES, CONDITIONAL, LINE

import search_spaces
from caviar import Grid, Sweep, UsageError
from caviar.after import retraining
from caviar.driver import loading, preparing, runner
from caviar.ray import cluster
from caviar.store import experiments
from caviar.sweep.sweep import by_name
from search_spaces import Choice, SearchSpace
from search_spaces.encoders.grid import size
from trainables import data, understood
from trainables.data import DataUnavailableError
from trainables.understood import NotUnderstoodError

MIXED = SearchSpace(
    "mixed",
    [
        *CONDITIONAL.parameters,
        Choice(name="nesterov", options=[True, False]),
        Choice(name="clip", options=[None, 1.0]),
        Choice(name="digits", options=["7", 7]),
        Choice(name="only_text", options=["7", "True"]),
    ],
)

MINE = """
from search_spaces import Float, SearchSpace
space = SearchSpace("mine", [Float(name="rate", low=0.1, high=0.2)])
reserved = SearchSpace("mine", [Float(name="_trial", low=0.1, high=0.2)])

class Model:
    metrics = ("val_accuracy", "perplexity")

class Plain:
    pass
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a module of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "my_own_module.py").write_text(MINE)
    yield tmp_path
    sys.modules.pop("my_own_module", None)


# The space.


def test_a_space_by_name_or_as_it_is(here):
    assert loading.load_space(Sweep(space="mlp")) == search_spaces.get("mlp")
    assert loading.load_space(Sweep(space=LINE)) is LINE
    assert loading.load_space(Sweep(space="my_own_module:space")).names == ("rate",)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("learning_rate=0.5", 0.5),
        ("learning_rate=1e-3", 1e-3),
        ("learning_rate=1", 1.0),
        ("units=16", 16),
        ("optimizer=adam", "adam"),
        ('optimizer="adam"', "adam"),
        ("widths=[8, 8]", [8, 8]),
        ("nesterov=true", True),
        ("nesterov=false", False),
        ("nesterov=True", True),
        ("nesterov=False", False),
        ("clip=null", None),
        ("clip=None", None),
        ("clip=1", 1.0),
        ("digits=7", 7),
        ('digits="7"', "7"),
        ("only_text=7", "7"),
        ("only_text=True", "True"),
    ],
)
def test_fixed_values_are_read_as_printed_as_json_or_as_text(text, value):
    space = loading.load_space(Sweep(space=MIXED, fix=(text,)))
    name = text.partition("=")[0]
    assert space[name].value == value
    assert type(space[name].value) is type(value)
    assert json.loads(json.dumps(space.default()[name])) == value


def test_several_are_fixed_and_conditions_are_kept():
    space = loading.load_space(Sweep(space=CONDITIONAL, fix=("optimizer=adam", "units=16")))
    assert "momentum" not in space
    assert space.default() == {
        "learning_rate": 0.01,
        "optimizer": "adam",
        "units": 16,
        "layers": 2,
        "widths": [8],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "mpl"}, "no space is named 'mpl': did you mean 'mlp'"),
        (
            {"space": "my_own_module:reserved"},
            "cannot be named '_trial', .* the space 'mine' has one: rename it",
        ),
        ({"fix": ("learning_rate=2",)}, "learning_rate: must be in 0.0001 … 1, got 2"),
        ({"fix": ("units=1.5",)}, "units: must be a whole number, got 1.5"),
        ({"fix": ("units",)}, "--fix takes NAME=VALUE, and it got 'units'"),
        ({"fix": ("=5",)}, "no parameter ''"),
        ({"fix": ("momentom=0.9",)}, "no parameter 'momentom': did you mean 'momentum'"),
        ({"fix": ("units=1", "units=1")}, "every parameter once, and it got 'units' twice"),
        ({"fix": ("optimizer=adam", "momentum=0.9")}, "cannot hold 'momentum'"),
        ({"fix": ("momentum=0.9", "optimizer=adam")}, "cannot hold 'momentum'"),
        ({"space": LINE, "fix": ("learning_rate=0.1",)}, "holds every parameter: free one"),
        ({"searcher": Grid(points=100)}, "a grid of 100 points an axis .* more than the limit"),
    ],
)
def test_a_space_that_cannot_be_searched(options, message, here):
    with pytest.raises(UsageError, match=message):
        loading.load_space(Sweep(**{"space": CONDITIONAL, **options}))


def test_fixing_makes_a_grid_small_enough():
    asked = Sweep(space=CONDITIONAL, searcher=Grid(points=100), fix=("units=8", "layers=2"))
    with pytest.raises(UsageError, match="more than the limit"):
        loading.load_space(asked)
    fixed = ("units=8", "layers=2", "optimizer=adam")
    space = loading.load_space(Sweep(space=CONDITIONAL, searcher=Grid(points=100), fix=fixed))
    assert size(space, 100) == 100 * 2


# The trainable.


def test_a_trainable_by_name_or_as_it_is(here):
    from trainables import TorchTrainable

    assert loading.load_trainable(Sweep()) is TorchTrainable
    assert loading.load_trainable(Sweep(trainable=TorchTrainable)) is TorchTrainable
    found = loading.load_trainable(Sweep(trainable="my_own_module:Model"))
    assert found.metrics == ("val_accuracy", "perplexity")
    assert str(here) in sys.path, "Ray tells its workers of this path"


@pytest.mark.parametrize("name", search_spaces.names())
def test_every_built_in_space_has_a_trainable_that_understands_it(name):
    space = search_spaces.get(name)
    chosen = loading.with_trainable(Sweep(space=name), space).trainable
    families = {"cnn": "CNNTrainable", "kt": "CNNTrainable", "resnet": "ResNetTrainable"}
    assert chosen == f"trainables:{families.get(name, 'TorchTrainable')}"
    loading.check_trainable(Sweep(space=name, trainable=chosen), space)
    assert by_name(loading.load_trainable(Sweep(space=name))).endswith(chosen.partition(":")[2])


def test_a_trainable_that_is_named_wins():
    for named in ("my_own_module:Model", NoTrainable):
        sweep = Sweep(space="cnn", trainable=named)
        assert loading.with_trainable(sweep, search_spaces.get("cnn")) is sweep
        loading.check_trainable(sweep, search_spaces.get("cnn"))  # nothing is known of it yet


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"space": "cnn", "trainable": "trainables:TorchTrainable"},
            "TorchTrainable does not understand the hyperparameters conv_blocks, filters, "
            "kernel_size, pooling, dense_units, and CNNTrainable would. Leave --trainable out",
        ),
        (
            {"space": "mlp", "trainable": "trainables:ResNetTrainable"},
            "does not understand the hyperparameters hidden_layers, units_1, .*units_4, and Torch",
        ),
        (
            {"space": CONDITIONAL},
            "No built-in trainable understands units, layers, widths of the space conditional: "
            "name yours with --trainable package.module:Class",
        ),
    ],
)
def test_a_space_and_a_trainable_that_do_not_fit(options, message):
    sweep = Sweep(**options)
    space = loading.load_space(sweep)
    with pytest.raises(UsageError, match=message):
        loading.check_trainable(loading.with_trainable(sweep, space), space)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NotUnderstoodError("Reworded."), r"^Reworded\. Leave --trainable out"),
        (ValueError("Mine does not understand it."), r"^Mine does not understand it\.$"),
    ],
)
def test_the_hint_at_another_trainable_hangs_on_the_class_of_the_error(monkeypatch, error, message):
    def refuse(*_):
        raise error

    monkeypatch.setattr(understood, "check_names", refuse)
    sweep = Sweep(space="mlp", trainable="trainables:TorchTrainable")
    with pytest.raises(UsageError, match=message):
        loading.check_trainable(sweep, loading.load_space(sweep))


def test_what_would_fail_every_trial_is_refused_when_the_data_is_known():
    from trainables import CNNTrainable, Dataset

    x, y = np.zeros((4, 3), np.float32), np.arange(4) % 2
    parts = {f"{v}_{part}": x if v == "x" else y for v in "xy" for part in ("train", "val", "test")}
    flat = Dataset(name="flat", classes=2, **parts)
    space = search_spaces.get("cnn")
    _, options = loading.for_trials(Sweep(space="cnn"), flat)
    with pytest.raises(
        UsageError, match=r"CNNTrainable needs images.* of flat have the shape \(3,"
    ):
        loading.check_fits(CNNTrainable, space, flat, options)
    loading.check_fits(NoTrainable, space, flat, options)


def test_what_nothing_reads_is_refused_when_the_data_is_known():
    from trainables import TorchTrainable

    class Own(TorchTrainable):
        def build_model(self, config, input_shape, classes):
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(classes))

    data, _ = loading.load_data(Sweep(dataset="digits"))
    _, options = loading.for_trials(Sweep(), data)
    loading.check_fits(Own, LINE, data, options)
    told = "^Own does not read the hyperparameters activation, units. It reads [^.]*built.$"
    with pytest.raises(UsageError, match=told):
        loading.check_fits(Own, CHOICES, data, options)


class NoTrainable:
    """Names no metrics."""


@pytest.mark.parametrize(
    ("trainable", "message"),
    [
        ("my_own_module", "package.module:Class, and it is 'my_own_module'"),
        ("my_own_module:", "package.module:Class, and it is 'my_own_module:'"),
        (":Model", "package.module:Class, and it is ':Model'"),
        ("my-module:Model", "package.module:Class, and it is 'my-module:Model'"),
        ("nowhere_at_all:Model", "there is no module 'nowhere_at_all': run from the folder"),
        ("nowhere_at_all.deep:Model", "there is no module 'nowhere_at_all': run from the folder"),
        ("my_own_module:Modle", "has no class 'Modle'. Did you mean 'Model'"),
        ("my_own_module:space", r"has no class 'space'\.$"),
        (
            "__main__:Model",
            "The class 'Model' lies in a notebook or a script.* --trainable module:",
        ),
        ("my_own_module:Plain", "my_own_module:Plain is no trainable, it names no metrics"),
        (NoTrainable, "test_loading:NoTrainable is no trainable, it names no metrics"),
    ],
)
def test_what_is_no_trainable(trainable, message, here):
    with pytest.raises(UsageError, match=message):
        loading.load_trainable(Sweep(trainable=trainable))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("\n1 / 0", r"ZeroDivisionError: division by zero \(\S*__init__\.py, line 2\)$"),
        ("raise RuntimeError('my bug')", r"RuntimeError: my bug \(\S*__init__\.py, line 1\)$"),
        ("class Model(:", r"SyntaxError: .* \(__init__\.py, line 1\)$"),
        (
            "import caviar\ncaviar.Sweep(trials=0)",
            r"--trials must be at least 1, and it is 0.* \(\S*__init__\.py, line 2\)$",
        ),
    ],
)
@pytest.mark.parametrize("name", ["my_own_package", "my_own_package.deep"])
def test_a_module_that_cannot_be_imported_is_a_sentence(name, content, told, here):
    (here / "my_own_package").mkdir()
    (here / "my_own_package" / "__init__.py").write_text(content)
    with pytest.raises(UsageError, match=f"--trainable names '{name}', which cannot .*: {told}"):
        loading.load_trainable(Sweep(trainable=f"{name}:Model"))


def test_the_metric_is_one_that_the_trainable_reports(here):
    asked = Sweep(trainable="my_own_module:Model", metric="perplexity")
    loading.check_metric(asked, loading.load_trainable(asked))
    with pytest.raises(UsageError, match="no metric 'perplexity'; TorchTrainable reports train_lo"):
        loading.check_metric(asked, loading.load_trainable(Sweep()))


# What is checked before Ray starts.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "digit"}, "Unknown data set 'digit'. Did you mean 'digits'"),
        ({"dataset": "digits", "train_size": 1078}, "train_size of digits .* it is 1,078"),
        ({"train_size": 60_000}, "train_size of fashion_mnist .* it is 60,000"),
        ({"metric": "val_los"}, "no metric 'val_los'; .* Did you mean 'val_loss'"),
        ({"trainable": "trainables:TorchTrain"}, "no class 'TorchTrain'. Did you mean"),
        ({"trainable": NoTrainable}, "is no trainable"),
    ],
)
def test_the_early_check(options, message, here):
    with pytest.raises(UsageError, match=message):
        loading.check(Sweep(**options))


def test_the_early_check_does_not_import_ones_own_trainable(here):
    loading.check(Sweep(trainable="my_own_module:Anything"))
    assert "my_own_module" not in sys.modules
    loading.check(Sweep(dataset="digits", train_size=1077, val_size=360))
    loading.check(Sweep())


# The data.


def test_data_is_standardised_by_default():
    found, note = loading.load_data(Sweep(dataset="digits", train_size=200, val_size=100))
    raw, _ = loading.load_data(
        Sweep(dataset="digits", train_size=200, val_size=100, standardise=False)
    )
    assert note is None
    assert found.x_train.shape == (200, 8, 8)
    assert found.x_val.shape == (100, 8, 8)
    assert found.x_train.mean() == pytest.approx(0.0, abs=1e-6)
    assert found.x_train.std() == pytest.approx(1.0, abs=1e-6)
    assert (raw.x_train.min(), raw.x_train.max()) == (0.0, 1.0)
    assert np.array_equal(found.y_train, raw.y_train)


def test_auto_takes_digits_where_fashion_mnist_is_not_to_be_had(monkeypatch):
    asked = []

    def load(name, **options):
        asked.append((name, options))
        if name == "fashion_mnist":
            raise DataUnavailableError("no network\nsecond line")
        return real(name, **options)

    real = data.load
    monkeypatch.setattr(data, "load", load)
    found, note = loading.load_data(Sweep(train_size=20_000, val_size=300))
    assert found.name == "digits"
    assert len(found.x_train) == 1077, "the sizes were meant for the other data set"
    assert note == (
        "Sweeping the data set digits: Fashion-MNIST is not to be had here (no network)"
    )
    assert asked[0] == (
        "fashion_mnist",
        {"data_dir": None, "train_size": 20_000, "val_size": 300, "target": None},
    )
    with pytest.raises(UsageError, match="no network"):
        loading.load_data(Sweep(dataset="fashion_mnist"))


def test_damaged_data_is_a_sentence(tmp_path):
    from trainables.data.fashion_mnist import SHA256

    for name in SHA256:
        (tmp_path / name).write_bytes(b"not gzip")
    asked = Sweep(dataset="fashion_mnist", data_dir=tmp_path)
    loading.check(asked)  # the files are there
    with pytest.raises(UsageError, match=r"train-images-idx3-ubyte.gz"):
        loading.load_data(asked)


def test_data_that_never_varies_is_a_sentence(tmp_path):
    np.savez(tmp_path / "same.npz", x=np.ones((40, 2)), y=np.arange(40) % 2)
    asked = Sweep(dataset="arrays", data_dir=tmp_path / "same.npz")
    with pytest.raises(UsageError, match=r"x_train of same must vary .* but it is 1 all over"):
        loading.load_data(asked)
    assert not loading.load_data(dataclasses.replace(asked, standardise=False))[0].is_standardised
    with pytest.raises(UsageError, match=r"x_train of same must vary"):
        retraining.load_rows(asked, "train+val")


def test_what_every_trial_is_given():
    sweep = Sweep(
        max_epochs=5, metric="val_loss", seed=3, cpus_per_trial=2.5, gpus_per_trial=0.25, folds=3
    )
    digits = loading.load_data(Sweep(dataset="digits"))[0]
    given, options = loading.for_trials(sweep, digits)
    assert (len(given.x_train), given.is_pooled) == (len(digits.x_train) + len(digits.x_val), True)
    assert (options.max_epochs, options.metric, options.mode) == (5, "val_loss", "min")
    assert (options.seed, options.cpu_threads, options.folds) == (3, 2, 3)
    assert options.device.memory_share == 0.25
    assert loading.for_trials(Sweep(cpus_per_trial=0.5), digits)[0] is digits
    assert loading.for_trials(Sweep(cpus_per_trial=0.5), digits)[1].cpu_threads == 1


# The data of a sweep that goes on.


def write_table(path, rows=40, *, first=0.5):
    lines = [f"{first if row == 0 else row % 7},{row % 2}" for row in range(rows)]
    path.write_text("\n".join(["size,label", *lines]))


@pytest.fixture
def tabled(tmp_path):
    """The options and the folder of a sweep of a table, each session of which notes its data."""
    write_table(tmp_path / "mine.csv")
    asked = Sweep(
        dataset="table",
        data_dir=tmp_path / "mine.csv",
        max_epochs=1,
        trials=1,
        name="x",
        space=LINE,
        trainable="trainables:TorchTrainable",
    )
    train_sweep(tmp_path / "x", asked)
    return asked, tmp_path / "x"


def test_a_sweep_goes_on_with_its_data_wherever_it_lies(tabled, tmp_path):
    asked, folder = tabled
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "mine.csv").rename(tmp_path / "elsewhere" / "other.csv")
    sweep = dataclasses.replace(asked, data_dir=moved, resume=True)
    assert preparing.prepare(sweep, LINE, None, resumed=folder).found.name == "other"


@pytest.mark.parametrize("rows", [40, 50])
def test_a_sweep_does_not_go_on_with_other_data(rows, tabled, tmp_path):
    asked, folder = tabled
    write_table(tmp_path / "mine.csv", rows, first=0.25)
    now = {40: 26, 50: 32}[rows]
    told = (
        r"A sweep keeps its data, and that of 'x' was mine: 26 .* \(checksum \w{8}\) and is "
        rf"mine: {now} .* \(checksum \w{{8}}\): say with --data-dir where it lies as it was, or "
        r"start a new sweep with --warm-start x\."
    )
    with pytest.raises(UsageError, match=told):
        preparing.prepare(asked, LINE, None, resumed=folder)
    preparing.prepare(asked, LINE, None)  # a new sweep, or a night
    with experiments.find(folder).history() as history:
        (session,) = history.get("sessions")
        del session["data_checksum"]  # as versions that took none have noted it
        history.set("sessions", [session])
    preparing.prepare(asked, LINE, None, resumed=folder)


def test_auto_stays_what_it_stood_for_when_a_sweep_goes_on(tmp_path, monkeypatch):
    asked = Sweep(train_size=20_000, max_epochs=1, trials=1, name="x")
    asked = dataclasses.replace(asked, trainable="trainables:TorchTrainable")
    digits = dataclasses.replace(asked, dataset="digits", train_size=None)
    train_sweep(tmp_path / "x", digits)
    loaded, real = [], data.load
    monkeypatch.setattr(data, "load", lambda name, **options: loaded.append(name) or real(name))
    assert preparing.prepare(asked, LINE, None, resumed=tmp_path / "x").found.name == "digits"
    assert loaded == ["digits"], "Fashion-MNIST is not asked for"


@pytest.mark.parametrize("new_data", [False, True])
def test_a_sweep_that_goes_on_is_prepared_by_its_notes(new_data, tabled, monkeypatch):
    asked, folder = tabled
    given = {}

    def prepare(*args, **options):
        given.update(options)
        raise UsageError("seen")

    monkeypatch.setattr(runner, "prepare", prepare)
    monkeypatch.setattr(cluster, "connected", lambda **options: nullcontext(True))
    sweep = dataclasses.replace(asked, storage=folder.parent, resume=True)
    with pytest.raises(UsageError, match="seen"):
        runner.run(sweep, recipe="random_search", new_data=new_data)
    assert given == {"resumed": None if new_data else folder}


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("LoopTrainable", "build_loop"),
        ("GeneratorTrainable", "run_epochs"),
        ("EstimatorTrainable", "build_estimator"),
    ],
)
def test_a_trainable_without_its_essence_is_refused(name, missing):
    told = rf"trainables:{name} cannot train by itself: derive .* that overrides {missing}\."
    with pytest.raises(UsageError, match=told):
        loading.load_trainable(Sweep(trainable=f"trainables:{name}"))

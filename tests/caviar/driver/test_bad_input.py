"""What a person is told who got something wrong: exit code 2, one sentence, nothing left behind.

All in this process and without Ray: where a test does start it, that is an error of the engine.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys

import pytest
from without_ray import write_sweep

import search_spaces
from caviar import Sweep
from caviar.cli import main

MINE = """
from search_spaces import Choice, Float, SearchSpace

good = SearchSpace("good", [Float(name="learning_rate", low=0.01, high=0.1)])
number = 3

class Model:
    pass

class Trains:
    metrics = ("val_accuracy", "perplexity")

def reversed_bounds():
    return SearchSpace("mine", [Float(name="learning_rate", low=1.0, high=0.1)])

def twice():
    return SearchSpace("mine", [Choice(name="a", options=[1]), Choice(name="a", options=[1])])
"""
DIGITS = ["--dataset", "digits"]
HELP = r"See: caviar sweep RECIPE --help"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with modules of one's own, some files and sweeps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "lacks.py").write_text("import not_installed_at_all")
    (tmp_path / "a_file").write_text("")
    (tmp_path / "rows.csv").write_text("length,kind\n1,a\n2,b\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "results" / "notes").mkdir(parents=True)
    (tmp_path / "results" / "notes" / "todo.txt").write_text("")
    yield tmp_path
    for name in ("mine", "lacks"):
        sys.modules.pop(name, None)


@pytest.fixture
def ray_is_not_started(monkeypatch):
    def connected(*, processes, verbose):
        raise AssertionError("Ray was started")

    monkeypatch.setattr("caviar.ray.cluster.connected", connected)


@pytest.fixture
def sentence(here, capsys):
    """Runs a command that must be refused; the one sentence that a person gets to see."""

    def tree():
        return sorted((str(path), path.stat().st_size) for path in here.rglob("*"))

    def refused(*args):
        before = tree()
        assert main.main([str(arg) for arg in args]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("caviar: ")
        assert err.endswith("\n")
        assert len(err.splitlines()) == 1
        assert tree() == before, "something was left behind"
        return err.removeprefix("caviar: ").removesuffix("\n")

    return refused


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (
            ["sweep", "asha_optun"],
            r"There is no recipe 'asha_optun'; there are .*\. Did you mean 'asha_optuna'\?",
        ),
        (["sweep", "zzz"], r"There is no recipe 'zzz'; there are asha_hyperopt, .*random_search\."),
        (["sweeep"], r".*'sweeep'.*\. See: caviar --help"),
    ],
)
def test_unknown_commands_and_recipes(args, told, sentence, ray_is_not_started):
    assert re.fullmatch(told, sentence(*args))


@pytest.mark.parametrize(
    ("args", "told"),
    [
        # misspelt
        (["--trails", 5], r"There is no option '--trails'\. Did you mean '--trials'\? " + HELP),
        (["--trails=5"], r"There is no option '--trails=5'\. Did you mean '--trials'\? " + HELP),
        (["--zzz"], r"There is no option '--zzz'\. " + HELP),
        (["--searcher.candidate", 5], r".*Did you mean '--searcher.candidates'\? " + HELP),
        (["--searcher.points", 5], r"There is no option '--searcher.points'\. .*" + HELP),
        (["digits"], r"There is no option 'digits'\. " + HELP),
        (["--no-trials"], r"There is no option '--no-trials'\. Did you mean '--trials'\? " + HELP),
        # not of its type
        (["--trials", "many"], r"--trials takes a whole number or None, and it got 'many'\."),
        (["--trials=2.5"], r"--trials takes a whole number or None, and it got '2.5'\."),
        (["--trials"], r"--trials takes a whole number or None, and it got nothing\."),
        (["--trials", "--seed", 1], r"--trials takes a whole number .* it got nothing\."),
        (["--trials", 3, "--trials", "x"], r"--trials takes a whole number .* it got 'x'\."),
        (["--seed", "x"], r"--seed takes a whole number, and it got 'x'\."),
        (["--max_epochs", "x"], r"--max-epochs takes a whole number, and it got 'x'\."),
        (["--time-budget", "1h"], r"--time-budget takes a number or None, and it got '1h'\."),
        (["--mode", "best"], r"--mode takes max, min or None, and it got 'best'\."),
        (["--searcher.candidates", "x"], r"--searcher.candidates takes a whole number, .*'x'\."),
        # out of range
        (["--trials", 0], r"--trials must be at least 1, and it is 0\."),
        (["--trials", -3], r"--trials must be at least 1, and it is -3\."),
        (
            ["--trials", "None"],
            r"A sweep needs an end: give --trials or --time-budget, or .*--patience\.",
        ),
        (["--max-epochs", 0], r"--max-epochs must be at least 1, and it is 0\."),
        (["--time-budget", 0], r"--time-budget must be above 0, and it is 0.0\."),
        (["--time-budget", "inf"], r"--time-budget must be finite, and it is inf\."),
        (["--time-budget", "nan"], r"--time-budget must be finite, and it is nan\."),
        (["--concurrent", 0], r"--concurrent must be at least 1, and it is 0\."),
        (["--cpus-per-trial", 0], r"--cpus-per-trial must be above 0, and it is 0.0\."),
        (["--gpus-per-trial", -1], r"--gpus-per-trial must be at least 0, and it is -1.0\."),
        (["--gpus-per-trial", 1.5], r"--gpus-per-trial is whole above 1, .* and it is 1.5\."),
        (["--workers-per-trial", 0], r"--workers-per-trial must be at least 1, and it is 0\."),
        (
            ["--workers-per-trial", 4, "--gpus-per-trial", 2],
            r"With GPUs each worker .* is 4 with --gpus-per-trial 2: make them the same\.",
        ),
        (["--seed", -1], r"--seed must be at least 0, and it is -1\."),
        (["--keep-checkpoints", 0], r"--keep-checkpoints must be at least 1, and it is 0\."),
        (["--checkpoint-seconds", -1], r"--checkpoint-seconds must be at least 0, .* -1.0\."),
        (["--searcher.candidates", 0], r"candidates must be at least 1, and it is 0\."),
        (
            ["--max-epochs", 5, "--scheduler.min-epochs", 6],
            r"min_epochs must not exceed max_epochs, and they are 6 and 5: "
            r"lower --scheduler.min-epochs or raise --max-epochs\.",
        ),
        (
            ["--scheduler.min-epochs", 0],
            r"--scheduler.min-epochs must be at least 1, .* 0\.",
        ),
        (
            ["--scheduler.reduction-factor", 1],
            r"--scheduler.reduction-factor must be .* it is 1\.",
        ),
        # the device
        (
            ["--device.precision", "float16"],
            r"--device.precision takes auto, float32 or bfloat16, and it got 'float16'\.",
        ),
        (
            ["--device.channels-last", "maybe"],
            r"--device.channels-last takes True, False or None, and it got 'maybe'\.",
        ),
        (
            ["--device.memory-share", 2],
            r"memory_share must be within 0 < share <= 1, but it is 2.0\.",
        ),
        (["--device.compil"], r"There is no .* Did you mean '--device.compile'\? " + HELP),
        # the metric
        (
            ["--metric", "val_acuracy"],
            r"There is no metric 'val_acuracy'; TorchTrainable reports train_loss, .* "
            r"Did you mean 'val_accuracy'\?",
        ),
        (["--metric", "bleu"], r"There is no metric 'bleu'; TorchTrainable reports .*\."),
        # the data
        (["--dataset", "digit"], r"Unknown data set 'digit'. Did you mean 'digits'\? Known: .*"),
        (
            ["--dataset", "cats"],
            r"Unknown data set 'cats'. Known: arrays, cifar10, digits, fashion_mnist, table\.",
        ),
        (
            ["--dataset", "fashion_mnist", "--data-dir", "/nowhere"],
            r"data_dir must be a directory with Fashion-MNIST, but /nowhere is none\.",
        ),
        (["--data-dir", "a_file"], r"data_dir must be a directory .*, but a_file is none\."),
        (
            ["--data-dir", "empty"],
            r"data_dir must hold the four files of Fashion-MNIST, but empty lacks train-images.*, "
            r"t10k-labels-.*\. Put the missing files there, or leave data_dir out\.",
        ),
        (["--dataset", "table"], r"The data set table is read from a file of yours: give .*"),
        (
            ["--dataset", "table", "--data-dir", "rows.csv", "--target", "knid"],
            r"rows.csv has no column 'knid'\. Did you mean 'kind'\? It has length, kind\.",
        ),
        (["--dataset", "arrays", "--data-dir", "a_file"], r"data_dir .* but a_file is neither\."),
        (
            [*DIGITS, "--target", "kind"],
            r"target names a column of a table, and .*: leave it out.*",
        ),
        ([*DIGITS, "--data-dir", "empty"], r"digits .* reads no directory, but .* 'empty'\. .*"),
        (
            [*DIGITS, "--train-size", 2000],
            r"train_size of digits must be within 1 .. 1,077, but it is 2,000\. .*",
        ),
        ([*DIGITS, "--val-size", 361], r"val_size of digits must be within 1 .. 360, .* 361\. .*"),
        (["--train-size", 60_000], r"train_size of fashion_mnist .* 59,999, .* 60,000\. .*"),
        (
            ["--dataset", "fashion_mnist", "--train-size", 59_000, "--val-size", 2000],
            r"val_size \(beside 59,000 to train\) .* 1 .. 1,000, but it is 2,000\. .*",
        ),
        (["--train-size", 0], r"--train-size must be at least 1, and it is 0\."),
        # the space
        (["--space", "mpl"], r"no space is named 'mpl': did you mean 'mlp'\? .*"),
        (["--space", "nowhere:space"], r"no module 'nowhere' for the space 'nowhere:space'.*"),
        (["--space", "mine:god"], r"module 'mine' has no 'god': did you mean 'good'\?"),
        (["--space", "mine:number"], r"mine:number must be a SearchSpace, or a function .* int"),
        (
            ["--space", "lacks:space"],
            r".*lacks:space.* No module named 'not_installed_at_all' \(.*lacks.py, line 1\)",
        ),
        (
            ["--space", "mine:reversed_bounds"],
            r".*learning_rate: low < high must hold, got low=1 and high=0.1: swap them .*",
        ),
        (["--space", "mine:twice"], r".*names must differ, but space 'mine' has 'a' twice.*"),
        (["--fix", "learning_rat=1"], r".* 'learning_rat': did you mean 'learning_rate'\?"),
        (["--fix", "dropout=7"], r"dropout: must be in 0 … 0\.\d+, got 7"),
        (["--fix", "dropout=high"], r"dropout: must be a number, got 'high'"),
        (["--fix", "dropout=NaN"], r"dropout: must be a number, got nan"),
        (["--fix", "activation=rellu"], r"activation: must be one of relu, .*, got 'rellu'"),
        (["--fix", "dropout"], r"--fix takes NAME=VALUE, and it got 'dropout'\."),
        (["--fix", "dropout=0", "dropout=0.1"], r"--fix takes every parameter once, .*'dropout'.*"),
        (
            ["--fix", "hidden_layers=2", "units_4=64"],
            r"--fix cannot hold 'units_4': with what else is fixed it never takes part, so .*",
        ),
        (["--fix", "units_4=64", "hidden_layers=2"], r"--fix cannot hold 'units_4': .*"),
        (
            ["--space", "mine:good", "--fix", "learning_rate=0.02"],
            r"A sweep searches something, and --fix holds every parameter: free one\.",
        ),
        # the trainable
        (["--trainable", "mine"], r"--trainable takes package.module:Class, and it is 'mine'\."),
        (["--trainable", "nowhere:Model"], r"--trainable names the module 'nowhere', and there .*"),
        (["--trainable", "mine.more:Model"], r".* there is no module 'mine\.?\w*': run from .*"),
        (
            ["--trainable", "trainables:TorchTrainble"],
            r"The module 'trainables' has no class 'TorchTrainble'\. "
            r"Did you mean 'TorchTrainable'\?",
        ),
        (
            ["--trainable", "mine:Trains", "--metric", "perplexty"],
            r"There is no metric 'perplexty'; Trains reports val_accuracy, perplexity\. "
            r"Did you mean 'perplexity'\?",
        ),
        (
            ["--space", "resnet", "--trainable", "trainables:CNNTrainable"],
            r"CNNTrainable does not understand the hyperparameters depth, width, and "
            r"ResNetTrainable would\. Leave --trainable out, or name one that does\.",
        ),
        # where it is written
        (["--name", "a/b"], r"--name is one folder inside --storage, and it is 'a/b': .*"),
        (["--name", ".."], r"--name is one folder inside --storage, and it is '\.\.': .*"),
        (["--name", "notes"], r".*/results/notes holds other files already: choose .*"),
        (["--name", "x" * 300], r"The folder .*x cannot be used \(File name too long\): .*"),
        (["--name", "50%"], r"The history is .*, which cannot hold %, .*: choose .*"),
        (["--storage", "a?b/{c}"], r"The history is .*, which cannot hold \? { }, .*"),
        (["--storage", "a_file"], r"The folder .*/a_file/.* \(Not a directory\): choose .*"),
        (["--storage", "/proc/caviar"], r"The folder /proc/caviar/.* cannot be used \(.*\): .*"),
        # resuming
        (["--resume", "--name"], r"--name takes text or None, and it got nothing\."),
        (["--resume"], r"--resume goes on with a sweep by its name: give --name too\."),
        (["--resume", "--name", "x"], r"There is no sweep 'x' to resume in .*/results\."),
    ],
)
def test_bad_options(args, told, sentence, ray_is_not_started):
    told = told.replace("RECIPE", "asha_optuna")
    assert re.fullmatch(told, sentence("sweep", "asha_optuna", *args))


def test_a_grid_that_is_too_large(sentence, ray_is_not_started):
    told = sentence("sweep", "grid_search", *DIGITS, "--searcher.points", 5)
    assert re.fullmatch(r"a grid of 5 points .* more than the limit of 10,000: take fewer .*", told)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--trainable", "mine:Modle"], r"The module 'mine' has no class 'Modle'\. .* 'Model'\?"),
        (["--trainable", "mine:number"], r"The module 'mine' has no class 'number'\..*"),
        (
            ["--trainable", "mine:Model"],
            r"mine:Model is no trainable, it names no metrics: derive it from .*\.",
        ),
        (
            ["--trainable", "lacks:Model"],
            r"--trainable names the module 'lacks', .* no module 'not_installed_at_all': run .*",
        ),
    ],
)
def test_a_trainable_of_ones_own_is_imported_while_ray_starts(args, told, sentence, monkeypatch):
    """Importing it early would cost every good one a second; no trial runs, nothing is written."""
    monkeypatch.setattr(
        "caviar.ray.cluster.connected",
        lambda *, processes, verbose: contextlib.nullcontext(True),
    )
    assert re.fullmatch(told, sentence("sweep", "asha_optuna", *DIGITS, *args))


@pytest.mark.parametrize(
    ("recipe", "args", "told"),
    [
        ("random_search", [], r".*/x holds a sweep already: add --resume to go on .*"),
        ("asha_optuna", ["--resume"], r"'x' was started with the recipe 'random_search': .*"),
        (
            "random_search",
            ["--resume", "--metric", "val_loss"],
            r"metric of 'x' was val_accuracy, .* \(got val_loss\): leave the option out, or .*",
        ),
        ("random_search", ["--resume", "--mode", "min"], r"mode of 'x' was None, .*got min.*"),
        ("random_search", ["--resume", "--max-epochs", 30], r"max_epochs of 'x' was 5, .*got 30.*"),
        ("random_search", ["--resume", "--seed", 1], r"seed of 'x' was 0, .*got 1.*"),
        ("random_search", ["--resume", "--dataset", "digits"], r"dataset of 'x' was auto, .*"),
        ("random_search", ["--resume", "--no-standardise"], r"standardise of 'x' was True, .*"),
        (
            "random_search",
            ["--resume", "--scheduler.min-epochs", 2],
            r"scheduler of 'x' was .*'min_epochs': 1.* keeps it \(got .*'min_epochs': 2.*",
        ),
        (
            "random_search",
            ["--resume", "--space", "cnn"],
            r"'x' searched another space than 'cnn' as it is now: .* or start a new sweep\.",
        ),
        ("random_search", ["--resume", "--fix", "dropout=0"], r"'x' searched another space .*"),
        (
            "random_search",
            ["--resume", "--device.precision", "bfloat16"],
            r"device of 'x' was .*'precision': 'auto'.* keeps it \(got .*'bfloat16'.*",
        ),
        ("random_search", ["--resume", "--trials", 0], r"--trials must be at least 1.*"),
    ],
)
def test_what_does_not_fit_the_sweep_that_is_there(
    recipe, args, told, there, sentence, ray_is_not_started
):
    assert re.fullmatch(told, sentence("sweep", recipe, "--storage", there, "--name", "x", *args))


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A storage with the sweep x, which nobody writes to."""
    storage = tmp_path_factory.mktemp("storage")
    asked = Sweep(max_epochs=5, trainable="trainables:TorchTrainable")
    write_sweep(storage / "x", asked, space=search_spaces.get("mlp"))
    return storage


def test_a_misspelt_name_on_resume(here, sentence, ray_is_not_started):
    write_sweep(here / "results" / "first", Sweep())
    told = sentence("sweep", "random_search", "--resume", "--name", "frist")
    assert re.fullmatch(r"There is no sweep 'frist' .*\. Did you mean 'first'\?", told)


def test_a_sweep_whose_options_are_damaged(here, sentence, ray_is_not_started):
    write_sweep(here / "results" / "x", Sweep())
    (here / "results" / "x" / "sweep.json").write_text('{"recipe": ')
    told = sentence("sweep", "random_search", "--resume", "--name", "x")
    assert re.fullmatch(r".*/x/sweep.json is not readable as JSON \(.*\): restore it .*", told)


def test_bad_input_imports_neither_ray_nor_torch():
    script = (
        "import sys\n"
        "from caviar.cli import main as cli\n"
        "assert cli.main(['sweep', 'asha_optuna', '--dataset', 'digit']) == 2\n"
        "print([name for name in ('ray', 'torch', 'sklearn') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("recipe", "args", "told"),
    [
        (
            "coarse_to_fine",
            ["--trials", "None", "--time-budget", 60],
            r"The trials are shared out among the stages, and without --trials nobody knows how "
            r"many there will be: give --trials, or --searcher.stage-trials\.",
        ),
        ("coarse_to_fine", ["--searcher.stages", 1], r"stages must be at least 2, .* it is 1\."),
        ("coarse_to_fine", ["--searcher.fine", "tpe"], r"--searcher.fine takes .* it got 'tpe'\."),
        (
            "importance_staged",
            ["--space", "mine:good"],
            r"Every searched parameter of the space 'good' has the same tier .*asha_parzen\.",
        ),
    ],
)
def test_stages_that_cannot_be_made(recipe, args, told, sentence, ray_is_not_started):
    assert re.fullmatch(told, sentence("sweep", recipe, *DIGITS, *args))

"""The public surface and the options, which are pinned, and how a command ends. Without Ray."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from without_ray import LINE, METRIC, open_history, write_sweep

import caviar
import search_spaces
import trainables
from caviar import Sweep, UsageError
from caviar.cli import main
from caviar.driver import command_line
from caviar.driver.command_line import option_names, parse
from caviar.store import starting
from caviar.sweep import codec, recipes
from trainables import DeviceOptions

# What is pinned: other code and people's notes rely on these.


def test_public_names():
    assert caviar.__all__ == [
        "Action",
        "AllOf",
        "Asha",
        "AtLeast",
        "AtMost",
        "CNNTrainable",
        "Choice",
        "CoarseToFine",
        "EstimatorTrainable",
        "Experiment",
        "Fixed",
        "Float",
        "GeneratorTrainable",
        "Grid",
        "HyperBand",
        "HyperOpt",
        "ImportanceStaged",
        "Int",
        "Is",
        "LoopTrainable",
        "Median",
        "NoStopping",
        "Objective",
        "Observation",
        "OneOf",
        "Optuna",
        "Panda",
        "Parzen",
        "Pbt",
        "QuasiRandom",
        "Random",
        "ResNetTrainable",
        "Result",
        "Scheduler",
        "SchedulerOptions",
        "SearchSpace",
        "Searcher",
        "SearcherOptions",
        "Sweep",
        "TorchTrainable",
        "TuneSearcher",
        "UsageError",
        "load",
        "main",
        "run",
    ]
    # What type checkers read, what is imported on first use, and what is listed are the same.
    declared = ast.parse(Path(caviar.__file__).read_text())
    (block,) = [node for node in declared.body if isinstance(node, ast.If)]
    read = {name.asname or name.name for line in block.body for name in line.names}
    assert read == set(caviar.__all__) == set(dir(caviar))
    assert all(getattr(caviar, name) is not None for name in caviar.__all__)
    assert trainables.__all__ == [
        "CNNTrainable",
        "DataUnavailableError",
        "Dataset",
        "DeviceOptions",
        "EstimatorTrainable",
        "GeneratorTrainable",
        "LoopTrainable",
        "ResNetTrainable",
        "TorchTrainable",
        "TrialInfo",
        "TrialOptions",
        "split_config",
    ]
    assert search_spaces.__all__ == [
        "AllOf",
        "AtLeast",
        "AtMost",
        "Choice",
        "Condition",
        "Config",
        "Fixed",
        "Float",
        "Int",
        "Is",
        "OneOf",
        "Parameter",
        "Scale",
        "ScaleName",
        "SearchSpace",
        "Searched",
        "depends_on_data",
        "get",
        "names",
        "summary",
    ]
    for package in (caviar, trainables, search_spaces):
        for name in package.__all__:
            assert getattr(package, name) is not None


def test_recipes():
    found = recipes.summaries()
    assert list(found) == [
        "asha_hyperopt",
        "asha_optuna",
        "asha_parzen",
        "bohb",
        "caviar",
        "coarse_to_fine",
        "grid_search",
        "hyperband_optuna",
        "importance_staged",
        "nightly",
        "panda",
        "pbt",
        "quasi_random_search",
        "random_search",
    ]
    assert all(line.endswith(".") for line in found.values())


COMMON = [
    "--dataset",
    "--data-dir",
    "--target",
    "--train-size",
    "--val-size",
    "--standardise",
    "--no-standardise",
    "--folds",
    "--augment",
    "--space",
    "--fix",
    "--trainable",
    "--trials",
    "--max-epochs",
    "--time-budget",
    "--max-total-epochs",
    "--gpu-hours",
    "--patience",
    "--stop-at",
    "--finalists",
    "--final-seeds",
    "--warm-start",
    "--retest",
    "--concurrent",
    "--cpus-per-trial",
    "--gpus-per-trial",
    "--workers-per-trial",
    "--spread-trial",
    "--no-spread-trial",
    "--accelerator-type",
    "--retries",
    "--seed",
    "--metric",
    "--mode",
    "--storage",
    "--history-url",
    "--name",
    "--resume",
    "--no-resume",
    "--keep-checkpoints",
    "--disk-limit",
    "--checkpoint-seconds",
    "--tensorboard",
    "--no-tensorboard",
    "--mlflow",
    "--wandb",
    "--verbose",
    "--no-verbose",
]
DEVICE = [
    "--device.precision",
    "--device.tf32",
    "--device.no-tf32",
    "--device.channels-last",
    "--device.fused",
    "--device.no-fused",
    "--device.compile",
    "--device.no-compile",
    "--device.memory-share",
]
HALVING = ["--scheduler.min-epochs", "--scheduler.reduction-factor"]
QUOTA = ["--scheduler.quota", "--scheduler.no-quota"]
ASHA = [*HALVING, *QUOTA, "--scheduler.promote", "--scheduler.no-promote"]
SYNCHRONOUS = ["--scheduler.synchronous", "--scheduler.no-synchronous"]
MODEL = [
    "--searcher.startup-trials",
    "--searcher.random-share",
    "--searcher.near-default",
    "--searcher.no-near-default",
    "--searcher.candidates",
]
OPTIONS = {
    "asha_hyperopt": [*COMMON, *MODEL, "--searcher.gamma", *ASHA],
    "asha_optuna": [*COMMON, *MODEL, "--searcher.sampler", *ASHA],
    "asha_parzen": [*COMMON, *MODEL, "--searcher.good-share", "--searcher.width", *ASHA],
    "bohb": [
        *COMMON,
        *MODEL,
        "--searcher.good-share",
        "--searcher.width",
        *HALVING,
        *SYNCHRONOUS,
    ],
    "caviar": COMMON,
    "coarse_to_fine": [
        *COMMON,
        "--searcher.stages",
        "--searcher.stage-trials",
        "--searcher.best",
        "--searcher.margin",
        "--searcher.coarse",
        "--searcher.fine",
        *ASHA,
    ],
    "grid_search": [*COMMON, "--searcher.points"],
    "hyperband_optuna": [*COMMON, *MODEL, "--searcher.sampler", *HALVING, *SYNCHRONOUS],
    "importance_staged": [
        *COMMON,
        "--searcher.stage-trials",
        "--searcher.margin",
        "--searcher.inner",
        *ASHA,
    ],
    "nightly": [*COMMON, *MODEL, "--searcher.good-share", "--searcher.width", *ASHA],
    "panda": [
        *COMMON,
        "--scheduler.quantum-epochs",
        "--scheduler.quantum-hours",
        "--scheduler.patience",
        "--scheduler.least-gain",
    ],
    "pbt": [
        *COMMON,
        "--scheduler.interval",
        "--scheduler.share",
        "--scheduler.resample",
    ],
    "quasi_random_search": [*COMMON, *ASHA],
    "random_search": [*COMMON, *ASHA],
}
OPTIONS = {recipe: [*options, *DEVICE] for recipe, options in OPTIONS.items()}

every_recipe = pytest.mark.parametrize("recipe", OPTIONS)


def off(name):
    """The option that turns a switch off."""
    part, dot, last = name.removeprefix("--").rpartition(".")
    return f"--{part}{dot}no-{last}"


def recipe_sweep(recipe):
    return recipes.load(recipe)


@every_recipe
def test_options(recipe):
    assert option_names(recipe_sweep(recipe)) == OPTIONS[recipe]


@every_recipe
def test_help_can_be_read(recipe, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        main.main(["sweep", recipe, "--help"])
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"usage: caviar sweep {recipe} ")
    assert re.findall(r"(?m)^.? *(--\w[\w.-]+)(?:, (--\w[\w.-]+))?", out) == [
        (name, off(name) if off(name) in OPTIONS[recipe] else "")
        for name in OPTIONS[recipe]
        if "no-" not in name
    ]
    words = " ".join(re.sub("[│|] ", " ", out).split())
    assert "--trials {None}|INT Configurations to try, the default one included;" in words
    assert "--train-size {None}|INT Rows to train on: of fashion_mnist the first of the" in words
    assert "Go on with the sweep --name: its unfinished trials first" in words
    assert "(default: val_accuracy)" in words


@pytest.mark.parametrize("args", [[], ["--help"], ["sweep"], ["sweep", "--help"]])
def test_help_of_the_command(args, capsys):
    with contextlib.suppress(SystemExit):
        assert main.main(args) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("usage: caviar ")
    if "sweep" in args:
        for recipe, line in recipes.summaries().items():
            assert re.search(rf"{recipe} +{re.escape(line)}", out)


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main.main(["--version"])
    assert re.fullmatch(r"caviar \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


# What the options become.


@pytest.mark.parametrize(
    ("args", "field", "value"),
    [
        (["--trials", "5"], "trials", 5),
        (["--trials=5"], "trials", 5),
        (["--max_epochs", "5"], "max_epochs", 5),
        (["--trials", "None", "--time-budget", "60"], "trials", None),
        (["--time-budget", "1e3"], "time_budget", 1000.0),
        (["--gpus-per-trial", "0.25"], "gpus_per_trial", 0.25),
        (["--no-standardise"], "standardise", False),
        (["--fix", "dropout=0", "activation=relu"], "fix", ("dropout=0", "activation=relu")),
        (["--mode", "min"], "mode", "min"),
        (["--metric", "val_loss"], "metric", "val_loss"),
        ([], "trials", 64),
    ],
)
def test_options_are_read(args, field, value):
    assert getattr(parse(recipe_sweep("asha_optuna"), recipe="asha_optuna", args=args), field) == (
        value
    )


def test_options_of_the_parts_are_read():
    args = ["--searcher.candidates", "7", "--scheduler.min-epochs", "3"]
    args += ["--device.compile", "--device.channels-last", "False", "--device.no-tf32"]
    args += ["--device.no-fused"]
    asked = parse(recipe_sweep("asha_optuna"), recipe="asha_optuna", args=args)
    assert asked.device == DeviceOptions(compile=True, channels_last=False, tf32=False, fused=False)
    assert (asked.searcher.candidates, asked.scheduler.min_epochs) == (7, 3)


def test_a_resumed_sweep_has_the_options_of_its_first_session(tmp_path):
    device = DeviceOptions(precision="bfloat16", channels_last=True)
    first = Sweep(
        trials=9, max_epochs=5, seed=3, fix=("dropout=0",), dataset="digits", device=device
    )
    write_sweep(tmp_path / "x", first)
    where = ["--storage", str(tmp_path), "--name", "x", "--resume", "--trials", "20"]
    again = parse(recipe_sweep("random_search"), recipe="random_search", args=where)
    assert (again.trials, again.max_epochs, again.seed) == (20, 5, 3)
    assert (again.fix, again.dataset, again.resume) == (("dropout=0",), "digits", True)
    assert again.device == device


def test_a_resumed_sweep_has_the_options_of_its_last_session(tmp_path):
    folder = tmp_path / "sweep"
    write_sweep(folder, Sweep(trials=5, patience=2, metric=METRIC))
    history = open_history(folder)
    for later in ({"trials": 6, "patience": None, "finalists": 3}, {"trials": 7, "finalists": 3}):
        options = codec.describe(Sweep(metric=METRIC, **later))
        history.set("sessions", [*history.get("sessions"), {"options": options}])
    history.close()
    where = ["--storage", str(tmp_path), "--name", "sweep", "--resume"]
    again = parse(recipe_sweep("random_search"), recipe="random_search", args=where)
    assert (again.trials, again.patience, again.finalists) == (7, None, 3)
    raised = [*where, "--trials", "9"]
    again = parse(recipe_sweep("random_search"), recipe="random_search", args=raised)
    assert (again.trials, again.finalists) == (9, 3)


def test_a_driver_killed_before_its_first_session_left_its_options(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    starting.note(Sweep(trials=9), LINE, "random_search", folder)
    open_history(folder).close()
    where = ["--storage", str(tmp_path), "--name", "x", "--resume"]
    assert parse(recipe_sweep("random_search"), recipe="random_search", args=where).trials == 9


# How the command ends.


@pytest.mark.parametrize(
    ("module", "script"),
    [(None, ["python", "my sweep.py"]), ("mine.sweep", ["python", "-m", "mine.sweep"])],
)
def test_a_script_of_ones_own_is_named_as_it_is_started(module, script, monkeypatch, capsys):
    spec = None if module is None else SimpleNamespace(name=module)
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=spec))
    started = []

    def run(sweep, *, recipe, script):
        started.append((recipe, sweep.trials, script))
        return caviar.Result({"trials": {}, "best": None}, None, None)

    monkeypatch.setattr("caviar.driver.runner.run", run)
    monkeypatch.setattr(sys, "argv", ["my sweep.py", "--trials", "3"])
    assert command_line.main(Sweep(), recipe="sweep") == 0
    assert started == [("sweep", 3, script)]
    monkeypatch.setattr(sys, "argv", ["my sweep.py", "--trails", "3"])
    assert command_line.main(Sweep(), recipe="sweep") == 2
    assert capsys.readouterr().err.endswith(f" See: {shlex.join(script)} --help\n")


@pytest.mark.parametrize(
    ("end", "trials", "best", "code", "said"),
    [
        (None, {"completed": 3}, {"trial": 0}, 0, ""),
        (None, {"failed": 3, "completed": 0}, None, 1, ""),
        (None, {"diverged": 2, "failed": 1}, None, 1, ""),
        ("time budget", {"stopped_early": 1, "failed": 2}, {"trial": 0}, 0, ""),
        ("time budget", {"failed": 0, "total": 2}, None, 0, ""),  # none has ended
        ("time budget", {"failed": 1, "total": 2}, None, 1, ""),
        ("interrupted", {"failed": 1}, None, 130, ""),
        ("every trial fails", {"failed": 10, "completed": 9}, {"trial": 0}, 1, ""),
        (KeyboardInterrupt(), {}, None, 130, "caviar: interrupted before the first trial\n"),
        (UsageError("No."), {}, None, 2, "caviar: No.\n"),
    ],
)
def test_exit_codes(end, trials, best, code, said, monkeypatch, capsys):
    def run(sweep, *, recipe, script):
        assert (recipe, sweep.trials, script) == ("random_search", 3, None)
        if isinstance(end, BaseException):
            raise end
        return caviar.Result({"trials": trials, "best": best}, None, end)

    monkeypatch.setattr("caviar.driver.runner.run", run)
    sweep = recipe_sweep("random_search")
    assert command_line.main(sweep, recipe="random_search", args=["--trials", "3"]) == code
    assert capsys.readouterr().err == said


def test_ctrl_c_in_a_command_beside_sweep(monkeypatch, capsys):
    def interrupted(asked):
        raise KeyboardInterrupt

    monkeypatch.setattr("caviar.cli.spaces._list", interrupted)
    assert main.main(["spaces"]) == 130
    assert capsys.readouterr().err == "caviar: interrupted\n"

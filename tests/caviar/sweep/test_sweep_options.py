"""The typed configuration of a sweep, as it is built from Python."""

from __future__ import annotations

import dataclasses
import doctest
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from without_ray import LINE

from caviar import Asha, HyperBand, NoStopping, Sweep, UsageError
from caviar.base import option_types
from caviar.sweep import codec
from caviar.sweep.sweep import by_name


@pytest.mark.parametrize(
    ("metric", "mode", "direction"),
    [
        ("val_accuracy", None, "max"),
        ("val_f1", None, "max"),
        ("samples_per_second", None, "max"),
        ("val_loss", None, "min"),
        ("validation_error", None, "min"),
        ("epoch_seconds", None, "min"),
        ("val_mae", None, "min"),
        ("rmse", None, "min"),
        ("val_MSE_mean", None, "min"),
        ("val_error_rate", None, "min"),
        ("val_perplexity", None, "min"),
        ("val_maestro", None, "max"),
        ("val_cerebral_score", None, "max"),
        ("val_loss", "max", "max"),
        ("val_accuracy", "min", "min"),
    ],
)
def test_the_direction_is_the_mode_or_what_the_metric_says(metric, mode, direction):
    assert Sweep(metric=metric, mode=mode).direction == direction


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "--trials must be at least 1, and it is 0"),
        ({"trials": None}, "give --trials or --time-budget, or --max-total-e"),
        ({"trials": None, "stop_at": 0.0}, "What --stop-at asks for may never come"),
        ({"max_total_epochs": 0}, "--max-total-epochs must be at least 1, and it is 0"),
        ({"patience": 0}, "--patience must be at least 1, and it is 0"),
        ({"gpu_hours": 0.0, "gpus_per_trial": 1}, "--gpu-hours must be above 0, and it is 0.0"),
        ({"gpu_hours": math.inf, "gpus_per_trial": 1}, "--gpu-hours must be finite"),
        ({"gpu_hours": 2.0}, "--gpu-hours counts the hours of --gpus-per-trial, which is 0: give"),
        ({"stop_at": math.nan}, "--stop-at must be finite, and it is nan"),
        ({"max_epochs": 0}, "--max-epochs must be at least 1, and it is 0"),
        ({"train_size": 0}, "--train-size must be at least 1, and it is 0"),
        ({"val_size": -1}, "--val-size must be at least 1, and it is -1"),
        ({"concurrent": 0}, "--concurrent must be at least 1, and it is 0"),
        ({"seed": -1}, "--seed must be at least 0, and it is -1"),
        ({"keep_checkpoints": 0}, "--keep-checkpoints must be at least 1, and it is 0"),
        ({"checkpoint_seconds": -0.1}, "--checkpoint-seconds must be at least 0, and it is -0.1"),
        ({"checkpoint_seconds": math.inf}, "--checkpoint-seconds must be finite, and it is inf"),
        ({"time_budget": 0}, "--time-budget must be above 0, and it is 0"),
        ({"time_budget": -5.0}, "--time-budget must be above 0, and it is -5.0"),
        ({"time_budget": math.nan}, "--time-budget must be finite, and it is nan"),
        ({"trials": None, "time_budget": math.inf}, "--time-budget must be finite"),
        ({"cpus_per_trial": 0}, "--cpus-per-trial must be above 0, and it is 0"),
        ({"cpus_per_trial": math.inf}, "--cpus-per-trial must be finite, and it is inf"),
        ({"gpus_per_trial": -0.5}, "--gpus-per-trial must be at least 0, and it is -0.5"),
        ({"gpus_per_trial": 2.5}, "--gpus-per-trial is whole above 1.*and it is 2.5"),
        ({"mode": "best"}, "--mode takes max, min or None, and it got 'best'"),
        ({"augment": "rotate"}, "--augment takes none, flip, crop or crop_flip, and it got 'rot"),
        ({"trials": "3"}, "--trials takes a whole number or None, and it got '3'"),
        ({"trials": True}, "--trials takes a whole number or None, and it got True"),
        ({"seed": 0.5}, "--seed takes a whole number, and it got 0.5"),
        ({"time_budget": "1h"}, "--time-budget takes a number or None, and it got '1h'"),
        ({"resume": "yes"}, "--resume takes True or False, and it got 'yes'"),
        ({"space": 3}, "--space takes text or a SearchSpace, and it got 3"),
        ({"trainable": 3}, "--trainable takes text or a class, and it got 3"),
        ({"storage": None}, "--storage takes a path, and it got None"),
        ({"warm_start": (1,)}, r"--warm-start takes text, and it got \(1,\)"),
        ({"searcher": "parzen"}, r"searcher takes options such as Random\(\), and it got 'parzen'"),
        ({"scheduler": Asha}, r"scheduler takes options such as Asha\(\), and it got <class"),
        ({"device": {"tf32": False}}, r"device takes options such as DeviceOptions\(\), and"),
        ({"name": ""}, "--name is one folder inside --storage, and it is ''"),
        ({"name": "."}, r"--name is one folder inside --storage, and it is '\.'"),
        ({"name": ".."}, r"--name is one folder inside --storage, and it is '\.\.'"),
        ({"name": "a/b"}, "--name is one folder inside --storage, and it is 'a/b'"),
        ({"resume": True}, "--resume goes on with a sweep by its name"),
    ],
)
def test_what_cannot_be_is_refused_at_once(options, message):
    with pytest.raises(UsageError, match=message):
        Sweep(**options)


@pytest.mark.parametrize(
    ("gpus", "asked", "workers"),
    [(0, None, 1), (0.25, None, 1), (1, None, 1), (4, None, 4), (0, 3, 3), (4, 4, 4), (4, 1, 1)],
)
def test_a_trial_has_a_worker_a_gpu_or_as_many_as_are_asked_for(gpus, asked, workers):
    assert Sweep(gpus_per_trial=gpus, workers_per_trial=asked).workers == workers


@pytest.mark.parametrize(
    "options",
    [
        {"trials": None, "time_budget": 0.5},
        {"trials": None, "max_total_epochs": 1},
        {"trials": None, "gpu_hours": 0.1, "gpus_per_trial": 0.25},
        {"trials": None, "patience": 1},
        {"stop_at": 0.0},
        {"stop_at": -1.5},
        {"trials": 1, "max_epochs": 1, "concurrent": 1, "keep_checkpoints": 1},
        {"checkpoint_seconds": 0},
        {"cpus_per_trial": 0.5},
        {"gpus_per_trial": 0.5},
        {"gpus_per_trial": 2},
        {"gpus_per_trial": 2.0},
        {"name": "a.b c-d"},
        {"name": "x", "resume": True},
    ],
)
def test_the_bounds_themselves_are_fine(options):
    sweep = Sweep(**options)
    assert {name: getattr(sweep, name) for name in options} == options


@pytest.mark.parametrize(
    ("options", "held"),
    [
        ({"warm_start": "t1"}, {"warm_start": ("t1",)}),
        ({"fix": "dropout=0"}, {"fix": ("dropout=0",)}),
        ({"fix": ["dropout=0", "units=8"]}, {"fix": ("dropout=0", "units=8")}),
        ({"storage": "here", "data_dir": "there"}, {"storage": Path("here")}),
        ({"trials": np.int64(3), "time_budget": np.float32(0.5)}, {"trials": 3}),
        ({"time_budget": 60}, {"time_budget": 60}),
    ],
)
def test_what_is_meant_without_doubt_is_taken(options, held):
    sweep = Sweep(**options)
    assert {name: getattr(sweep, name) for name in held} == held
    json.dumps(codec.describe(sweep))


def test_a_sweep_is_a_value():
    assert Sweep(trials=3) == Sweep(trials=3)
    with pytest.raises(dataclasses.FrozenInstanceError, match="trials"):
        Sweep().trials = 3
    with pytest.raises(UsageError, match="--trials must be at least 1"):
        dataclasses.replace(Sweep(), trials=0)
    with pytest.raises(TypeError, match="positional"):
        Sweep("digits")


class Model:
    """Something to name."""


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("mlp", "mlp"),
        ("mine:Model", "mine:Model"),
        (LINE, "line"),
        (Model, "test_sweep_options:Model"),
    ],
)
def test_spaces_and_classes_have_names(value, name):
    assert by_name(value) == name


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("/home/me/mine.py", "mine"),
        ("mine.py", "mine"),
        ("my-model.py", "__main__"),  # no module has such a name
        (None, "__main__"),  # a notebook
    ],
)
def test_a_class_of_a_script_is_named_by_its_file(monkeypatch, file, module):
    main = ModuleType("__main__")
    if file is not None:
        main.__file__ = file
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert by_name(type("Mine", (), {"__module__": "__main__"})) == f"{module}:Mine"


@pytest.mark.parametrize("options", [Asha, HyperBand])
@pytest.mark.parametrize(
    ("values", "max_epochs", "message"),
    [
        ({"min_epochs": 10}, 9, "they are 10 and 9: lower --scheduler.min-epochs or raise --max-e"),
        ({"min_epochs": 0}, 9, "min-epochs must be at least 1, and it is 0"),
        ({"reduction_factor": 1}, 9, "reduction-factor must be at least 2, and it is 1"),
    ],
)
def test_rungs_that_do_not_fit_are_refused(options, values, max_epochs, message):
    with pytest.raises(UsageError, match=message):
        options(**values).build(max_epochs=max_epochs, seed=0)


@pytest.mark.parametrize(
    ("options", "table"),
    [
        (NoStopping(), [("every trial", "9 epochs")]),
        (
            Asha(min_epochs=3),
            [("rung at epoch 3", "about 9 of the trials"), ("end at epoch 9", "about 3 of")],
        ),
        # R = 9, η = 3: 9, 5 and 3 configurations start in brackets 0, 1 and 2; of 17 as many
        (
            HyperBand(),
            [
                ("bracket 0: rung at epoch 1", "about 5 of the trials"),
                ("bracket 0: rung at epoch 3", "about 2 of the trials"),
                ("bracket 0: end at epoch 9", "about 1 of the trials"),
                ("bracket 1: rung at epoch 3", "about 3 of the trials"),
                ("bracket 1: end at epoch 9", "about 1 of the trials"),
                ("bracket 2: end at epoch 9", "about 2 of the trials"),
            ],
        ),
    ],
    ids=["none", "asha", "hyperband"],
)
def test_the_table_that_is_printed_before_the_start(options, table):
    # HyperBand's 9 trials are dealt as 9 : 5 : 3, which is 4.8 : 2.6 : 1.6
    rows = options.build(max_epochs=9, seed=0).table(9)
    assert [row[0] for row in rows] == [row[0] for row in table]
    for (_, found), (_, expected) in zip(rows, table, strict=True):
        assert found.startswith(expected)


def test_without_a_number_of_trials_the_table_has_shares():
    rows = Asha().build(max_epochs=3, seed=0).table(None)
    assert rows == [
        ("rung at epoch 1", "about 1 in 3 goes on"),
        ("end at epoch 3", "about 1 in 3 goes on"),
    ]


def test_the_examples_in_the_docstrings():
    assert doctest.testmod(option_types) == (0, 3)

"""Every row of the page of documented ranges, as numbers typed from it."""

import doctest
import importlib
import pkgutil

import pytest

import search_spaces
from search_spaces.documented import architecture, optimization, regularization


@pytest.mark.parametrize(
    ("parameter", "low", "high", "scale", "default", "tier", "source"),
    [
        (optimization.LEARNING_RATE, 1e-4, 1, "log", 1e-2, 1, "NG"),
        (optimization.LEARNING_RATE_ART, 1e-5, 1e-2, "log", 1e-2, 1, "ART"),
        (optimization.LEARNING_RATE_ABS, 0.01, 1, "log", 0.01, 1, "ABS"),
        (optimization.MOMENTUM, 0.9, 0.999, "log1m", 0.9, 2, "ART, NG"),
        (optimization.BATCH_SIZE_ABS, 200, 1000, "log", 200, 2, "ABS"),
        (optimization.EPOCHS, 20, 100, "linear", 60, None, "ABS"),
        (optimization.DECAY_RATE, 0.9, 0.999, "log1m", 0.95, 3, "ART"),
        (architecture.UNITS, 50, 100, "linear", 100, 2, "NG"),
        (architecture.UNITS_ABS, 10, 100, "linear", 100, 2, "ABS"),
        (architecture.HIDDEN_LAYERS, 2, 4, "linear", 2, 3, "NG"),
        (regularization.DROPOUT, 0, 0.5, "linear", 0, None, "KT"),
        (regularization.WEIGHT_DECAY, 1e-6, 1e-1, "log", 1e-4, 4, "ART"),
    ],
)
def test_numbers(parameter, low, high, scale, default, tier, source):
    assert (parameter.low, parameter.high, parameter.scale) == (low, high, scale)
    assert (parameter.default, parameter.tier) == (default, tier)
    assert parameter.source.startswith(source)


@pytest.mark.parametrize(
    ("parameter", "options", "default", "source"),
    [
        (optimization.BATCH_SIZE, "32 64 128 256 512", 128, "ABS"),
        (optimization.OPTIMIZER, "sgd adam rmsprop", "adam", "KT"),
        (
            optimization.OPTIMIZER_ABS,  # in the document's numbering, 0 … 7
            "sgd adam adamw rmsprop adagrad adadelta adamax nadam",
            "adam",
            "ABS",
        ),
        (optimization.SCHEDULE, "constant exponential plateau", "constant", "ART"),
        (optimization.LOSS, "cross_entropy label_smoothing multi_margin", "cross_entropy", "KT"),
        (architecture.ACTIVATION, "relu sigmoid tanh", "relu", "KT"),
        (
            architecture.ACTIVATION_ABS,  # in the document's numbering, 0 … 9
            "relu leaky_relu elu selu gelu silu softplus softsign tanh sigmoid",
            "relu",
            "ABS",
        ),
        (regularization.WEIGHT_DECAY_ON, "False True", False, "ART"),
    ],
)
def test_choices(parameter, options, default, source):
    assert [str(option) for option in parameter.options] == options.split()
    assert parameter.default == default
    assert parameter.source.startswith(source)


def test_adams_own_are_not_tuned():
    fixed = (optimization.BETA1, optimization.BETA2, optimization.EPSILON)
    assert [p.value for p in fixed] == [0.9, 0.999, 1e-8]
    assert {p.tier for p in fixed} == {4}


@pytest.mark.parametrize("name", search_spaces.names())
def test_every_parameter_says_where_it_is_from(name):
    assert all(parameter.source for parameter in search_spaces.get(name))


def modules():
    found = pkgutil.walk_packages(search_spaces.__path__, "search_spaces.")
    return sorted(module.name for module in found)


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0

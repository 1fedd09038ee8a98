"""Heaton's rules by hand."""

import pytest

import search_spaces
from search_spaces.documented import heaton
from search_spaces.documented.mlp import mlp_heaton


@pytest.mark.parametrize(
    ("inputs", "outputs", "units", "bounds"),
    [
        (784, 10, 533, (10, 784)),  # 2/3 · 784 + 10 = 532.67
        (64, 10, 53, (10, 64)),  # 2/3 · 64 + 10 = 52.67
        (3072, 10, 2058, (10, 3072)),
        (3, 3, 5, (3, 5)),  # 2/3 · 3 + 3 = 5, above the sizes and below 2 · 3
        (2, 10, 11, (2, 3)),  # below twice the input wins
    ],
)
def test_rules(inputs, outputs, units, bounds):
    assert heaton.units(inputs, outputs) == units
    assert heaton.bounds(inputs, outputs) == bounds


@pytest.mark.parametrize(
    ("inputs", "outputs", "scale", "default"), [(784, 10, "log", 533), (64, 10, "linear", 53)]
)
def test_parameter(inputs, outputs, scale, default):
    units = heaton.hidden_units("units", inputs, outputs)
    assert (units.scale, units.default) == (scale, default)


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 10), (10, -1), (2.5, 10), (True, 10)])
def test_sizes_are_refused(inputs, outputs):
    with pytest.raises(ValueError, match=r"must be a whole number, 1 or more, got"):
        heaton.units(inputs, outputs)


def test_one_value_is_refused():
    with pytest.raises(ValueError, match=r"^units: Heaton's rules leave one value, 1, for inp"):
        heaton.hidden_units("units", 1, 1)


def test_the_mlp_of_a_data_set():
    assert mlp_heaton(inputs=784, outputs=10) == search_spaces.get("mlp_heaton")
    units = search_spaces.get("mlp_heaton", inputs=64, outputs=10)["units_1"]
    assert (units.low, units.high, units.default) == (10, 64, 53)  # 2/3 · 64 + 10 = 52.67

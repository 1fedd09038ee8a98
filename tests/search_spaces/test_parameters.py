"""Float, Int, Choice and Fixed: what they accept, refuse, and give back."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Choice, Fixed, Float, Int


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Float(name="a", low=1, high=0), r"^a: low < high must hold, got low=1 and high=0"),
        (lambda: Float(name="a", low=0, high=1, scale="log"), r"^a: a log scale needs low > 0"),
        (lambda: Float(name="a", low=0.9, high=1.0, scale="log1m"), r"^a: a log1m scale"),
        (lambda: Float(name="a", low=0, high=1, default=2), r"^a: must be in 0 … 1, got 2"),
        (lambda: Float(name="a", low=0, high=1, default=2), r"it is the default: give another"),
        (lambda: Float(name="a", low="0", high=1), r"^a: low must be a number, got '0'"),
        (lambda: Float(name="a", low=0, high=True), r"^a: high must be a number, got True"),
        (lambda: Float(name="a", low=0, high=1, step=0), r"^a: step must be above 0, got 0"),
        (lambda: Float(name="a", low=0, high=1, step=0.3), r"whole number of steps.*0.9 would fit"),
        (lambda: Float(name="a", low=0, high=1, step=5), r"whole number of steps"),
        (
            lambda: Float(name="a", low=0.01, high=1.01, step=0.1, scale="log"),
            r"half a step beyond the bounds must still be on the log scale.*take a smaller step",
        ),
        (
            lambda: Float(name="a", low=0, high=1, scale="lin"),
            r"a scale is one of linear, log, log1",
        ),
        (lambda: Int(name="a", low=1.5, high=3), r"^a: low must be a whole number, got 1.5"),
        (lambda: Int(name="a", low=0, high=9, scale="log"), r"^a: a log scale needs low > 0"),
        (lambda: Int(name="a", low=1, high=3, default=2.5), r"must be a whole number, got 2.5"),
        (lambda: Int(name="a", low=3, high=3), r"^a: low < high must hold.*use Fixed"),
        (lambda: Choice(name="a", options=[]), r"^a: a choice needs at least one option, got none"),
        (lambda: Choice(name="a", options="abc"), r"^a: options must be a list, got 'abc'"),
        (lambda: Choice(name="a", options=["x", "x"]), r"^a: options must differ"),
        (lambda: Choice(name="a", options=[object()]), r"^a: options must be JSON values"),
        (lambda: Choice(name="a", options=[float("nan")]), r"^a: options must be JSON values"),
        (lambda: Choice(name="a", options=["x"], default="y"), r"^a: must be one of x, got 'y'"),
        (lambda: Fixed(name="a", value=object()), r"^a: value must be a JSON value"),
        (lambda: Float(name="a b", low=0, high=1), r"name is made of letters.*got 'a b': rename"),
        (lambda: Float(name="", low=0, high=1), r"name is made of letters"),
        (lambda: Float(name="a", low=0, high=1, tier=0), r"^a: tier must be a whole number"),
        (lambda: Float(name="a", low=0, high=1, tier=True), r"1 or more, got True: 1 is the first"),
        (lambda: Float(name="a", low=0, high=1, source=3), r"^a: source must be a text, got 3"),
        (lambda: Float(name="a", low=float("nan"), high=1), r"^a: bounds must be finite numbers"),
        (lambda: Float(name="a", low=0, high=1, when="b"), r"^a: when must be Is, OneOf, AtLeast"),
    ],
)
def test_bad_parameters_are_refused_with_rule_and_value(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize(
    ("parameter", "default"),
    [
        (Float(name="a", low=1e-4, high=1, scale="log"), 0.01),
        (Float(name="a", low=0.9, high=0.999, scale="log1m"), 0.99),
        (Float(name="a", low=0, high=1, step=0.25), 0.5),
        (Int(name="a", low=2, high=4), 3),
        (Choice(name="a", options=[None, 1]), None),
        (Fixed(name="a", value=[1]), [1]),
    ],
)
def test_default_of_the_default(parameter, default):
    assert parameter.default == default


@pytest.mark.parametrize(
    ("parameter", "given", "normal"),
    [
        (Float(name="a", low=0, high=1), 1, 1.0),
        (Float(name="a", low=0, high=1), np.float32(0.5), 0.5),
        (Float(name="a", low=0, high=0.3), 0.1 + 0.2, 0.3),  # float noise
        (Float(name="a", low=0.1, high=0.7, step=0.2), 0.1 + 2 * 0.2, 0.5),
        (Int(name="a", low=1, high=4), np.int64(3), 3),
        (Choice(name="a", options=[[1, 2], "x"]), (1, 2), [1, 2]),
        (Choice(name="a", options=[True, 1]), 1, 1),
    ],
)
def test_values_are_written_in_plain_types(parameter, given, normal):
    found = parameter.normal(given)
    assert found == normal
    assert type(found) is type(normal)


@pytest.mark.parametrize(
    ("parameter", "value", "match"),
    [
        (Float(name="a", low=0, high=1), "0.5", r"^a: must be a number, got '0.5'"),
        (Float(name="a", low=0, high=1), True, r"^a: must be a number, got True"),
        (Float(name="a", low=0, high=1), float("nan"), r"^a: must be a number, got nan"),
        (Float(name="a", low=0, high=1), 1.001, r"^a: must be in 0 … 1, got 1.001"),
        (Float(name="a", low=1e-6, high=1, scale="log"), 9e-7, r"^a: must be in 1e-06 … 1"),
        (Float(name="a", low=0.9, high=0.999, scale="log1m"), 0.9995, r"^a: must be in 0.9 … 0.99"),
        (Float(name="a", low=0, high=1, step=0.25), 0.3, r"steps of 0.25, got 0.3: 0.25 would fit"),
        (Int(name="a", low=1, high=4), 2.0, r"^a: must be a whole number, got 2.0"),
        (Int(name="a", low=1, high=9, step=2), 4, r"steps of 2, got 4: 3 would fit"),
        (Choice(name="a", options=[1, 2]), 1.0, r"^a: must be one of 1, 2, got 1.0"),
        (Choice(name="a", options=[1, 2]), True, r"^a: must be one of 1, 2, got True"),
        (Choice(name="a", options=["x"]), {1}, r"^a: must be one of x, got \{1\}"),
        (Fixed(name="a", value=3), 4, r"^a: is fixed at 3, got 4"),
    ],
)
def test_wrong_values_are_refused(parameter, value, match):
    with pytest.raises(ValueError, match=match):
        parameter.normal(value)


def test_parameters_are_frozen_and_keyword_only():
    rate = Float(name="rate", low=0, high=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="low"):
        rate.low = 3
    with pytest.raises(TypeError, match=r"positional"):
        Float("rate", 0, 1)


def test_what_a_trial_does_to_its_list_does_not_reach_the_space():
    filters = Choice(name="filters", options=[[32, 64]])
    filters.decode(0).append(1)
    filters.normal([32, 64]).append(2)
    assert filters.decode(0) == [32, 64]


@pytest.mark.parametrize("raw", [-0.1, 1.1, float("nan")])
def test_coordinates_outside_are_refused(raw):
    with pytest.raises(ValueError, match=r"^a: a coordinate must be in 0 … 1"):
        Float(name="a", low=0, high=1).decode(raw)


@pytest.mark.parametrize("raw", [-1, 2, 0.0, True])
def test_numbers_of_options_outside_are_refused(raw):
    with pytest.raises(ValueError, match=r"^a: the number of an option must be"):
        Choice(name="a", options=[1, 2]).decode(raw)


@given(
    st.integers(-1000, 1000),
    st.integers(1, 50),
    st.integers(1, 200),
    st.floats(0, 1),
)
def test_whole_numbers_there_and_back(low, step, count, raw):
    number = Int(name="n", low=low, high=low + step * count, step=step)
    value = number.decode(raw)
    assert number.normal(value) == value
    assert number.decode(number.encode(value)) == value
    start, end = number.cells.edges(number.position(value))
    assert start - 1e-9 <= raw <= end + 1e-9


@given(st.integers(1, 1000), st.integers(1, 10**6), st.floats(0, 1))
def test_log_whole_numbers_there_and_back(low, more, raw):
    number = Int(name="n", low=low, high=low + more, scale="log")
    value = number.decode(raw)
    assert low <= value <= low + more
    assert number.decode(number.encode(value)) == value

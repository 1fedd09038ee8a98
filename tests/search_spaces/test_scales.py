"""Scales against values worked by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Float, Int, Scale


@pytest.mark.parametrize(
    ("name", "low", "high", "unit", "value"),
    [
        ("linear", 10.0, 20.0, 0.25, 12.5),
        ("log", 1e-3, 1e3, 0.5, 1.0),
        ("log", 1e-4, 1.0, 0.25, 1e-3),
        ("log", 1e-4, 1.0, 0.5, 1e-2),
        ("log1m", 0.9, 0.999, 0.5, 0.99),  # 1-β from 1e-1 to 1e-3, its middle is 1e-2
        ("log1m", 0.9, 0.9999, 0.5, 1 - 10**-2.5),  # 0.9968; KerasTuner's reverse_log says 0.951
        ("log1m", 0.9, 0.999, 0.25, 1 - 10**-1.5),
    ],
)
def test_value_and_unit_by_hand(name, low, high, unit, value):
    assert Scale(name, low, high).value(unit) == pytest.approx(value, rel=1e-12)
    assert Scale(name, low, high).unit(value) == pytest.approx(unit, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("linear", -3.0, 0.7), ("log", 1e-5, 1e-2), ("log1m", 0.9, 0.999)],
)
def test_ends_are_hit_exactly(name, low, high):
    scale = Scale(name, low, high)
    assert (scale.value(0.0), scale.value(1.0)) == (low, high)
    assert (scale.value(-1e-12), scale.value(1 + 1e-12)) == (low, high)


@pytest.mark.parametrize(
    ("name", "low", "high", "match"),
    [
        ("linear", 1.0, 0.0, r"low < high must hold, got low=1 and high=0: swap them"),
        ("linear", 1.0, 1.0, r"got low=high=1: use Fixed"),
        ("log", 0.0, 1.0, r"a log scale needs low > 0, got low=0: raise low"),
        ("log", -1.0, 1.0, r"a log scale needs low > 0, got low=-1"),
        ("log1m", 0.9, 1.0, r"needs 0 < low and high < 1, got low=0.9 and high=1"),
        ("log1m", 0.0, 0.9, r"needs 0 < low and high < 1, got low=0 and high=0.9"),
        ("linear", math.nan, 1.0, r"bounds must be finite"),
        ("linear", 0.0, math.inf, r"bounds must be finite"),
        ("linear", -1e308, 1e308, r"bounds must be finite"),
        ("logarithmic", 0.0, 1.0, r"one of linear, log, log1m, got 'logarithmic'"),
    ],
)
def test_bad_ranges_are_refused(name, low, high, match):
    with pytest.raises(ValueError, match=match):
        Scale(name, low, high)


def test_ten_to_the_r_is_a_quarter_of_the_draws_a_decade():
    rate = Float(name="rate", low=1e-4, high=1.0, scale="log")
    values = [rate.decode((i + 0.5) / 1000) for i in range(1000)]
    for exponent in (-4, -3, -2, -1):
        inside = sum(10.0**exponent <= value < 10.0 ** (exponent + 1) for value in values)
        assert inside == 250


def test_linear_sampling_spends_nine_tenths_on_the_top_decade():
    """NG's claim for the scale that is wrong for a learning rate."""
    rate = Float(name="rate", low=1e-4, high=1.0)
    values = [rate.decode((i + 0.5) / 1000) for i in range(1000)]
    assert sum(value >= 0.1 for value in values) == 900


@pytest.mark.parametrize(
    ("low", "high", "step", "shares"),
    [(2, 4, 1, {2: 1000, 3: 1000, 4: 1000}), (0, 10, 5, {0: 1000, 5: 1000, 10: 1000})],
)
def test_linear_whole_numbers_have_equal_shares_ends_included(low, high, step, shares):
    number = Int(name="n", low=low, high=high, step=step)
    values = [number.decode((i + 0.5) / 3000) for i in range(3000)]
    assert {value: values.count(value) for value in values} == shares


def test_log_whole_numbers_have_shares_of_their_cells():
    """1 owns 0.5 … 1.5 of 0.5 … 4.5: ln 3 / ln 9 = 1/2; 4 owns ln(4.5/3.5) / ln 9 = 0.1144."""
    number = Int(name="n", low=1, high=4, scale="log")
    values = [number.decode((i + 0.5) / 10_000) for i in range(10_000)]
    assert values.count(1) == 5000
    assert values.count(4) == pytest.approx(1144, abs=1)


RANGES = {
    "linear": st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda p: (p[0], sum(p))),
    "log": st.tuples(st.floats(1e-12, 1e6), st.floats(1.01, 1e9)).map(
        lambda p: (p[0], p[0] * p[1])
    ),
    "log1m": st.tuples(st.floats(1e-6, 0.5), st.floats(1.01, 1e6)).map(
        lambda p: (1 - p[0], 1 - p[0] / p[1])
    ),
}


@given(st.data(), st.sampled_from(sorted(RANGES)), st.floats(0, 1))
def test_to_the_unit_interval_and_back(data, name, unit):
    low, high = data.draw(RANGES[name])
    scale = Scale(name, low, high)
    value = scale.value(unit)
    assert low <= value <= high
    # float error: a value is known to 1e-16 of its size, its unit to that over the range's width
    size = {"linear": max(abs(low), abs(high)) / (high - low), "log": 100.0, "log1m": 0.0}[name]
    if name == "log1m":
        size = 100.0 + 1 / (1 - high) / math.log((1 - low) / (1 - high))
    assert scale.unit(value) == pytest.approx(unit, abs=1e-15 * (size + 10) * 10)


@given(st.data(), st.sampled_from(sorted(RANGES)), st.floats(0, 1), st.floats(0, 1))
def test_scales_increase(data, name, a, b):
    low, high = data.draw(RANGES[name])
    scale = Scale(name, low, high)
    assert scale.value(min(a, b)) <= scale.value(max(a, b))

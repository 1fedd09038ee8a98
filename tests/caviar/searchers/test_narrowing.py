"""In words, how one space differs from another."""

import pytest
from without_ray import CONDITIONAL, LINE

from caviar.searchers.narrowing import lines, values
from search_spaces import Choice, Fixed, Float, Int


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (Float(name="a", low=1e-5, high=0.1, scale="log"), "1e-05 … 0.1"),
        (Float(name="a", low=0.0039810717, high=0.25), "0.003981 … 0.25"),
        (Int(name="a", low=10, high=784), "10 … 784"),
        (Choice(name="a", options=["relu", "tanh"]), "relu, tanh"),
        (Choice(name="a", options=[[8], [8, 8]]), "[8], [8, 8]"),
        (Fixed(name="a", value=0.1234567), "0.1235 fixed"),
        (Fixed(name="a", value=False), "False fixed"),
    ],
)
def test_the_values_of_a_parameter(parameter, text):
    assert values(parameter) == text


def test_a_space_that_stays_says_nothing():
    assert lines(CONDITIONAL, CONDITIONAL) == []
    assert lines(LINE, LINE.override("learning_rate", default=0.5)) == []


def test_one_line_for_each_parameter_that_changes():
    good = {"learning_rate": 0.1, "optimizer": "adam", "units": 8, "layers": 2, "widths": [8]}
    narrow = CONDITIONAL.zoom([good], margin=0.1, drop_options=True)
    # 0.1 of four decades to either side of 10^-1. Units lie on cells from 0.5 to 64.5, and 8 at
    # ln 16 / ln 129 = 0.5705 of them: 0.5 · 129^0.4705 = 4.9 and 0.5 · 129^0.6705 = 13.0. A layer
    # is a quarter of the range, so one is alone.
    assert lines(CONDITIONAL, narrow) == [
        "learning_rate 0.0001 … 1 -> 0.03981 … 0.2512",
        "optimizer adam, sgd -> adam fixed",
        "momentum 0.9 … 0.999 -> takes no part",
        "units 1 … 64 -> 5 … 13",
        "layers 1 … 4 -> 2 fixed",
        "widths [8], [8, 8] -> [8] fixed",
    ]
    assert "momentum not searched -> 0.9 … 0.999" in lines(narrow, CONDITIONAL)

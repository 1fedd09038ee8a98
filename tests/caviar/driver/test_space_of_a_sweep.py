"""From `--space` to the space that is searched; one that depends on the data gets its sizes."""

import pytest

import search_spaces
from caviar.base.errors import UsageError
from caviar.driver import loading
from caviar.sweep.sweep import Sweep
from search_spaces import Float, SearchSpace
from trainables import data

MINE = SearchSpace("mine", [Float(name="rate", low=0.0, high=1.0)])


def made(inputs: int, outputs: int) -> SearchSpace:
    return MINE.override("rate", high=inputs / outputs)


@pytest.mark.parametrize(
    ("space", "depends"),
    [
        ("mlp", False),
        ("mlp_heaton", True),
        ("art", True),
        (MINE, False),
        (f"{__name__}:MINE", False),
        (f"{__name__}:made", True),
    ],
)
def test_which_spaces_depend_on_the_data(space, depends):
    assert loading.space_depends_on_data(Sweep(space=space)) is depends


def test_the_sizes_are_those_of_the_data_set():
    digits = data.load("digits")  # 8 × 8 pixels, 10 classes
    heaton = loading.load_space(Sweep(space="mlp_heaton", fix=("dropout=0",)), digits)
    units = heaton["units_1"]
    assert (units.low, units.high, units.default) == (10, 64, 53)  # 2/3 · 64 + 10 = 52.67
    assert loading.load_space(Sweep(space=f"{__name__}:made"), digits)["rate"].high == 6.4


def test_without_data_a_space_is_as_it_is_listed():
    assert loading.load_space(Sweep(space="mlp_heaton")) == search_spaces.get("mlp_heaton")
    assert loading.load_space(Sweep(space=MINE)) is MINE


@pytest.mark.parametrize("ask", [loading.space_depends_on_data, loading.load_space])
def test_an_unknown_space_is_refused(ask):
    with pytest.raises(UsageError, match=r"no space is named 'mpl': did you mean 'mlp'\?"):
        ask(Sweep(space="mpl"))

"""The best learning curves of a sweep, drawn."""

import io
import math

import pytest
from rich.console import Console
from without_ray import controller, run_trial

from caviar.terminal.curves import bars, best_curves


def drawn(sweep, count=3):
    """The rows of the table as lists of cells, its title first."""
    out = Console(file=io.StringIO(), width=120, color_system=None)
    out.print(best_curves(sweep, count))
    title, _, _, _, *rows = [line.strip() for line in out.file.getvalue().splitlines()]
    return [title, *([cell.strip() for cell in row.split("  ") if cell] for row in rows if row)]


@pytest.mark.parametrize(
    ("values", "low", "high", "text"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], 0, 8, "▁▂▃▄▅▆▇██"),
        ([0.9, 0.1], 0.1, 0.9, "█▁"),
        ([0.5, math.nan, math.inf, 0.5], 0.0, 1.0, "▅  ▅"),
        ([0.5, 0.5], 0.5, 0.5, "▁▁"),
        ([], 0.0, 1.0, ""),
    ],
)
def test_bars(values, low, high, text):
    assert bars(values, low=low, high=high) == text


def test_the_best_curves_on_one_scale_best_first():
    sweep = controller(max_epochs=4, trials=9)
    run_trial(sweep, [0.0, 0.125, 0.25, 0.375])
    run_trial(sweep, [0.125, 0.5, 0.375, 0.25])
    run_trial(sweep, [0.9, 0.95], diverged=True)
    run_trial(sweep, [0.99], error="RuntimeError: gone")
    run_trial(sweep, [0.0625, 0.0625, 0.0625, 0.0625])
    run_trial(sweep, [0.25, math.nan, 0.375, 0.375])
    assert drawn(sweep) == [
        "best learning curves: val_accuracy from ▁ 0 to █ 0.5",
        ["1", "▃█▇▅", "0.125", "0.5", "2", "4"],
        ["0", "▁▃▅▇", "0", "0.375", "4", "4"],
        ["5", "▅ ▇▇", "0.25", "0.375", "3", "4"],
    ]


def test_less_may_be_better():
    sweep = controller(max_epochs=2, mode="min")
    run_trial(sweep, [0.8, 0.4])
    run_trial(sweep, [0.4, 0.2])
    assert [row[0] for row in drawn(sweep)[1:]] == ["1", "0"]


@pytest.mark.parametrize(("epochs", "columns"), [(40, 40), (41, 21), (100, 34)])
def test_a_long_curve_is_thinned_to_fit(epochs, columns):
    sweep = controller(max_epochs=epochs)
    run_trial(sweep, [epoch / epochs for epoch in range(1, epochs + 1)])
    _, (_, curve, *_) = drawn(sweep)
    assert len(curve) == columns
    assert curve == "".join(sorted(curve))


def test_nothing_was_measured():
    sweep = controller()
    run_trial(sweep, [], error="RuntimeError: gone")
    assert len(drawn(sweep)) == 1

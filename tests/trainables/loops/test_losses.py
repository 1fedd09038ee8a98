"""The training losses by their formulas."""

import math

import pytest
import torch

from search_spaces.documented.optimization import LOSS
from trainables.loops import build_loss, loss_names

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
LABELS = torch.tensor([0, 1])
RIGHT = math.log(1 + math.exp(-2))  # cross-entropy of the first row
OTHER = 2 + RIGHT  # what it would be with the other label


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({}, (RIGHT + math.log(2)) / 2),
        ({"loss": "cross_entropy"}, (RIGHT + math.log(2)) / 2),
        # 0.95 of the label and 0.05 of the other class; the second row has ln 2 for both
        ({"loss": "label_smoothing"}, (0.95 * RIGHT + 0.05 * OTHER + math.log(2)) / 2),
        (
            {"loss": "label_smoothing", "label_smoothing": 0.4},
            (0.8 * RIGHT + 0.2 * OTHER + math.log(2)) / 2,
        ),
        # max(0, 1 - 2 + 0) = 0 and max(0, 1 - 0 + 0) = 1, each over 2 classes
        ({"loss": "multi_margin"}, 0.25),
    ],
)
def test_by_hand(config, value):
    assert build_loss(config)(LOGITS, LABELS).item() == pytest.approx(value, abs=1e-6)


def test_the_documented_losses_are_all_there():
    assert set(LOSS.options) == set(loss_names())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"loss": "crossentropy"}, r"Unknown loss 'crossentropy'. Did you mean 'cross_entropy'\?"),
        ({"label_smoothing": 1}, "label_smoothing must be within 0 <= p < 1, but it is 1.0"),
    ],
)
def test_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build_loss(config)

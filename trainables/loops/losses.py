"""The training losses a configuration can name."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor
from torch.nn import functional

from trainables.checks import one_of, share

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits [n, classes] and labels [n] to the mean over the rows."""

_LABEL_SMOOTHING = 0.1  # Szegedy et al. (2015), where it comes from
_NAMES = ("cross_entropy", "label_smoothing", "multi_margin")


def loss_names() -> list[str]:
    """The names `build_loss` knows."""
    return list(_NAMES)


def build_loss(config: Mapping[str, Any]) -> Loss:
    """The loss to train with. Validation always measures cross-entropy, so that trials compare.

    Args:
        config: loss (default "cross_entropy"): cross_entropy; label_smoothing, cross-entropy
            against (1 - s) of the label and s / classes of every class, with s = label_smoothing
            (0 <= s < 1; default 0.1); multi_margin, the mean over the other classes of
            max(0, 1 - logit of the label + logit of the class), summed over classes and divided
            by their number, as torch does.

    Raises ValueError for an unknown name, and when label_smoothing is out of its range.
    """
    name = one_of("loss", config.get("loss", "cross_entropy"), _NAMES)
    smoothing = share("label_smoothing", config.get("label_smoothing", _LABEL_SMOOTHING))
    if name == "multi_margin":
        return functional.multi_margin_loss
    if name == "label_smoothing":
        return partial(functional.cross_entropy, label_smoothing=smoothing)
    return functional.cross_entropy

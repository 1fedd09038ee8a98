"""What a learning curve looks like to somebody who watches it: pure functions, in words too.

Four things are told apart, in this order:

* **diverging**: a value is not finite, or the training loss of the newest epochs has climbed to
  more than `BLOWN_UP` times its lowest value. Source: Bengio 2012, "Practical recommendations
  for gradient-based training of deep architectures", 3.1.1 (the training criterion diverges).
* **improving**: the best score of the newest epochs beats the best one before by more than
  `least_gain`.
* **overfitting**: the generalisation loss is above `OVERFIT` percent while the training loss
  still fell. GL(t) = 100 · (E_va(t) / E_opt(t) − 1), with E_va(t) the validation loss and E_opt(t)
  its lowest value up to epoch t. Source: Prechelt 1998, "Early Stopping — But When?", which takes
  1 to 5 percent as thresholds of GL.
* **plateau**: none of these.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from caviar.base.format import number

BLOWN_UP = 1.5
"""A training loss this many times its lowest one diverges."""
OVERFIT = 5.0
"""Percent of generalisation loss above which a model overfits."""


class State(enum.Enum):
    """What a curve does."""

    DIVERGING = "diverging"
    IMPROVING = "improving"
    OVERFITTING = "overfitting"
    PLATEAU = "plateau"


@dataclass(slots=True)
class Curve:
    """By epoch: the score (higher is better) and, where they are reported, the two losses."""

    scores: dict[int, float] = field(default_factory=dict)
    train_loss: dict[int, float] = field(default_factory=dict)
    val_loss: dict[int, float] = field(default_factory=dict)

    def upto(self, epoch: int) -> Curve:
        """Its beginning, `epoch` included."""
        parts = (self.scores, self.train_loss, self.val_loss)
        return Curve(*({e: v for e, v in part.items() if e <= epoch} for part in parts))


@dataclass(frozen=True, slots=True)
class Finding:
    """A state and the figures that show it."""

    state: State
    words: str


def look(curve: Curve, *, newest: int, least_gain: float, sign: float = 1.0) -> Finding:
    """What the curve does in its epochs after `newest`, against those up to it.

    Without an epoch up to `newest` it is compared with its own first one. `sign` is -1 where
    the scores are negated values: then the values are what the words name. Raises ValueError for a
    curve without an epoch after `newest`.

    >>> curve = Curve(scores={1: 0.50, 2: 0.60, 3: 0.6004, 4: 0.6002})
    >>> look(curve, newest=2, least_gain=0.001).words
    'the best of epochs 3 … 4 is 0.6004 at epoch 3, before it was 0.6 at epoch 2'
    >>> look(curve, newest=2, least_gain=0.001).state
    <State.PLATEAU: 'plateau'>
    """
    new = {e: v for e, v in curve.scores.items() if e > newest}
    if not new:
        raise ValueError(f"a curve is looked at from epoch {newest + 1} on, and it ends before")
    blown_up = _blown_up(curve, newest)
    if blown_up is not None:
        return Finding(State.DIVERGING, blown_up)
    old = {e: v for e, v in curve.scores.items() if e <= newest and math.isfinite(v)}
    if not old:
        first = min(new)
        old = {first: new[first]}
    best, before = _best(new), _best(old)
    words = (
        f"the best of epochs {min(new)} … {max(new)} is {number(sign * new[best])} "
        f"at epoch {best}, before it was {number(sign * old[before])} at epoch {before}"
    )
    if new[best] - old[before] > least_gain:
        return Finding(State.IMPROVING, words)
    overfits = _overfits(curve, newest)
    if overfits is not None:
        return Finding(State.OVERFITTING, overfits)
    return Finding(State.PLATEAU, words)


def generalisation_loss(val_loss: Mapping[int, float], epoch: int) -> float:
    """Prechelt's GL at an epoch, in percent: how far above its lowest the validation loss is.

    >>> generalisation_loss({1: 0.5, 2: 0.4, 3: 0.44}, 3)  # 100 · (0.44 / 0.4 - 1)
    10.0
    """
    lowest = min(v for e, v in val_loss.items() if e <= epoch)
    if lowest <= 0:
        return 0.0 if val_loss[epoch] <= lowest else math.inf
    return round(100 * (val_loss[epoch] / lowest - 1), 9)


def _best(scores: Mapping[int, float]) -> int:
    return max(scores, key=lambda epoch: (scores[epoch], -epoch))


def _blown_up(curve: Curve, newest: int) -> str | None:
    for what, values in (("score", curve.scores), ("training loss", curve.train_loss)):
        for epoch, value in sorted(values.items()):
            if epoch > newest and not math.isfinite(value):
                return f"the {what} of epoch {epoch} is {value}"
    losses = {e: v for e, v in curve.train_loss.items() if math.isfinite(v)}
    if not losses or max(losses) <= newest:
        return None
    last, lowest = losses[max(losses)], min(losses.values())
    if lowest <= 0 or last <= BLOWN_UP * lowest:
        return None
    return (
        f"the training loss is {number(last)}, {number(last / lowest)} times its lowest, "
        f"{number(lowest)}"
    )


def _overfits(curve: Curve, newest: int) -> str | None:
    train = {e: v for e, v in curve.train_loss.items() if math.isfinite(v)}
    val = {e: v for e, v in curve.val_loss.items() if math.isfinite(v)}
    if not train or not val or max(val) <= newest:
        return None
    last = max(val)
    loss = generalisation_loss(val, last)
    earlier = [v for e, v in train.items() if e <= newest] or [train[min(train)]]
    if loss <= OVERFIT or not train[max(train)] < min(earlier):
        return None
    lowest = min(val, key=lambda epoch: (val[epoch], epoch))
    return (
        f"the validation loss of epoch {last}, {number(val[last])}, is {loss:.3g} % above its "
        f"lowest, {number(val[lowest])} at epoch {lowest}, while the training loss fell to "
        f"{number(train[max(train)])}"
    )

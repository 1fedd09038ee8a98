"""What a loop is to the class that hands it to Ray, whatever it trains."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray


class Diverged(ArithmeticError):  # noqa: N818 - an outcome of a trial, not a mistake of the program
    """The loss became infinite or not a number.

    epoch: the epoch it happened in, from 1; batch: the batch of that epoch, from 0, or None where
    only the whole epoch's loss was looked at; seconds: how long the epoch had run.
    """

    def __init__(self, *, epoch: int, batch: int | None, seconds: float) -> None:
        where = f"epoch {epoch}" if batch is None else f"batch {batch} of epoch {epoch}"
        super().__init__(f"The loss is not finite any more in {where}.")
        self.epoch = epoch
        self.batch = batch
        self.seconds = seconds


@runtime_checkable
class Forks(Protocol):
    """A loop whose state holds hyperparameters or a seed, which a fork does not take over."""

    def fork(self, state: Mapping[str, Any], /) -> None:
        """Go on from the `state_dict()` of a loop with other hyperparameters, under one's own."""


class Loop(Protocol):
    """Trains something, an epoch at a time."""

    @property
    def epoch(self) -> int:
        """Whole epochs behind it."""

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch; returns its metrics, `epoch` and `epoch_seconds` among them.

        Raises Diverged when the training came to nothing.
        """

    def weights(self) -> Mapping[str, Any]:
        """What the best epoch is remembered by: tensors and plain values, not copied."""

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, `epoch` among it: tensors and plain values, not copied."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Go on from a `state_dict()`.

        Raises KeyError, RuntimeError or ValueError when it is that of something else.
        """


@runtime_checkable
class Scores(Protocol):
    """A loop that can judge other rows than those it validates with."""

    def load_weights(self, weights: Mapping[str, Any], /) -> None:
        """Take over what `weights()` gave.

        Raises KeyError, RuntimeError or ValueError when it is that of something else.
        """

    def score(self, x: NDArray[Any], y: NDArray[Any], /) -> dict[str, float]:
        """The metrics of rows x [n, ...] with labels y [n]."""

"""A loop of one's own, written as a generator that yields at the end of each epoch."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from trainables.checks import one_of
from trainables.loops.protocol import Diverged
from trainables.loops.seeding import LAYERS, derive_seed, seed_globally, seed_initial_weights

Epochs = Iterator[tuple[Mapping[str, float], Mapping[str, Any]]]
"""What the generator yields at the end of each epoch: metrics, and the state to go on from."""


@dataclass(slots=True)
class _Clock:
    """Seed and epochs done; apart from the loop, which else a suspended generator would keep
    alive, and with it all that it trains."""

    seed: int
    epoch: int = 0

    def numbers(self) -> Iterator[int]:
        """The numbers of the epochs; taking one begins it."""
        while True:
            epoch = self.epoch + 1
            seed_globally(derive_seed(self.seed, LAYERS, epoch))
            yield epoch


class GeneratorLoop:
    """Runs a generator, an epoch at a time.

    It takes the numbers of its epochs from an iterator, which seeds the global generators of
    Python, numpy and torch from the seed and the epoch; before the generator starts they are seeded
    from the seed and the fold. So what draws from them goes on after a resume as if there had been
    no break.

    Args:
        start: the generator function, given the state to go on from, or None to start afresh, and
            the iterator of epoch numbers, which has no end.
        metrics: the names it may yield.
        needed: the one of them that it must yield.
        seed: at least 0.
        fold: the number of its fold in a cross-validation, from 0.
    """

    def __init__(
        self,
        start: Callable[[Mapping[str, Any] | None, Iterator[int]], Epochs],
        *,
        metrics: tuple[str, ...],
        needed: str,
        seed: int,
        fold: int = 0,
    ) -> None:
        self._clock = _Clock(seed)
        self._start = start
        self._metrics = metrics
        self._needed = needed
        self._fold = fold
        self._state: Mapping[str, Any] | None = None
        self._epochs: Epochs | None = None

    @property
    def epoch(self) -> int:
        """Whole epochs behind it."""
        return self._clock.epoch

    def run_epoch(self) -> dict[str, float]:
        """Let the generator run to its next yield.

        Raises Diverged when a metric is not finite, ValueError when the generator ended, yields an
        unknown metric or lacks the needed one, TypeError when it yields something else than metrics
        and a state, or the state holds what a checkpoint cannot.
        """
        started = time.perf_counter()
        epoch = self.epoch + 1
        if self._epochs is None:
            seed_initial_weights(self._clock.seed, self._fold)
            self._epochs = self._start(self._state, self._clock.numbers())
        try:
            yielded = next(self._epochs)
        except StopIteration:
            raise ValueError(
                "The generator must yield at the end of each epoch for as long as it is asked, "
                f"but it ended after {self.epoch}: loop over `epochs`, which have no end."
            ) from None
        seconds = time.perf_counter() - started
        metrics, state = _parts(yielded)
        found = {one_of("metric", name, self._metrics): float(v) for name, v in metrics.items()}
        if self._needed not in found:
            raise ValueError(f"The generator must yield the metric {self._needed!r}.")
        if not all(math.isfinite(value) for value in found.values()):
            raise Diverged(epoch=epoch, batch=None, seconds=seconds)
        _check_state("state", state)
        self._state = state
        self._clock.epoch = epoch
        return {**found, "epoch": epoch, "epoch_seconds": seconds}

    def weights(self) -> Mapping[str, Any]:
        """The state, not copied."""
        return self._state or {}

    def state_dict(self) -> dict[str, Any]:
        """The state that was yielded last, not copied."""
        return {"epoch": self.epoch, "seed": self._clock.seed, "state": self._state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Start the generator again, from this state."""
        self._state = state["state"]
        self._epochs = None
        self._clock.seed = int(state["seed"])
        self._clock.epoch = int(state["epoch"])

    def fork(self, state: Mapping[str, Any]) -> None:
        """Start the generator again, from another trial's state, with a seed of one's own."""
        self.load_state_dict({**state, "seed": self._clock.seed})


def _parts(yielded: Any) -> tuple[Mapping[str, float], Mapping[str, Any]]:
    """The metrics and the state of what was yielded."""
    if isinstance(yielded, tuple) and len(yielded) == 2 and isinstance(yielded[0], Mapping):
        return yielded
    raise TypeError(
        "The generator must yield the metrics of an epoch and the state to go on from, but it "
        f"yielded {type(yielded).__name__}: write yield metrics, state."
    )


def _check_state(where: str, value: Any) -> None:
    """Refuse at once what a checkpoint could be written with, but not be loaded from."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _check_state(f"{where}[{name!r}]", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            _check_state(f"{where}[{number}]", inner)
    elif isinstance(value, np.generic | np.ndarray) or not isinstance(
        value, torch.Tensor | str | bytes | int | float | None
    ):
        raise TypeError(
            f"{where} must be a tensor, a plain value, or a dictionary or list of them, which are "
            f"loaded without running code, but it is of type {type(value).__name__}."
        )

"""k-fold cross-validation of any loop: one after the other, an epoch of each at a time."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from trainables.loops.protocol import Forks, Loop


class MeanOfFolds:
    """Reports the mean over the folds of each metric, and the sample standard deviation of those
    named val_... as val_..._std; epoch_seconds is the sum.

    Raises what any of the loops raises.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops

    @property
    def epoch(self) -> int:
        """Whole epochs behind all of the loops."""
        return min(loop.epoch for loop in self._loops)

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch of each."""
        rows = [loop.run_epoch() for loop in self._loops]
        found = {name: statistics.fmean(row[name] for row in rows) for name in rows[0]}
        spreads = {
            f"{name}_std": statistics.stdev(row[name] for row in rows)
            for name in rows[0]
            if name.startswith("val_")
        }
        seconds = sum(row["epoch_seconds"] for row in rows)
        return {**found, **spreads, "epoch": self.epoch, "epoch_seconds": seconds}

    def weights(self) -> Mapping[str, Any]:
        """The weights of each loop by the number of its fold."""
        return {str(number): loop.weights() for number, loop in enumerate(self._loops)}

    def state_dict(self) -> dict[str, Any]:
        """The states of all loops."""
        return {"epoch": self.epoch, "folds": [loop.state_dict() for loop in self._loops]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with each loop.

        Raises ValueError when the state is that of another number of folds.
        """
        if len(state["folds"]) != len(self._loops):
            raise ValueError(f"it has {len(state['folds'])} folds instead of {len(self._loops)}.")
        for loop, own in zip(self._loops, state["folds"], strict=True):
            loop.load_state_dict(own)

    def fork(self, state: Mapping[str, Any]) -> None:
        """Go on with each loop from another trial's state, under hyperparameters of one's own."""
        for loop, own in zip(self._loops, state["folds"], strict=True):
            (loop.fork if isinstance(loop, Forks) else loop.load_state_dict)(own)

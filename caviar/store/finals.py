"""What the finals of a sweep came to, as `finals.json` in its folder.

The best few configurations are trained again with fresh seeds; what runs them is the driver's. A
history of their own is in the folder `finals`.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from caviar.base.noise import Spread

FOLDER = "finals"
FILE = "finals.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A configuration and what each of its trainings came to."""

    trial: int | None
    """Its trial in the sweep; None for one that was brought from elsewhere to be compared."""
    config: Mapping[str, Any]
    scores: Mapping[int, float]
    """Seed to the objective's best epoch. A training that failed or diverged has none."""
    asked: int
    """How many trainings there should be."""
    best: int | None = None
    """The number of its best training among the finals."""

    @property
    def is_whole(self) -> bool:
        """Whether every training of it has a value."""
        return len(self.scores) == self.asked

    @property
    def mean(self) -> float:
        """Over the seeds; NaN without any."""
        return statistics.fmean(self.scores.values()) if self.scores else math.nan

    @property
    def std(self) -> float:
        """Standard deviation over the seeds, with n - 1; 0 for a single one."""
        return statistics.stdev(self.scores.values()) if len(self.scores) > 1 else 0.0

    @property
    def spread(self) -> Spread:
        """Of its scores over the seeds."""
        return Spread(self.std, len(self.scores))

    def to_json(self) -> dict[str, Any]:
        """As in `finals.json`."""
        seeds = {str(seed): score for seed, score in self.scores.items()}
        return asdict(self) | {"scores": seeds, "mean": self.mean, "std": self.std}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finals:
    """What the finals came to."""

    finalists: Sequence[Finalist]
    """The best mean first; those with a training that failed come last and cannot win."""
    epochs: int
    """Epochs that they trained."""
    test: Mapping[str, float] | None = None
    """The test rows by the winner's best training, looked at once; None where it cannot tell."""
    checkpoint: str | None = None
    """That training's checkpoint; None where it is gone."""
    test_looks: int = 0
    """How often the test rows were scored, over all sessions of the sweep."""

    @property
    def winner(self) -> Finalist | None:
        """The best mean of those whose every training has a value."""
        first = self.finalists[0] if self.finalists else None
        return first if first is not None and first.is_whole else None

    def to_json(self) -> dict[str, Any]:
        """As in `finals.json`."""
        return {
            "finalists": [one.to_json() for one in self.finalists],
            "epochs": self.epochs,
            "test": self.test,
            "checkpoint": self.checkpoint,
            "test_looks": self.test_looks,
        }


def read(folder: Path) -> Finals | None:
    """The finals of the sweep in `folder`; None where it had none, or they are not over."""
    try:
        found = json.loads((folder / FILE).read_text())
        finalists = []
        for one in found["finalists"]:
            known = {k: v for k, v in one.items() if k not in ("mean", "std")}
            scores = {int(seed): score for seed, score in one["scores"].items()}
            finalists.append(Finalist(**known | {"scores": scores}))
        looks = found.get("test_looks", int(found["test"] is not None))  # an older version's: once
        return Finals(**found | {"finalists": finalists, "test_looks": looks})
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None

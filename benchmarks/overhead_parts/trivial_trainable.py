"""Three reports and nothing to train: what is left is what the tool costs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from ray import tune

from overhead_parts.marks import Marks

REPORTS = 3


class Trivial(tune.Trainable):
    """The same class for both tools; `data` and `options` are what ours hands to each."""

    metrics: ClassVar[tuple[str, ...]] = ("val_accuracy", "epoch")

    def setup(self, config: dict[str, Any], data: Any = None, options: Any = None) -> None:
        self._marks = Marks()
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._start(new_config)
        return True

    def _start(self, config: dict[str, Any]) -> None:
        self._x = float(config["x"])
        self._epoch = 0
        self._marks.add(str(self._x), "start", now := time.time(), now)

    def step(self) -> dict[str, Any]:
        self._epoch += 1
        self._marks.add(str(self._x), "report", now := time.time(), now)
        done = self._epoch >= REPORTS
        return {"val_accuracy": self._x * self._epoch, "epoch": self._epoch, "done": done}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        (Path(checkpoint_dir) / "epoch").write_text(str(self._epoch))

    def load_checkpoint(self, checkpoint: Any) -> None:
        self._epoch = int((Path(checkpoint) / "epoch").read_text())

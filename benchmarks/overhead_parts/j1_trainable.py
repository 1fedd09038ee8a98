"""Our trainable, which notes what it does when. By itself it trains J1's MLPs."""

from __future__ import annotations

import time
from typing import Any

from overhead_parts import j1_job
from overhead_parts.marks import Marks
from trainables import TorchTrainable


class J1Trainable(TorchTrainable):
    """A user's subclass: the MLP of the package, and notes on time."""

    def setup(self, config: dict[str, Any], data: Any = None, options: Any = None) -> None:
        self._marks = Marks()
        start = time.time()
        super().setup(config, data, options)
        self._note("build", start)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        start = time.time()
        done = super().reset_config(new_config)
        self._note("build", start)
        return done

    def step(self) -> dict[str, Any]:
        start = time.time()
        result = super().step()
        end = time.time()
        trained = start + j1_job.TRAIN_ROWS / result["samples_per_second"]
        if trained != trained:  # it diverged, before it was evaluated
            trained = end
        epoch = min(trained, end)
        self._marks.add(self._key(), "train", start, epoch)
        self._marks.add(self._key(), "evaluate", epoch, end)
        return result

    def save(self, checkpoint_dir: str | None = None) -> Any:
        start = time.time()
        saved = super().save(checkpoint_dir)  # with Ray's copy to the storage
        self._note("checkpoint", start)
        return saved

    def _note(self, what: str, start: float) -> None:
        self._marks.add(self._key(), what, start, time.time())

    def _key(self) -> str:
        return str(self._trial.number)

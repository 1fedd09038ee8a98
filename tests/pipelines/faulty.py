"""Trainables that go wrong on purpose; the tests name them as ``faulty:Class``."""

from __future__ import annotations

import math
import os
import signal
from typing import Any

import torch

from trainables import TorchTrainable


class FailsAndDiverges(TorchTrainable):
    """Trial 2 raises in its second epoch, trial 3 while it is built; trial 4 reports NaN.

    Trial 5 meets what torch raises when a GPU has no room for it.
    """

    def step(self) -> dict[str, Any]:
        result = super().step()
        if self.trial.number == 2 and result["epoch"] == 2:
            raise RuntimeError("out of luck in epoch 2")
        if self.trial.number == 4:
            nothing = dict.fromkeys(set(self.metrics) - {"epoch", "epoch_seconds"}, math.nan)
            return {**result, **nothing, "outcome": "diverged", "done": True}
        return result

    def build_model(self, config: Any, input_shape: Any, classes: Any) -> Any:
        if self.trial.number == 3:
            raise ValueError("this model cannot be built")
        if self.trial.number == 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80.00 GiB.")
        return super().build_model(config, input_shape, classes)


class Killed(TorchTrainable):
    """Trial 1 takes its worker process with it."""

    def step(self) -> dict[str, Any]:
        if self.trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step()


class Slow(TorchTrainable):
    """An epoch takes a fifth of a second, so that a test can interrupt a sweep in its middle."""

    def step(self) -> dict[str, Any]:
        import time

        time.sleep(0.2)
        return super().step()

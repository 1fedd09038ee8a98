"""Trainables that go wrong on purpose; the tests name them as `faulty:Class`."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch.distributed.distributed_c10d import _get_default_store

from trainables import GeneratorTrainable, TorchTrainable
from trainables.loops import Schedule


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


class OwnLoop(GeneratorTrainable):
    """Does not tell how large its checkpoints are: more than ten kilobytes."""

    def run_epochs(self, config: Any, data: Any, state: Any, epochs: Any) -> Any:
        for epoch in epochs:
            yield {"val_accuracy": epoch / 10}, {"weights": torch.zeros(3000)}


class Killed(TorchTrainable):
    """Trial 1 takes its worker process with it."""

    def step(self) -> dict[str, Any]:
        if self.trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step()


def hold(trial: int) -> None:
    """Wait before an epoch of a sweep that is to stand still: see `commands.held`."""
    if (asked := os.environ.get("CAVIAR_TEST_HELD")) is None:
        return
    held = json.loads(asked)
    place = Path(held["place"])
    try:
        begun = os.open(place, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        return
    try:
        os.write(begun, b"x")
        goes_on = os.lseek(begun, 0, os.SEEK_CUR) <= held["epochs"] and trial < held["trials"]
    finally:
        os.close(begun)
    until = time.monotonic() + 500
    while not goes_on and place.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{place} is still there")
        time.sleep(0.02)


class Slow(TorchTrainable):
    """An epoch takes a fifth of a second and can be held, so that a test can interrupt a sweep in
    its middle."""

    def step(self) -> dict[str, Any]:
        hold(self.trial.number)
        time.sleep(0.2)
        return super().step()


class _Told(Schedule):
    """Constant; tells of each epoch that begins."""

    def __init__(self, begins: Callable[[int], None]) -> None:
        self._begins = begins

    def factor(self, epoch: int, batch: int = 0, batches: int = 1) -> float:
        self._begins(epoch)
        return 1.0


class AWorkerFails(TorchTrainable):
    """Of the workers of a trial, rank 1 dies once in the third epoch of trial 1, and runs out of
    memory in the first epoch of trial 2.

    As each trial begins they come back to the place where they met: NCCL does so late, gloo never.
    The file CAVIAR_TEST_EPOCHS has the epochs that rank 1 began in trial 1.
    """

    def build_schedule(self, config: Any) -> Schedule:
        place = _get_default_store()
        place.set_timeout(timedelta(seconds=30))
        place.set(f"{self.trial.number} {self.rank}", "here")
        place.wait([f"{self.trial.number} {rank}" for rank in range(2)])
        fail = {1: self._die_once, 2: self._out_of_memory_now}.get(self.trial.number)
        if self.rank == 0 or fail is None:
            return super().build_schedule(config)
        return _Told(fail)

    def _die_once(self, epoch: int) -> None:
        path = Path(os.environ["CAVIAR_TEST_EPOCHS"])
        with path.open("a") as file:
            file.write(f"{epoch} ")
        if path.read_text().split() == ["1", "2", "3"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def _out_of_memory_now(self, epoch: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7.00 GiB.")

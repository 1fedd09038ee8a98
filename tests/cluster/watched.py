"""A trainable that writes down what it does, so that a test can tell what a fault has cost."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from trainables import TorchTrainable

EVENTS = Path("/events")
SECONDS = 0.6  # an epoch, so that there is time for a fault


class Watched(TorchTrainable):
    """Every start, epoch and save as a line in /events, a folder that outlives every host."""

    def step(self) -> dict[str, Any]:
        time.sleep(SECONDS)
        result = super().step()
        self._note("epoch", result["epoch"])
        return result

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        super().save_checkpoint(checkpoint_dir)
        self._note("save", self._running().epoch)

    def _start(self, config: dict[str, Any]) -> None:
        super()._start(config)
        self._note("start", self._running().epoch)

    def _note(self, what: str, epoch: int) -> None:
        line = {
            "at": time.time(),
            "host": socket.gethostname(),
            "trial": self.trial.number,
            "what": what,
            "epoch": epoch,
        }
        with (EVENTS / f"{socket.gethostname()}-{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

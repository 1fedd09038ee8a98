"""A trainable that notes which GPUs it saw and when; the tests name it as ``lent:Sees``."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from trainables import GeneratorTrainable


class Sees(GeneratorTrainable):
    """One epoch of a fifth of a second, and a line in the file that CAVIAR_TEST_SEEN names."""

    def run_epochs(self, config: Any, data: Any, state: Any, epochs: Any) -> Any:
        for _ in epochs:
            begin = time.time()
            time.sleep(0.2)
            seen = os.environ.get("CUDA_VISIBLE_DEVICES")
            line = json.dumps([self.trial.number, seen, begin, time.time()])
            with Path(os.environ["CAVIAR_TEST_SEEN"]).open("a") as file:
                file.write(line + "\n")
            yield {"val_accuracy": config["learning_rate"]}, {}

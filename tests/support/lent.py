"""A trainable that notes which GPUs it saw and when; the tests name it as `lent:Sees`.

The file that CAVIAR_TEST_SEEN names has a line for each epoch; beside it, `.begun` has a letter
for each that has begun, and `.together` says how many must have before the first may end: so
many actors were alive at one moment, however long a busy machine takes to start them.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from trainables import GeneratorTrainable


class Sees(GeneratorTrainable):
    """One epoch, which ends when as many have begun as are to be trained at once."""

    def run_epochs(self, config: Any, data: Any, state: Any, epochs: Any) -> Any:
        noted = Path(os.environ["CAVIAR_TEST_SEEN"])
        begun, together = noted.with_suffix(".begun"), noted.with_suffix(".together")
        for _ in epochs:
            begin = time.time()
            append(begun, "x")
            while begun.stat().st_size < int(together.read_text()):
                if time.time() > begin + 500:
                    raise TimeoutError(f"{begun.stat().st_size} of {together.read_text()} began")
                time.sleep(0.02)
            time.sleep(0.2)
            seen = os.environ.get("CUDA_VISIBLE_DEVICES")
            append(noted, json.dumps([self.trial.number, seen, begin, time.time()]) + "\n")
            yield {"val_accuracy": config["learning_rate"]}, {}


def append(path: Path, text: str) -> None:
    """Adds `text` to a file that others add to as well."""
    with path.open("a") as file:
        file.write(text)

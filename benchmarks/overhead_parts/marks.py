"""What a worker was doing when: one file a process, one JSON line a piece of work.

Both tools' workers write the same marks, so their seconds are told apart in the same way.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

FOLDER = "CAVIAR_BENCH_MARKS"
"""The environment variable with the folder; Ray's workers inherit it from the driver."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of work of one trial, by `time.time()`."""

    trial: str
    what: str
    start: float
    end: float


class Marks:
    """Writes the marks of the trials that run in this process."""

    def __init__(self) -> None:
        self._file: TextIO = (Path(os.environ[FOLDER]) / f"{os.getpid()}.jsonl").open("a", 1)

    def add(self, trial: str, what: str, start: float, end: float) -> None:
        """Note that `trial` did `what` from `start` to `end`."""
        self._file.write(json.dumps([trial, what, start, end]) + "\n")

    @contextmanager
    def during(self, trial: str, what: str) -> Iterator[None]:
        """Note what the body takes; nothing when it raises."""
        start = time.time()
        yield
        self.add(trial, what, start, time.time())


def read(folder: Path) -> list[Mark]:
    """The marks of all processes, by their start. A line that was cut off is left out."""
    found = []
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                found.append(Mark(*json.loads(line)))
    return sorted(found, key=lambda mark: mark.start)

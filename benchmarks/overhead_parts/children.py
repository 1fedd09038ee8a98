"""Runs one measurement in a fresh process, so that none inherits another's imports or its Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overhead_parts import marks

_MARGIN_SECONDS = 180
"""What a child may take beyond its own limit before it is ended."""


@dataclass(frozen=True, slots=True)
class Child:
    """A measurement that is over."""

    answer: dict[str, Any]
    """What it wrote."""
    marks: list[marks.Mark]
    spawned: float
    """`time.time()` when its process was started: imports and Ray's start count."""
    wall: float
    """Seconds from there until it had ended."""


def run(module: str, *arguments: str, limit: float = 0) -> Child:
    """Run `python -m MODULE FOLDER SPAWNED ARGUMENTS…`, which writes FOLDER/answer.json.

    Raises RuntimeError with the end of its output when it fails or hangs.
    """
    with tempfile.TemporaryDirectory(prefix="caviar-bench-") as name:
        folder = Path(name)
        (folder / "marks").mkdir()
        environment = os.environ | {
            "PYTHONPATH": str(Path(__file__).parents[1]),
            marks.FOLDER: str(folder / "marks"),
        }
        environment.pop("RAY_ADDRESS", None)
        output = folder / "output.txt"
        with output.open("wb") as file:
            spawned = time.time()
            child = subprocess.Popen(
                [sys.executable, "-m", module, name, repr(spawned), *arguments],
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = child.wait(limit + _MARGIN_SECONDS)
            except BaseException as error:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                code = None
            wall = time.time() - spawned
        if code != 0:
            ended = "hung" if code is None else f"ended with {code}"
            tail = output.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{module} {' '.join(arguments)} {ended}:\n{tail}")
        answer = json.loads((folder / "answer.json").read_text())
        return Child(answer, marks.read(folder / "marks"), spawned, wall)


def answer(folder: Path, content: dict[str, Any]) -> None:
    """What the child says to `run`."""
    (folder / "answer.json").write_text(json.dumps(content))


def others_busy(seconds: float = 2.0) -> float | None:
    """The share of this machine's processors in use while we do nothing; None where unknown."""
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    if before is None or after is None or after[1] == before[1]:
        return None
    return 1 - (after[0] - before[0]) / (after[1] - before[1])


def _ticks() -> tuple[int, int] | None:
    """Idle ticks and all ticks since the machine started."""
    try:
        with open("/proc/stat") as file:
            values = [int(value) for value in file.readline().split()[1:9]]
    except OSError:
        return None
    return values[3] + values[4], sum(values)

"""What lies in the folder of a sweep."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

HISTORY = "history.db"
"""Every report and every end of every trial: an Optuna storage in SQLite."""
HISTORY_URL = "history.url"
"""In place of it where the history is in a database of a server: its address, and the study."""
SUMMARY = "summary.json"
OPTIONS = "sweep.json"
"""What the sweep was first asked: recipe, options, space."""
TRIALS = "trials"
"""Ray's folder: the checkpoints of each trial."""
REPORT = "report.html"
"""The sweep as a page that needs no network."""
DECISIONS = "decisions.log"
"""What the searcher and the scheduler have decided, for a person: a line each, with the time."""
DECISION_EVENTS = "decisions.jsonl"
"""The same with fields, an event a line: what code reads."""
ERRORS = "errors"
"""The tracebacks of failed trials."""


class Files(Protocol):
    """What is asked of a folder or a file in it, a `Path` or a `Location`."""

    def __truediv__(self, name: str, /) -> Self: ...

    def is_file(self) -> bool:
        """Whether it is a file."""


def has_history(folder: Files) -> bool:
    """Whether there is a history, or the address of one."""
    return (folder / HISTORY).is_file() or (folder / HISTORY_URL).is_file()


def has_sweep(folder: Files) -> bool:
    """Whether a sweep lies there: what it was asked, and its history."""
    return (folder / OPTIONS).is_file() and has_history(folder)


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics for JSON, which has no NaN: null in its place."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def write_json(value: Any, path: Path) -> None:
    """Write readable JSON, whole or not at all; what JSON cannot hold becomes its text."""
    write_text(json.dumps(value, indent=2, default=str) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a text, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)

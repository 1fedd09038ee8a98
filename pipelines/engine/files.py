"""What lies in the folder of a sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HISTORY = "history.db"
"""Every report and every end of every trial: an Optuna storage in SQLite."""
SUMMARY = "summary.json"
OPTIONS = "sweep.json"
"""What the sweep was first asked: recipe, options, space."""
TRIALS = "trials"
"""Ray's folder: the checkpoints of each trial."""
DECISIONS = "decisions.log"
"""What the searcher and the scheduler have said while they decided, with the time."""
ERRORS = "errors"
"""The tracebacks of failed trials."""


def write_json(value: Any, path: Path) -> None:
    """Write readable JSON, whole or not at all; what JSON cannot hold becomes its text."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, default=str) + "\n")
    part.replace(path)

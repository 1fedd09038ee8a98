"""What old nights keep: everything but their checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pipelines.engine import files
from pipelines.engine.nights.diary import Night


def forget(folder: Path, nights: Sequence[Night], *, keep: int) -> list[str]:
    """Remove the checkpoints of all but the ``keep`` newest nights; which lost some.

    Histories, summaries and reports stay: they are small, and they warm the nights to come.
    """
    lost = []
    for night in nights[:-keep]:
        checkpoints = folder / night.night / files.TRIALS
        if checkpoints.is_dir():
            shutil.rmtree(checkpoints)
            lost.append(night.night)
    return lost

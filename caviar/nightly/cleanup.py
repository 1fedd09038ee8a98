"""What old nights keep: everything but their checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from caviar.nightly.night_file import Night
from caviar.store import finals, layout


def forget(folder: Path, nights: Sequence[Night], *, keep: int) -> list[str]:
    """Remove the checkpoints of all but the `keep` newest nights; which lost some.

    Histories, summaries and reports stay: they are small, and they warm the nights to come.
    """
    lost = []
    for night in nights[:-keep]:
        there = folder / night.night
        checkpoints = [
            path
            for path in (there / layout.TRIALS, there / finals.FOLDER / layout.TRIALS)
            if path.is_dir()
        ]
        for path in checkpoints:
            shutil.rmtree(path)
        if checkpoints:
            lost.append(night.night)
    return lost

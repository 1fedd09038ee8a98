"""(c) Job J1: what each tool had reached when, and where the seconds of its workers went."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from overhead_parts import children, j1_job
from overhead_parts.marks import Mark

MOMENTS = (15, 25, 30, 60, 90, 120)
"""Seconds at which the best accuracy so far is looked up."""
PARTS = (
    "train",
    "evaluate",
    "build",
    "load data",
    "checkpoint",
    "between epochs",
    "between trials",
    "start-up",
)
"""What a worker's seconds are told apart into; they add up to all there are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one tool, up to the deadline."""

    tool: str
    seed: int
    trials: int
    """Trials with a result."""
    curve: tuple[tuple[float, float], ...]
    """Seconds since the start of the process and the best accuracy so far, a result each."""
    batch_sizes: dict[int, int]
    """How many epochs were trained in batches of so many rows."""
    parts: dict[str, float]
    """Seconds of all workers together, by PARTS."""
    driver_cpu_seconds: float

    @property
    def epochs(self) -> int:
        """Results within the deadline."""
        return len(self.curve)

    @property
    def first(self) -> float:
        """Seconds until the first result."""
        return self.curve[0][0]

    @property
    def best(self) -> float:
        """The best accuracy at the deadline."""
        return self.curve[-1][1]

    def best_at(self, moment: float) -> float | None:
        """The best accuracy so far; None before the first result."""
        known = [best for at, best in self.curve if at <= moment]
        return known[-1] if known else None

    def reaches(self, accuracy: float) -> float | None:
        """Seconds until the best is at least this; None when it never is."""
        return next((at for at, best in self.curve if best >= accuracy), None)


def measure(tool: str, seconds: float, seed: int, place: Path) -> Outcome:
    """One run of one tool. `place` is the folder of the data."""
    arguments = [str(seconds), str(seed)] + ([str(place)] if tool != "ours" else [])
    child = children.run(f"overhead_parts.j1_{tool}", *arguments, limit=seconds)
    results = [tuple(result) for result in child.answer["results"] if result[0] <= seconds]
    if not results:
        raise RuntimeError(f"{tool} had no result within {seconds:g} s: give it more --seconds.")
    curve, best = [], 0.0
    for at, _, value, _ in results:
        best = max(best, value)
        curve.append((at, best))
    return Outcome(
        tool=tool,
        seed=seed,
        trials=len({trial for _, trial, _, _ in results}),
        curve=tuple(curve),
        batch_sizes=dict(Counter(batch_size for *_, batch_size in results)),
        parts=split(child.marks, child.spawned, seconds),
        driver_cpu_seconds=child.answer["driver_cpu_seconds"],
    )


def split(marks: list[Mark], spawned: float, seconds: float) -> dict[str, float]:
    """The seconds of all workers, by what they were doing, from the start to the deadline.

    A trial lasts from its first mark to its last. What lies between two of its marks is waiting for
    the driver ("between epochs"); what lies between two trials of a worker is that, and where
    actors are not reused a new process and its imports too ("between trials").
    """
    deadline = spawned + seconds
    parts = dict.fromkeys(PARTS, 0.0)
    trials: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        if mark.start < deadline:
            parts[mark.what] += min(mark.end, deadline) - mark.start
            trials[mark.trial].append(mark)
    starts = sorted(found[0].start for found in trials.values())
    inside = sum(
        min(max(mark.end for mark in found), deadline) - found[0].start for found in trials.values()
    )
    # The first start of each worker: they start side by side, before either has a second trial.
    parts["start-up"] = sum(start - spawned for start in starts[: j1_job.WORKERS])
    parts["between epochs"] = inside - sum(parts[what] for what in PARTS[:5])
    parts["between trials"] = j1_job.WORKERS * seconds - inside - parts["start-up"]
    return parts

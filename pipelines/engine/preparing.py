"""What a sweep loads while Ray starts: the class that trains, and the data."""

from __future__ import annotations

import math
import os
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipelines.engine import capacity, loading
from pipelines.engine.sweep import Sweep
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from trainables.data import Dataset
    from trainables.options import CheckpointLimit, TrialOptions


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is loaded while Ray starts."""

    trainable: type[Any]
    found: Dataset
    """As it is described to a person."""
    note: str | None
    data: Dataset
    """As the trials get it."""
    options: TrialOptions

    def within(self, limit: CheckpointLimit) -> Prepared:
        """The same for trials that look whether there is room for their checkpoints."""
        return replace(self, options=replace(self.options, checkpoint_limit=limit))


def prepare(
    sweep: Sweep, space: SearchSpace, loaded: tuple[Dataset, str | None] | None
) -> Prepared:
    """Load and check it; ``loaded`` is the data set where the space has asked for it already.

    Raises ``UsageError`` where class, metric, space and data do not go together.
    """
    import pipelines.engine.history
    import pipelines.engine.ray_bridge  # noqa: F401 - ray.tune, a second by itself

    trainable = loading.load_trainable(sweep)
    loading.check_metric(sweep, trainable)
    found, note = loaded or loading.load_data(sweep)
    data, options = loading.for_trials(sweep, found)
    if sweep.workers_per_trial is not None or loading.distributes(trainable):
        # Else a loop of one's own has all GPUs of its trial in one process.
        threads = max(1, int(sweep.cpus_per_trial / sweep.workers))
        options = replace(options, workers=sweep.workers, cpu_threads=threads)
    loading.check_fits(trainable, space, found, options)
    return Prepared(trainable, found, note, data, options)


def request(sweep: Sweep, prepared: Prepared) -> capacity.Request:
    """What one trial takes of the machines."""
    return capacity.Request(
        cpus=sweep.cpus_per_trial,
        gpus=sweep.gpus_per_trial,
        accelerator=sweep.accelerator_type,
        workers=prepared.options.workers,
        spread=sweep.spread_trial,
    )


def workers(sweep: Sweep) -> float:
    """The trials that this machine alone could run at once, by its CPUs."""
    fit = (os.cpu_count() or 1) / sweep.cpus_per_trial
    return min(sweep.concurrent or math.inf, fit)


def give_way() -> None:
    """Leave the processor to Ray: it looks for its own processes once a second, and a process
    that comes up late costs a whole second. On Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)

"""What a sweep loads while Ray starts: the class that trains, and the data."""

from __future__ import annotations

import math
import os
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.errors import UsageError
from caviar.driver import loading
from caviar.ray import capacity, cluster
from caviar.store import experiments, recording
from caviar.store.session import Session
from caviar.sweep import compatibility
from caviar.sweep.sweep import Sweep
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
    sized: bool
    """Whether it is known how large a checkpoint is, or nobody asks."""

    def within(self, limit: CheckpointLimit) -> Prepared:
        """The same for trials that look whether there is room for their checkpoints."""
        return replace(self, options=replace(self.options, checkpoint_limit=limit))


def prepare(
    sweep: Sweep,
    space: SearchSpace,
    loaded: tuple[Dataset, str | None] | None,
    *,
    resumed: Path | None = None,
) -> Prepared:
    """Load and check it.

    Args:
        sweep: its options.
        space: what it searches.
        loaded: the data set where the space has asked for it already.
        resumed: the folder of the sweep that goes on, on the same data.

    Raises `UsageError` where class, metric, scheduler, space and data do not go together.
    """
    import caviar.ray.bridge  # noqa: F401 - ray.tune, a second by itself

    trainable = loading.load_trainable(sweep)
    loading.check_metric(sweep, trainable)
    compatibility.check_trainable(sweep, trainable)
    noted = Session() if resumed is None else _noted(resumed)
    found, note = loaded or loading.load_data(loading.settled(sweep, noted.dataset))
    recording.check_data(noted, found, name=str(sweep.name))
    if sweep.workers_per_trial == 1 < sweep.gpus_per_trial and loading.distributes(trainable):
        raise UsageError(
            f"One worker trains on one GPU, and --gpus-per-trial is {sweep.gpus_per_trial:g}: "
            "leave --workers-per-trial out, and each GPU has one."
        )
    data, options = loading.for_trials(sweep, found)
    if sweep.workers_per_trial is not None or loading.distributes(trainable):
        # Else a loop of one's own has all GPUs of its trial in one process.
        threads = max(1, int(sweep.cpus_per_trial / sweep.workers))
        options = replace(options, workers=sweep.workers, cpu_threads=threads)
    loading.check_fits(trainable, space, found, options)
    sized = sweep.disk_limit is None or loading.tells_checkpoint(trainable, space, data, options)
    return Prepared(trainable, found, note, data, options, sized)


def _noted(folder: Path) -> Session:
    """The last session of the sweep in `folder`; an empty one where there was none."""
    with experiments.find(folder).history() as history:
        noted = history.sessions()
    return noted[-1] if noted else Session()


def request(sweep: Sweep, prepared: Prepared) -> capacity.Request:
    """What one trial takes of the machines."""
    return capacity.Request(
        cpus=sweep.cpus_per_trial,
        gpus=sweep.gpus_per_trial,
        accelerator=sweep.accelerator_type,
        workers=prepared.options.workers,
        spread=sweep.spread_trial,
    )


def processes(sweep: Sweep) -> float:
    """The processes that train on this machine alone when it is full, by its CPUs and its GPUs."""
    fit = (os.cpu_count() or 1) / sweep.cpus_per_trial
    if sweep.gpus_per_trial:
        fit = min(fit, cluster.gpus_here() / sweep.gpus_per_trial)
    # Where workers train for a trial, its own actor is a process too.
    return min(sweep.concurrent or math.inf, fit) * (sweep.workers + (sweep.workers > 1))


def give_way() -> None:
    """Leave the processor to Ray: it looks for its own processes once a second, and a process
    that comes up late costs a whole second. On Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)

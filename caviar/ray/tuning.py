"""The trials of one controller, run by Ray Tune."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from caviar.controller.controller import SweepController
from caviar.controller.job import Job
from caviar.ray import capacity, start
from caviar.ray.interrupt import Interrupt
from caviar.store import layout
from caviar.store.disk_space import Room
from caviar.store.location import Location
from caviar.sweep.sweep import Sweep
from caviar.terminal.progress import Progress
from trainables.options import TrialOptions

if TYPE_CHECKING:
    from trainables.data import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What all jobs of a sweep have in common."""

    sweep: Sweep
    trainable: type[Any]
    data: Dataset
    """As the trials get it."""
    options: TrialOptions
    request: capacity.Request
    """What one job takes of the machines."""
    private: bool
    """Whether Ray runs for this sweep alone."""
    room: Room | None
    """For the checkpoints; None where nobody knows."""


def run_jobs(
    workload: Workload,
    controller: SweepController,
    console: Console,
    *,
    folder: Location,
    working: Path,
    interrupt: Interrupt,
) -> None:
    """Run jobs until the controller has no more.

    Args:
        workload: what they have in common.
        controller: says which trial runs, and which continues.
        console: where the progress is shown.
        folder: the checkpoints go into its `trials`.
        working: the tracebacks go into its `errors`.
        interrupt: what Ctrl-C asks.

    Raises:
        NoRoomError: where their checkpoints may take more than the room: before any epoch as far
            as the models tell, otherwise after the first that is too large.
    """
    from ray import tune

    from caviar.ray import bridge

    sweep, room, asked = workload.sweep, workload.room, workload.request
    private, concurrent = workload.private, sweep.concurrent
    trainable = tune.with_resources(
        tune.with_parameters(workload.trainable, data=workload.data, options=workload.options),
        tune.PlacementGroupFactory(asked.bundles, strategy=asked.strategy),
    )
    jobs: dict[str, Job] = {}
    limit = capacity.every(
        capacity.REFRESH_SECONDS,
        lambda: capacity.limit(asked, concurrent=concurrent, private=private),
    )
    going = capacity.every(capacity.REFRESH_SECONDS, capacity.going)
    folders: dict[str, str] = {}  # by itself: Ray pickles what the function below holds
    rungs = sweep.scheduler.judges_at(sweep.max_epochs)
    with Progress(controller, console, rungs=rungs) as progress:
        events = bridge.Events(
            controller,
            jobs=jobs,
            errors=working / layout.ERRORS,
            trials=folder / layout.TRIALS,
            metrics=workload.trainable.metrics,
            on_change=progress.changed,
            going=frozenset if private else going,
            most_bytes=math.inf if room is None else room.each,
        )
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=bridge.Search(controller, jobs, folders, limit=limit),
                scheduler=bridge.Schedule(events),
                num_samples=-1,  # the controller says when it is enough
                reuse_actors=True,
                trial_dirname_creator=lambda trial: folders[trial.trial_id],
            ),
            run_config=tune.RunConfig(
                name=layout.TRIALS,
                storage_path=str(folder),
                callbacks=[events],
                stop=bridge.CutOff(events),
                verbose=2 if sweep.verbose else 0,
                # Two: should the last be cut off while it is written, the one before is whole.
                checkpoint_config=tune.CheckpointConfig(num_to_keep=2, checkpoint_at_end=False),
            ),
        )
        with interrupt.stops(controller, events), start.lean_tune(), start.own_staging():
            tuner.fit()
    if room is not None and events.too_large is not None:
        raise room.error(events.too_large, trained=controller.trials.epochs > 0)

"""The trials of one controller, run by Ray Tune."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console

from caviar.controller.controller import SweepController
from caviar.controller.job import Job
from caviar.driver.preparing import Prepared, request
from caviar.ray import capacity, start
from caviar.ray.interrupt import Interrupt
from caviar.store import layout
from caviar.store.disk_space import Room
from caviar.store.location import Location
from caviar.sweep.sweep import Sweep
from caviar.terminal.progress import Progress


def search(
    sweep: Sweep,
    controller: SweepController,
    prepared: Prepared,
    console: Console,
    *,
    folder: Location,
    working: Path,
    private: bool,
    room: Room | None,
    interrupt: Interrupt,
) -> None:
    """Run trials until the controller has no more.

    Raises `NoRoomError` where their checkpoints may take more than `room`: before any epoch as
    far as the models tell, else after the first that is too large.

    Args:
        sweep: its options.
        controller: says which trial runs, and which goes on.
        prepared: the class that trains, and its data.
        console: where the progress is shown.
        folder: the checkpoints go into its `trials`.
        working: the tracebacks go into its `errors`.
        private: Ray runs for this sweep alone.
        room: for the checkpoints; None where nobody knows.
        interrupt: what Ctrl-C asks.
    """
    from ray import tune

    from caviar.ray import bridge

    asked, concurrent = request(sweep, prepared), sweep.concurrent
    trainable = tune.with_resources(
        tune.with_parameters(prepared.trainable, data=prepared.data, options=prepared.options),
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
            metrics=prepared.trainable.metrics,
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

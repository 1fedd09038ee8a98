"""A sweep that really trains, one trial after the other in this process, and its folder on disk.

What the commands after a sweep read: history, options, checkpoints, summary. Without Ray's workers
it takes a second or two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from without_ray import LINE, summary_of

from caviar.controller.controller import SweepController
from caviar.controller.job import EpochResult, Job
from caviar.controller.plan import Plan
from caviar.driver import in_process, loading
from caviar.store import checkpoints, layout, recording, starting
from caviar.store.history import History
from caviar.store.location import Location
from caviar.sweep.sweep import Sweep
from trainables.options import TrialInfo

RECIPE = "random_search"


def train_sweep(folder: Path, asked: Sweep, *, space=LINE) -> SweepController:
    """Run a sweep to its end. A trial that raises has failed; every epoch is saved if it counts."""
    folder.mkdir(parents=True)
    dataset, _ = loading.load_data(asked)
    starting.note(asked, space, RECIPE, folder)
    history = History(folder, name=folder.name, objective=asked.objective)
    controller = SweepController(
        Plan(
            objective=asked.objective,
            max_epochs=asked.max_epochs,
            trials=asked.trials,
            seed=asked.seed,
            keep_checkpoints=asked.keep_checkpoints,
            checkpoint_seconds=0.0,
        ),
        space=space,
        searcher=asked.searcher.build(space, mode=asked.direction, seed=asked.seed),
        scheduler=asked.scheduler.build(max_epochs=asked.max_epochs, seed=asked.seed),
        history=history,
        checkpoints=checkpoints.CheckpointFolder(Location.of(folder / layout.TRIALS)),
    )
    noted = recording.recorded(
        history,
        controller,
        asked,
        space,
        data=dataset,
    )
    with noted:
        while (job := controller.next_job()) is not None:
            error = _train(folder, asked, dataset, controller, job)
            for useless in controller.end(job, error=error):
                checkpoints.remove(Location.of(folder / layout.TRIALS), useless)
                controller.keeping.saved.discard(useless)
    history.close()
    checkpoints.tidy(Location.of(folder / layout.TRIALS))
    found = summary_of(controller, folder, name=folder.name, recipe=RECIPE)
    layout.write_json(found, folder / layout.SUMMARY)
    return controller


def _train(folder: Path, asked: Sweep, dataset: Any, controller: SweepController, job: Job):
    """Train one trial; the last line of what it raised, or None."""
    trainable = loading.load_trainable(asked)
    data, options = loading.for_trials(asked, dataset)
    (member,) = job.members
    record, number = member.record, member.record.number
    info = TrialInfo(
        number=number,
        seed=record.seed,
        restore_from=member.restore_from,
        fork=member.forked,
    )
    try:
        with in_process.trial(
            trainable, record.config, info=info, data=data, options=options, gpus=0
        ) as running:
            for row in in_process.epochs(running, trainable.metrics, asked.max_epochs):
                out_of_memory = row["outcome"] == "out_of_memory"
                result = EpochResult(
                    epoch=row["epoch"],
                    metrics=row["metrics"],
                    done=row["epoch"] >= asked.max_epochs,
                    diverged=row["outcome"] == "diverged",
                    error=f"out of memory: {row['detail']}" if out_of_memory else None,
                )
                decision = controller.report(job, {number: result})[number]
                if decision.save:
                    place = folder / layout.TRIALS / checkpoints.folder_name(number, record.attempt)
                    running.save_checkpoint(str(place / f"checkpoint_{row['epoch']:06d}"))
                    controller.keeping.saved.add(number)
                if not decision.continues:
                    return None
    except Exception as error:  # noqa: BLE001 - what a faulty trainable raises, as Ray catches it
        return f"{type(error).__name__}: {error}"
    return None

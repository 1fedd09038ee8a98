"""Run a sweep: check everything, start Ray, let it search, say what was found."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pipelines.engine import (
    capacity,
    checkpoints,
    cluster,
    ending,
    files,
    loading,
    nodes,
    sessions,
    show,
    storage,
    summary,
    warm_start,
)
from pipelines.engine.budget import Stop
from pipelines.engine.conductor import Conductor
from pipelines.engine.errors import UsageError
from pipelines.engine.plan import Plan
from pipelines.engine.progress import Progress
from pipelines.engine.schedulers.base import Scheduler
from pipelines.engine.sweep import Sweep, by_name
from pipelines.engine.warm_start import WarmStart
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from pipelines.engine.history import History
    from pipelines.engine.ray_bridge import Events
    from trainables.data import Dataset
    from trainables.options import TrialOptions


@dataclass(frozen=True, slots=True)
class Result:
    """What ``run`` gives back."""

    summary: dict[str, Any]
    """As in ``summary.json``."""
    folder: Path
    """Everything the sweep has written."""
    stop_reason: str | None
    """Why the sweep ended before its last trial; None when it did not."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is loaded while Ray starts."""

    trainable: type[Any]
    found: Dataset
    """As it is described to a person."""
    note: str | None
    data: Dataset
    """As the trials get it."""
    options: TrialOptions


def run(sweep: Sweep, *, recipe: str = "python", console: Console | None = None) -> Result:
    """Run ``sweep`` to its end, to its budget or to Ctrl-C; it can be resumed from either.

    Raises ``UsageError`` for what cannot be carried out, before any trial starts.
    """
    started = time.monotonic()
    console = console or Console()
    cluster.prepare_environment(verbose=sweep.verbose)
    # Most spaces ask nothing of the data, which is then loaded while Ray starts.
    loaded = loading.load_data(sweep) if loading.space_depends_on_data(sweep) else None
    space = loading.load_space(sweep, loaded[0] if loaded else None)
    sweep = loading.with_trainable(sweep, space)
    scheduler = sweep.scheduler.build(max_epochs=sweep.max_epochs, seed=sweep.seed)
    name = sweep.name or sessions.default_name(recipe, sweep)
    folder = sweep.storage.expanduser().resolve() / name
    sessions.check(sweep, space=space, recipe=recipe, folder=folder)
    loading.check(sweep)
    loading.check_trainable(sweep, space)
    warm = None if sweep.resume else warm_start.load(sweep, space)
    # Ray takes three seconds to start, most of them waiting: the rest is loaded meanwhile.
    with ThreadPoolExecutor(1, initializer=_give_way) as helper:
        import ray  # noqa: F401 - before the thread: both need it

        preparing = helper.submit(_prepare, sweep, space, loaded)
        with cluster.connected(workers=_workers(sweep), verbose=sweep.verbose) as private:
            prepared = preparing.result()
            slots = capacity.check(_request(sweep), private=private)
            shared = not private and _several_machines(folder, sweep)
            from pipelines.engine.history import History

            with storage.working_folder(
                folder,
                shared=shared,
                resume=sweep.resume,
                say=lambda line: console.print(line, markup=False, highlight=False),
            ) as working:
                history = History(working, name=name, metric=sweep.metric, mode=sweep.direction)
                try:
                    warm = warm_start.noted(warm, history, space, sweep.max_epochs)
                    conductor = _conductor(sweep, space, scheduler, history, folder, started, warm)
                    before = conductor.epochs
                    concurrent = min(sweep.concurrent or slots, slots)
                    show.start(
                        sweep,
                        space,
                        scheduler,
                        prepared.found,
                        console,
                        note=prepared.note,
                        concurrent=concurrent,
                        folder=folder,
                        session=conductor.session,
                    )
                    for line in warm.lines:
                        console.print(line, markup=False, highlight=False, soft_wrap=True)
                    with (
                        sessions.recorded(
                            history,
                            conductor,
                            sweep,
                            space,
                            recipe,
                            data=prepared.found.describe(),
                            concurrent=concurrent,
                        ),
                        cluster.environment_inherited() if private else nullcontext(),
                    ):
                        _search(
                            sweep,
                            conductor,
                            prepared,
                            console,
                            folder=folder,
                            working=working,
                            private=private,
                        )
                finally:
                    history.close()
                checkpoints.tidy(folder / files.TRIALS)
                found = summary.summarise(conductor, name=name, recipe=recipe, folder=folder)
                files.write_json(found, working / files.SUMMARY)
    show.end(found, conductor, folder=folder, console=console)
    ran = conductor.epochs > before or conductor.session == 0
    first = (sessions.stored(folder) or {}).get("options", {})
    ending.say(conductor, sweep, console, recipe=recipe, name=name, first=first, ran=ran)
    return Result(found, folder, conductor.ended_because)


def _several_machines(folder: Path, sweep: Sweep) -> bool:
    """Whether trials may run on other machines than this; then all of them have been checked.

    Raises ``UsageError`` where a machine lacks the code, or does not see ``folder``.
    """
    grows = bool(capacity.node_types()[0])
    if len(capacity.alive()) == 1 and not grows:
        return False
    if grows:
        nodes.check_own_disk(folder)
    module = by_name(sweep.trainable).partition(":")[0]
    needed = ["trainables"] + ([module] if module not in ("trainables", "__main__") else [])
    nodes.check(storage.Place.folder(folder), needed)
    return True


def _request(sweep: Sweep) -> capacity.Request:
    return capacity.Request(
        cpus=sweep.cpus_per_trial,
        gpus=sweep.gpus_per_trial,
        accelerator=sweep.accelerator_type,
    )


def _workers(sweep: Sweep) -> float:
    """The trials that this machine alone could run at once, by its CPUs."""
    fit = (os.cpu_count() or 1) / sweep.cpus_per_trial
    return min(sweep.concurrent or math.inf, fit)


def _give_way() -> None:
    """Leave the processor to Ray: it looks for its own processes once a second, and a process
    that comes up late costs a whole second. On Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)


def _prepare(
    sweep: Sweep, space: SearchSpace, loaded: tuple[Dataset, str | None] | None
) -> _Prepared:
    import pipelines.engine.history
    import pipelines.engine.ray_bridge  # noqa: F401 - ray.tune, a second by itself

    trainable = loading.load_trainable(sweep)
    loading.check_metric(sweep, trainable)
    found, note = loaded or loading.load_data(sweep)
    data, options = loading.for_trials(sweep, found)
    loading.check_fits(trainable, space, found, options)
    return _Prepared(trainable, found, note, data, options)


def _conductor(
    sweep: Sweep,
    space: SearchSpace,
    scheduler: Scheduler,
    history: History,
    folder: Path,
    started: float,
    warm: WarmStart,
) -> Conductor:
    plan = Plan(
        metric=sweep.metric,
        mode=sweep.direction,
        max_epochs=sweep.max_epochs,
        trials=sweep.trials,
        seed=sweep.seed,
        keep_checkpoints=sweep.keep_checkpoints,
        checkpoint_seconds=sweep.checkpoint_seconds,
        retries=sweep.retries,
        limits=sweep.limits,
        again=warm.best(sweep.retest, space, sweep.direction),
        gpus_per_trial=sweep.gpus_per_trial,
    )
    options = sweep.searcher.planned(space, trials=sweep.trials)
    checkpoint = sessions.newest_checkpoint(folder)
    conductor = Conductor(
        plan,
        space=space,
        searcher=options.build(space, mode=sweep.direction, seed=sweep.seed),
        scheduler=scheduler,
        history=history,
        checkpoint=checkpoint,
        session=sessions.count(history),
        spent=sessions.spent(history) + time.monotonic() - started,
        gpu_seconds=sessions.gpu_seconds(history),
    )
    conductor.learn(warm.rows)
    if sweep.resume:
        conductor.replay(history.records(), checkpoint)
    return conductor


def _search(
    sweep: Sweep,
    conductor: Conductor,
    prepared: _Prepared,
    console: Console,
    *,
    folder: Path,
    working: Path,
    private: bool,
) -> None:
    from ray import tune

    from pipelines.engine import ray_bridge

    trainable = tune.with_resources(
        tune.with_parameters(prepared.trainable, data=prepared.data, options=prepared.options),
        tune.PlacementGroupFactory([_request(sweep).bundle]),
    )
    numbers: dict[str, int] = {}
    request, concurrent = _request(sweep), sweep.concurrent
    limit = capacity.every(
        capacity.REFRESH_SECONDS,
        lambda: capacity.limit(request, concurrent=concurrent, private=private),
    )
    going = capacity.every(capacity.REFRESH_SECONDS, capacity.going)
    folder_of = ray_bridge.FolderNames(numbers, conductor.session)
    with Progress(conductor, console) as progress:
        events = ray_bridge.Events(
            conductor,
            numbers=numbers,
            errors=working / files.ERRORS,
            trials=folder / files.TRIALS,
            metrics=prepared.trainable.metrics,
            on_change=progress.changed,
            going=frozenset if private else going,
        )
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=ray_bridge.Search(conductor, numbers, limit=limit),
                scheduler=ray_bridge.Schedule(events),
                num_samples=-1,  # the conductor says when it is enough
                reuse_actors=True,
                trial_dirname_creator=folder_of,
            ),
            run_config=tune.RunConfig(
                name=files.TRIALS,
                storage_path=str(folder),
                callbacks=[events],
                stop=ray_bridge.CutOff(events),
                verbose=2 if sweep.verbose else 0,
                # Two: should the last be cut off while it is written, the one before is whole.
                checkpoint_config=tune.CheckpointConfig(num_to_keep=2, checkpoint_at_end=False),
            ),
        )
        with _interruptible(conductor, events):
            tuner.fit()


@contextmanager
def _interruptible(conductor: Conductor, events: Events) -> Iterator[None]:
    """The first Ctrl-C lets running epochs finish and saves them; the second cuts them off."""

    def stop(*_: Any) -> None:
        if conductor.stop_reason == Stop.INTERRUPTED:
            events.cut()
        conductor.request_stop(Stop.INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["Result", "UsageError", "run"]

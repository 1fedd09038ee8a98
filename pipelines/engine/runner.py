"""Run a sweep: check everything, start Ray, let it search, say what was found."""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pipelines.engine import (
    capacity,
    captured,
    checkpoints,
    cluster,
    databases,
    disk,
    ending,
    files,
    finals,
    in_process,
    loading,
    nodes,
    pairings,
    sessions,
    show,
    storage,
    summary,
    trackers,
    warm_start,
)
from pipelines.engine.budget import Stop
from pipelines.engine.conductor import Conductor
from pipelines.engine.errors import UsageError
from pipelines.engine.plan import Log, Plan
from pipelines.engine.progress import Progress
from pipelines.engine.schedulers.base import Scheduler
from pipelines.engine.storage import Place
from pipelines.engine.sweep import Sweep, by_name
from pipelines.engine.warm_start import WarmStart
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from pipelines.engine.history import History
    from pipelines.engine.ray_bridge import Events
    from pipelines.engine.report.sections import Findings
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
    finals: finals.Finals | None = None
    """What the winner came to with fresh seeds; None without finals, or before their end."""


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


def run(
    sweep: Sweep,
    *,
    recipe: str = "python",
    console: Console | None = None,
    defenders: Sequence[Mapping[str, Any]] = (),
) -> Result:
    """Run ``sweep`` to its end, to its budget or to Ctrl-C; it can be resumed from either.

    ``defenders`` are configurations that take part in the finals beside the best of the search.

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
    pairings.check(sweep, space)
    name = sweep.name or sessions.default_name(recipe, sweep)
    folder = storage.home(sweep.storage, name)
    on_disk = storage.on_disk(folder, resume=sweep.resume)
    sessions.check(sweep, space=space, recipe=recipe, folder=on_disk)
    loading.check(sweep)
    loading.check_trainable(sweep, space)
    if sweep.history_url is not None:
        databases.check(sweep.history_url)
    trackers.check(sweep, folder)
    warm = None if sweep.resume else warm_start.load(sweep, space)
    # Ray takes three seconds to start, most of them waiting: the rest is loaded meanwhile.
    with ThreadPoolExecutor(1, initializer=_give_way) as helper:
        import ray  # noqa: F401 - before the thread: both need it

        if isinstance(sweep.trainable, type):
            captured.check(sweep.trainable)
        preparing = helper.submit(_prepare, sweep, space, loaded)
        with cluster.connected(workers=_workers(sweep), verbose=sweep.verbose) as private:
            prepared = preparing.result()
            slots = capacity.check(_request(sweep, prepared), private=private)
            shared = not private and _several_machines(folder, sweep)
            concurrent = min(sweep.concurrent or slots, slots)
            if isinstance(folder, Path):  # nobody knows what an object store has left
                disk.check(
                    sweep,
                    space,
                    prepared.trainable,
                    prepared.data,
                    prepared.options,
                    concurrent=concurrent,
                    folder=folder,
                )
            from pipelines.engine.history import History

            with storage.working_folder(
                folder,
                shared=shared,
                resume=sweep.resume,
                every=sweep.checkpoint_seconds,
                say=lambda line: console.print(line, markup=False, highlight=False),
            ) as working:
                history = History(
                    working,
                    name=name,
                    metric=sweep.metric,
                    mode=sweep.direction,
                    url=sweep.history_url,
                )
                followed = trackers.Followed(
                    history,
                    trackers.chosen(sweep, folder, history, name=name),
                    lambda line: console.print(line, markup=False, highlight=False),
                )
                last: finals.Finals | None = None
                try:
                    warm = warm_start.noted(warm, history, space, sweep.max_epochs)
                    conductor = _conductor(
                        sweep, space, scheduler, history, followed, folder, started, warm
                    )
                    before = conductor.epochs
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
                    if sweep.finalists and conductor.stop_reason != Stop.INTERRUPTED:
                        last = _finals(
                            sweep,
                            space,
                            finals.candidates(conductor, sweep.finalists, defenders),
                            prepared,
                            console,
                            folder=folder,
                            working=working,
                            private=private,
                        )
                finally:
                    followed.close()
                    history.close()
                _prune(conductor, folder / files.TRIALS)
                winner = None if last is None or last.winner is None else last.winner.trial
                found = summary.summarise(
                    conductor, name=name, recipe=recipe, folder=folder, winner=winner
                )
                files.write_json(found, working / files.SUMMARY)
                findings = _report(working, folder, console)
    show.end(found, conductor, folder=folder, console=console)
    if last is not None:
        show.finals(last, sweep.metric, console)
    if findings is not None:
        show.advice(findings.advice, console)
    ran = conductor.epochs > before or conductor.session == 0
    first = (sessions.stored(on_disk) or {}).get("options", {})
    ending.say(conductor, sweep, console, recipe=recipe, name=name, first=first, ran=ran)
    return Result(found, on_disk, conductor.ended_because, last)


def _finals(
    sweep: Sweep,
    space: SearchSpace,
    entrants: Sequence[tuple[int | None, Mapping[str, Any]]],
    prepared: _Prepared,
    console: Console,
    *,
    folder: Path | Place,
    working: Path,
    private: bool,
) -> finals.Finals | None:
    """Check the winner; None while trainings are left, which a resumed sweep goes on with."""
    console.print(
        f"\nfinals     {len(entrants)} configurations, {sweep.final_seeds} fresh seeds each, "
        f"{sweep.max_epochs} epochs"
    )

    def train(conductor: Conductor, trials: Path | Place, there: Path) -> None:
        with cluster.environment_inherited() if private else nullcontext():
            _search(
                sweep, conductor, prepared, console, folder=trials, working=there, private=private
            )

    def score(config: Mapping[str, Any], number: int, checkpoint: str) -> Any:
        return in_process.score(
            prepared.trainable,
            config,
            checkpoint=checkpoint,
            number=number,
            data=prepared.data,
            options=prepared.options,
            gpus=sweep.gpus_per_trial,
        )

    before = finals.read(working)
    last, stopped = finals.run(sweep, space, entrants, folder=folder, working=working, train=train)
    if stopped is not None:
        return None
    if before is None or before.winner != last.winner:
        last = finals.with_test(last, folder, score)
    else:
        last = replace(last, test=before.test, checkpoint=before.checkpoint)
    finals.write(last, working)
    return last


def _report(working: Path, folder: Path | Place, console: Console) -> Findings | None:
    """Write the report; a sweep that has ended well does not fail with it."""
    try:
        from pipelines.engine import experiments, report

        return report.write(experiments.find(working))[1]
    except Exception as error:  # noqa: BLE001 - whatever it is, the results are safe and said
        console.print(
            f"{files.REPORT} could not be written ({type(error).__name__}: {error}). "
            f"Try again: caviar report {shlex.quote(str(folder))}",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return None


def _prune(conductor: Conductor, trials: Path | Place) -> None:
    """Of each trial that ended and is kept, keep the newest checkpoint alone: it has the weights of
    the best epoch. Unfinished ones keep both."""
    for number in conductor.saved:
        if not conductor.records[number].unfinished:
            checkpoints.keep_newest(trials, number)
    checkpoints.tidy(trials)


def _several_machines(folder: Path | Place, sweep: Sweep) -> bool:
    """Whether trials may run on other machines than this; then all of them have been checked.

    Raises ``UsageError`` where a machine lacks the code, or does not see ``folder``.
    """
    grows = bool(capacity.node_types()[0])
    if len(capacity.alive()) == 1 and not grows:
        return False
    if grows and isinstance(folder, Path):
        nodes.check_own_disk(folder)
    module = by_name(sweep.trainable).partition(":")[0]
    needed = ["trainables"] + ([module] if module not in ("trainables", "__main__") else [])
    nodes.check(Place.folder(folder) if isinstance(folder, Path) else folder, needed)
    return True


def _request(sweep: Sweep, prepared: _Prepared) -> capacity.Request:
    return capacity.Request(
        cpus=sweep.cpus_per_trial,
        gpus=sweep.gpus_per_trial,
        accelerator=sweep.accelerator_type,
        workers=prepared.options.workers,
        spread=sweep.spread_trial,
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
    if sweep.workers_per_trial is not None or loading.distributes(trainable):
        # Else a loop of one's own has all GPUs of its trial in one process.
        threads = max(1, int(sweep.cpus_per_trial / sweep.workers))
        options = replace(options, workers=sweep.workers, cpu_threads=threads)
    loading.check_fits(trainable, space, found, options)
    return _Prepared(trainable, found, note, data, options)


def _conductor(
    sweep: Sweep,
    space: SearchSpace,
    scheduler: Scheduler,
    history: History,
    log: Log,
    folder: Path | Place,
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
    conductor = Conductor(
        plan,
        space=space,
        searcher=options.build(space, mode=sweep.direction, seed=sweep.seed),
        scheduler=scheduler,
        history=log,
        checkpoints=checkpoints.CheckpointFolder(folder / files.TRIALS),
        session=sessions.count(history),
        spent=sessions.spent(history) + time.monotonic() - started,
        gpu_seconds=sessions.gpu_seconds(history),
    )
    conductor.learn(warm.rows)
    if sweep.resume:
        records = history.records()
        checkpoints.drop_unknown(folder / files.TRIALS, records)
        conductor.replay(records)
    return conductor


def _search(
    sweep: Sweep,
    conductor: Conductor,
    prepared: _Prepared,
    console: Console,
    *,
    folder: Path | Place,
    working: Path,
    private: bool,
) -> None:
    from ray import tune

    from pipelines.engine import ray_bridge

    request, concurrent = _request(sweep, prepared), sweep.concurrent
    trainable = tune.with_resources(
        tune.with_parameters(prepared.trainable, data=prepared.data, options=prepared.options),
        tune.PlacementGroupFactory(request.bundles, strategy=request.strategy),
    )
    numbers: dict[str, int] = {}
    limit = capacity.every(
        capacity.REFRESH_SECONDS,
        lambda: capacity.limit(request, concurrent=concurrent, private=private),
    )
    going = capacity.every(capacity.REFRESH_SECONDS, capacity.going)
    folders: dict[str, str] = {}  # by itself: Ray pickles what the function below holds
    rungs = sweep.scheduler.judges_at(sweep.max_epochs)
    with Progress(conductor, console, rungs=rungs) as progress:
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
                search_alg=ray_bridge.Search(conductor, numbers, folders, limit=limit),
                scheduler=ray_bridge.Schedule(events),
                num_samples=-1,  # the conductor says when it is enough
                reuse_actors=True,
                trial_dirname_creator=lambda trial: folders[trial.trial_id],
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

"""Run a sweep: check everything, start Ray, let it search, say what was found."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from caviar import trackers
from caviar.base.errors import UsageError
from caviar.controller.budget import Stop
from caviar.controller.controller import SweepController
from caviar.controller.lifecycle import Earlier
from caviar.controller.plan import Log, Plan
from caviar.driver import finals, loading, warm_start
from caviar.driver.preparing import give_way, prepare, processes, request
from caviar.driver.warm_start import WarmStart
from caviar.ray import autoscaler, capacity, cluster, nodes, pickling, start
from caviar.ray.interrupt import interruptible
from caviar.ray.tuning import search
from caviar.schedulers.base import Scheduler
from caviar.store import (
    answer,
    checkpoints,
    database,
    disk_space,
    layout,
    session,
    sessions,
    summary,
)
from caviar.store.answer import Answer
from caviar.store.finals import Finals
from caviar.store.location import Location
from caviar.store.mirror import on_disk, working_folder
from caviar.sweep import compatibility, rerun
from caviar.sweep.sweep import Sweep
from caviar.terminal import screens, stop_message
from caviar.terminal.console import SweepConsole
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from caviar.report.findings import Findings
    from caviar.store.history import History


@dataclass(frozen=True, slots=True)
class Result:
    """What `run` gives back."""

    summary: dict[str, Any]
    """As in `summary.json`."""
    folder: Path
    """Everything the sweep has written."""
    stop_reason: str | None
    """Why the sweep ended before its last trial, or its finals before theirs; None when neither."""
    finals: Finals | None = None
    """What the winner came to with fresh seeds; None without finals, or before their end."""
    answer: Answer | None = None
    """What the sweep found by its finals; None where they have no winner either."""


def run(
    sweep: Sweep,
    *,
    recipe: str = rerun.PYTHON,
    script: Sequence[str] | None = None,
    console: Console | None = None,
    defenders: Sequence[Mapping[str, Any]] = (),
    new_data: bool = False,
) -> Result:
    """Run `sweep` to its end, to its budget or to Ctrl-C; it can be resumed from either.

    `recipe` is what its kind is called in all that is noted, and `script` the command that
    starts it with the options of a command line, where that is not `caviar sweep`: `["python",
    "sweep.py"]`.
    `defenders` are configurations that take part in the finals beside the best of the search.
    `new_data` lets a resumed sweep go on with other data than its last session had, which is
    refused else.

    Raises `UsageError` for what cannot be carried out, before any trial starts.
    """
    started = time.monotonic()
    console = console or SweepConsole()
    cluster.prepare_environment(verbose=sweep.verbose)
    # Most spaces ask nothing of the data, which is then loaded while Ray starts.
    loaded = loading.load_data(sweep) if loading.space_depends_on_data(sweep) else None
    space = loading.load_space(sweep, loaded[0] if loaded else None)
    sweep = loading.with_trainable(sweep, space)
    scheduler = sweep.scheduler.build(max_epochs=sweep.max_epochs, seed=sweep.seed)
    compatibility.check(sweep, space)
    name = sweep.name or sessions.default_name(recipe, sweep)
    folder = Location.of(sweep.storage) / name
    if sweep.name is None and folder.local is not None:
        folder = Location(str(sessions.unused(folder.local)))
    here = on_disk(folder, resume=sweep.resume)
    sessions.check(sweep, space=space, recipe=recipe, folder=here)
    loading.check(sweep)
    loading.check_trainable(sweep, space)
    if sweep.history_url is not None:
        database.check(sweep.history_url)
    trackers.check(sweep, folder)
    warm = None if sweep.resume else warm_start.load(sweep, space)
    # Ray takes three seconds to start, most of them waiting: the rest is loaded meanwhile.
    with ThreadPoolExecutor(1, initializer=give_way) as helper:
        import ray  # noqa: F401 - before the thread: both need it

        if isinstance(sweep.trainable, type):
            pickling.check(sweep.trainable)
        resumed = here if sweep.resume and not new_data else None
        preparing = helper.submit(prepare, sweep, space, loaded, resumed=resumed)
        with cluster.connected(processes=processes(sweep), verbose=sweep.verbose) as private:
            prepared = preparing.result()
            slots = capacity.check(request(sweep, prepared), private=private)
            shared = not private and _several_machines(folder, sweep)
            concurrent = min(sweep.concurrent or slots, slots)
            room: disk_space.Room | None = None
            if folder.local is not None:  # nobody knows what an object store has left
                room = disk_space.room(sweep, concurrent=concurrent, folder=folder.local)
                prepared = prepared.within(room.limit(space))
                if sweep.name is None:  # another may have begun in the same second
                    here = sessions.make_unused(folder.local.with_name(name))
                    folder, name = Location(str(here)), here.name
            with (
                interruptible() as interrupt,
                _if_refused(sweep, lambda: shutil.rmtree(str(folder))),
                working_folder(
                    folder,
                    shared=shared,
                    resume=sweep.resume,
                    every=sweep.checkpoint_seconds,
                    say=lambda line: console.print(line, markup=False, highlight=False),
                ) as working,
                closing(_history(sweep, space, recipe, name, working)) as history,
                closing(
                    trackers.Followed(
                        history,
                        trackers.chosen(sweep, folder, history, name=name),
                        lambda line: console.print(line, markup=False, highlight=False),
                    )
                ) as followed,
            ):
                if warm is not None:
                    warm = warm.compared(prepared.found)
                warm = warm_start.noted(warm, history, space, sweep.max_epochs)
                controller = _controller(
                    sweep, space, scheduler, history, followed, folder, started, warm
                )
                before = controller.trials.epochs
                screens.start(
                    screens.Start(
                        sweep=sweep,
                        space=space,
                        scheduler=scheduler,
                        data=prepared.found.describe(),
                        machines=screens.Machines(
                            resources=cluster.resources_line(),
                            gpus=cluster.gpus(),
                            concurrent=concurrent,
                            workers=prepared.options.workers,
                        ),
                        folder=folder,
                        session=controller.session,
                        sized=prepared.sized or room is None,
                        note=prepared.note,
                    ),
                    console,
                )
                for line in warm.lines:
                    console.print(line, markup=False, highlight=False, soft_wrap=True)

                def train(which: SweepController, lies: Location, there: Path) -> None:
                    with start.environment_inherited() if private else nullcontext():
                        search(
                            sweep,
                            which,
                            prepared,
                            console,
                            folder=lies,
                            working=there,
                            private=private,
                            room=room,
                            interrupt=interrupt,
                        )

                with (
                    _if_refused(sweep, history.delete),
                    sessions.recorded(
                        history,
                        controller,
                        sweep,
                        space,
                        data=prepared.found,
                        concurrent=concurrent,
                    ),
                ):
                    train(controller, folder, working)
                last: Finals | None = None
                cut_off: str | None = None
                entrants = (
                    finals.candidates(controller, sweep.finalists, defenders)
                    if sweep.finalists and controller.stop_reason != Stop.INTERRUPTED
                    else []
                )
                if entrants:
                    screens.finals_begin(sweep, len(entrants), console)
                    sessions.note_finals(history, session.RUNNING)
                    how: str | None = session.CRASHED
                    try:
                        last, cut_off = finals.check(
                            sweep,
                            space,
                            entrants,
                            prepared,
                            folder=folder,
                            working=working,
                            # The driver of a cluster was lent no GPU.
                            gpus=sweep.gpus_per_trial if private else 0,
                            train=train,
                        )
                        how = cut_off
                    finally:
                        sessions.note_finals(history, how)
                _prune(controller, folder / layout.TRIALS)
                trials = controller.trials
                found_answer = answer.answer(trials, last)
                found = summary.summarise(
                    trials,
                    name=name,
                    recipe=recipe,
                    seed=sweep.seed,
                    seconds=controller.elapsed,
                    folder=folder,
                    answer=found_answer,
                )
                layout.write_json(found, working / layout.SUMMARY)
                findings = _report(working, folder, console)
    screens.end(found, controller, folder=folder, console=console)
    if last is not None:
        screens.finals(last, sweep.metric, console)
    if findings is not None:
        screens.advice(findings.advice, console)
    ran = controller.trials.epochs > before or controller.session == 0
    stop_message.say(
        controller, sweep, console, recipe=recipe, name=name, ran=ran, script=script, finals=cut_off
    )
    return Result(found, here, cut_off or controller.ended_because, last, found_answer)


def _history(sweep: Sweep, space: SearchSpace, recipe: str, name: str, working: Path) -> History:
    """The history of the sweep, which is opened once it is noted what a new one was asked."""
    from caviar.store.history import History

    with nullcontext() if sweep.resume else sessions.claimed(working):
        if not sweep.resume:
            sessions.note(sweep, space, recipe, working)
        return History(
            working,
            name=None if sweep.resume else name,  # it may have been renamed
            objective=sweep.objective,
            url=sweep.history_url,
        )


def _report(working: Path, folder: Location, console: Console) -> Findings | None:
    """Write the report; a sweep that has ended well does not fail with it."""
    try:
        from caviar import report
        from caviar.store import experiments

        found = replace(experiments.find(working), lies=folder)
        return report.write(found)[1]
    except Exception as error:  # noqa: BLE001 - whatever it is, the results are safe and said
        console.print(
            f"{layout.REPORT} could not be written ({type(error).__name__}: {error}). "
            f"Try again: caviar report {shlex.quote(str(folder))}",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return None


@contextmanager
def _if_refused(sweep: Sweep, undo: Callable[[], object]) -> Iterator[None]:
    """Take back what a new sweep has written that its first trial refuses, where that can be."""
    try:
        yield
    except disk_space.NoRoomError as error:
        if not sweep.resume and not error.trained:
            with suppress(Exception):  # on a full disk: the refusal is what is to be said
                undo()
        raise


def _prune(controller: SweepController, trials: Location) -> None:
    """Of each trial that ended and is kept, keep the newest checkpoint alone: it has the weights of
    the best epoch. Unfinished ones keep both."""
    for number in controller.keeping.saved:
        if not controller.trials[number].unfinished:
            checkpoints.keep_newest(trials, number)
    checkpoints.tidy(trials)


def _several_machines(folder: Location, sweep: Sweep) -> bool:
    """Whether trials may run on other machines than this; then all of them have been checked.

    Raises `UsageError` where a machine lacks the code, or does not see `folder`.
    """
    grows = bool(autoscaler.growth().kinds)
    if len(capacity.alive()) == 1 and not grows:
        return False
    if grows and folder.local is not None:
        nodes.check_own_disk(folder.local)
    if isinstance(sweep.trainable, str):
        module = sweep.trainable.partition(":")[0]
    else:
        module = sweep.trainable.__module__
    needed = ["trainables"] + ([module] if module not in ("trainables", "__main__") else [])
    nodes.check(folder, needed)
    return True


def _controller(
    sweep: Sweep,
    space: SearchSpace,
    scheduler: Scheduler,
    history: History,
    log: Log,
    folder: Location,
    started: float,
    warm: WarmStart,
) -> SweepController:
    plan = Plan.of(sweep, again=warm.best(sweep.retest, space, sweep.direction))
    options = sweep.searcher.planned(space, trials=sweep.trials)
    controller = SweepController(
        plan,
        space=space,
        searcher=options.build(space, mode=sweep.direction, seed=sweep.seed),
        scheduler=scheduler,
        history=log,
        checkpoints=checkpoints.CheckpointFolder(folder / layout.TRIALS),
        earlier=Earlier(
            sessions=sessions.count(history),
            seconds=sessions.spent(history) + time.monotonic() - started,
            gpu_seconds=sessions.gpu_seconds(history),
        ),
    )
    controller.learn(warm.rows)
    if sweep.resume:
        records = history.records()
        checkpoints.drop_unknown(folder / layout.TRIALS, records)
        checkpoints.drop_damaged(folder / layout.TRIALS, records)
        controller.replay(records)
    return controller


__all__ = ["Result", "UsageError", "run"]

"""Run a sweep: check everything, start Ray, let it search, say what was found."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from caviar import trackers
from caviar.controller.controller import SweepController
from caviar.controller.lifecycle import Earlier
from caviar.controller.plan import Log, Plan
from caviar.driver import finals, loading, warm_start
from caviar.driver.preparing import Prepared, give_way, prepare, processes, request
from caviar.driver.warm_start import WarmStart
from caviar.ray import autoscaler, capacity, cluster, nodes, pickling, start
from caviar.ray.interrupt import Interrupt, interruptible
from caviar.ray.tuning import Workload, run_jobs
from caviar.schedulers.base import Scheduler
from caviar.store import (
    answer,
    checkpoints,
    database,
    disk_space,
    layout,
    recording,
    session,
    starting,
    summary,
)
from caviar.store.answer import Answer
from caviar.store.finals import Finals
from caviar.store.location import Location
from caviar.store.mirror import on_disk, working_folder
from caviar.sweep import compatibility, rerun
from caviar.sweep.limits import Stop
from caviar.sweep.sweep import Sweep
from caviar.terminal import screens, stop_message
from caviar.terminal.console import SweepConsole
from search_spaces import Config, SearchSpace

if TYPE_CHECKING:
    from caviar.report.findings import Findings
    from caviar.store.history import History
    from trainables.data import Dataset


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
    defenders: Sequence[Config] = (),
    new_data: bool = False,
) -> Result:
    """Run a sweep to its end, to its budget or to Ctrl-C; it can be resumed from either.

    Args:
        sweep: its options.
        recipe: what its kind is called in all that is noted.
        script: the command that starts it with the options of a command line, where that is not
            `caviar sweep`: `["python", "sweep.py"]`.
        console: where it prints; the terminal by default.
        defenders: configurations that take part in the finals beside the best of the search.
        new_data: whether a resumed sweep may continue with other data than its last session had,
            which is refused otherwise.

    Returns:
        What was found; the same is in the folder of the sweep.

    Raises:
        UsageError: for what cannot be carried out, before any trial starts.
    """
    this = Run(sweep, recipe=recipe, script=script, console=console, new_data=new_data)
    this.check()
    with this.machines(), this.records():
        this.prepare()
        this.search()
        this.confirm(defenders)
        this.report()
    this.conclude()
    return this.result


class Run:
    """A sweep that is being run, from the first check to the last line.

    Its parts come to it in this order: `check` gives it the space, the scheduler and the folder,
    `machines` Ray, the data and the room for checkpoints, `records` the history, `prepare` the
    controller, `search` and `confirm` what was found.
    """

    space: SearchSpace
    scheduler: Scheduler
    name: str
    folder: Location
    """Where the sweep is kept."""
    here: Path
    """The folder of this machine's disk with what the sweep has noted."""
    warm: WarmStart | None
    """What earlier sweeps teach it; None where it is resumed, until its history is read."""
    private: bool
    """Whether Ray runs for this sweep alone."""
    prepared: Prepared
    concurrent: int
    """Trials side by side."""
    shared: bool
    """Whether trials may run on several machines."""
    room: disk_space.Room | None = None
    """For the checkpoints; None where nobody knows."""
    interrupt: Interrupt
    working: Path
    """Where the history is written."""
    history: History
    log: Log
    """The history and the trackers beside it."""
    controller: SweepController
    before: int
    """Epochs that earlier sessions trained."""
    finals: Finals | None = None
    cut_off: str | None = None
    """Why the finals stopped before their end."""
    answer: Answer | None = None
    summary: dict[str, Any]
    findings: Findings | None = None

    def __init__(
        self,
        sweep: Sweep,
        *,
        recipe: str,
        script: Sequence[str] | None,
        console: Console | None,
        new_data: bool,
    ) -> None:
        """The arguments are those of `run`."""
        self.started = time.monotonic()
        self.sweep = sweep
        self.recipe = recipe
        self.script = script
        self.console = console or SweepConsole()
        self.new_data = new_data
        self._loaded: tuple[Dataset, str | None] | None = None

    # Before anything starts.

    def check(self) -> None:
        """Refuse what cannot be carried out, as far as this process alone can tell."""
        cluster.prepare_environment(verbose=self.sweep.verbose)
        # Most spaces ask nothing of the data, which is then loaded while Ray starts.
        if loading.space_depends_on_data(self.sweep):
            self._loaded = loading.load_data(self.sweep)
        self.space = loading.load_space(self.sweep, self._loaded[0] if self._loaded else None)
        sweep = self.sweep = loading.with_trainable(self.sweep, self.space)
        self.scheduler = sweep.scheduler.build(max_epochs=sweep.max_epochs, seed=sweep.seed)
        compatibility.check(sweep, self.space)
        self.name = sweep.name or starting.default_name(self.recipe, sweep)
        self.folder = Location.of(sweep.storage) / self.name
        if sweep.name is None and self.folder.local is not None:
            self.folder = Location(str(starting.unused(self.folder.local)))
        self.here = on_disk(self.folder, resume=sweep.resume)
        starting.check(sweep, space=self.space, recipe=self.recipe, folder=self.here)
        loading.check(sweep)
        loading.check_trainable(sweep, self.space)
        if sweep.history_url is not None:
            database.check(sweep.history_url)
        trackers.check(sweep, self.folder)
        self.warm = None if sweep.resume else warm_start.load(sweep, self.space)

    # What it runs on, and what it writes.

    @contextmanager
    def machines(self) -> Iterator[None]:
        """Ray for the length of the sweep; class and data are loaded while it starts.

        Ray takes three seconds to start, most of them waiting.
        """
        sweep = self.sweep
        with ThreadPoolExecutor(1, initializer=give_way) as helper:
            cluster.import_ray()  # before the thread: both need it
            if isinstance(sweep.trainable, type):
                pickling.check(sweep.trainable)
            resumed = self.here if sweep.resume and not self.new_data else None
            preparing = helper.submit(prepare, sweep, self.space, self._loaded, resumed=resumed)
            with cluster.connected(processes=processes(sweep), verbose=sweep.verbose) as private:
                self.private = private
                self.prepared = preparing.result()
                self._fit_in()
                yield

    def _fit_in(self) -> None:
        """How many trials the machines hold, and what room there is for their checkpoints."""
        sweep = self.sweep
        slots = capacity.check(request(sweep, self.prepared), private=self.private)
        self.shared = not self.private and _several_machines(self.folder, sweep)
        self.concurrent = min(sweep.concurrent or slots, slots)
        if self.folder.local is None:  # nobody knows what an object store has left
            return
        self.room = disk_space.room(sweep, concurrent=self.concurrent, folder=self.folder.local)
        self.prepared = self.prepared.within(self.room.limit(self.space))
        if sweep.name is None:  # another may have begun in the same second
            self.here = starting.make_unused(self.folder.local.with_name(self.name))
            self.folder, self.name = Location(str(self.here)), self.here.name

    @contextmanager
    def records(self) -> Iterator[None]:
        """The folder and the history, from here on written to; Ctrl-C ends it with a summary."""
        sweep = self.sweep
        with (
            interruptible() as self.interrupt,
            _if_refused(sweep, lambda: shutil.rmtree(str(self.folder))),
            working_folder(
                self.folder,
                shared=self.shared,
                resume=sweep.resume,
                every=sweep.checkpoint_seconds,
                say=self._print,
            ) as self.working,
            closing(
                _history(sweep, self.space, self.recipe, self.name, self.working)
            ) as self.history,
            closing(
                trackers.Followed(
                    self.history,
                    trackers.chosen(sweep, self.folder, self.history, name=self.name),
                    self._print,
                )
            ) as self.log,
        ):
            yield

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False)

    # What it does.

    def prepare(self) -> None:
        """Make the controller, with what earlier sweeps and sessions found, and print the start."""
        sweep, prepared = self.sweep, self.prepared
        warm = None if self.warm is None else self.warm.compared(prepared.found)
        warm = warm_start.noted(warm, self.history, self.space, sweep.max_epochs)
        self.controller = self._controller(warm)
        self.before = self.controller.trials.epochs
        screens.start(
            screens.Start(
                sweep=sweep,
                space=self.space,
                scheduler=self.scheduler,
                data=prepared.found.describe(),
                machines=screens.Machines(
                    resources=cluster.resources_line(),
                    gpus=cluster.gpus(),
                    concurrent=self.concurrent,
                    workers=prepared.options.workers,
                ),
                folder=self.folder,
                session=self.controller.session,
                sized=prepared.sized or self.room is None,
                note=prepared.note,
            ),
            self.console,
        )
        for line in warm.lines:
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _controller(self, warm: WarmStart) -> SweepController:
        sweep, history, trials = self.sweep, self.history, self.folder / layout.TRIALS
        options = sweep.searcher.planned(self.space, trials=sweep.trials)
        controller = SweepController(
            Plan.of(sweep, again=warm.best(sweep.retest, self.space, sweep.objective)),
            space=self.space,
            searcher=options.build(self.space, mode=sweep.direction, seed=sweep.seed),
            scheduler=self.scheduler,
            history=self.log,
            checkpoints=checkpoints.CheckpointFolder(trials),
            earlier=Earlier(
                sessions=recording.count(history),
                seconds=recording.spent(history) + time.monotonic() - self.started,
                gpu_seconds=recording.gpu_seconds(history),
            ),
        )
        controller.learn(warm.rows)
        if sweep.resume:
            records = history.records()
            checkpoints.drop_unknown(trials, records)
            checkpoints.drop_damaged(trials, records)
            controller.replay(records)
        return controller

    def search(self) -> None:
        """Run the trials, as a session of the history."""
        with (
            _if_refused(self.sweep, self.history.delete),
            recording.recorded(
                self.history,
                self.controller,
                self.sweep,
                self.space,
                data=self.prepared.found,
                concurrent=self.concurrent,
            ),
        ):
            self._train(self.controller, self.folder, self.working)

    def _train(self, controller: SweepController, folder: Location, working: Path) -> None:
        """All trials of a controller, with their checkpoints and their history in these folders."""
        workload = Workload(
            sweep=self.sweep,
            trainable=self.prepared.trainable,
            data=self.prepared.data,
            options=self.prepared.options,
            request=request(self.sweep, self.prepared),
            private=self.private,
            room=self.room,
        )
        with start.environment_inherited() if self.private else nullcontext():
            run_jobs(
                workload,
                controller,
                self.console,
                folder=folder,
                working=working,
                interrupt=self.interrupt,
            )

    def confirm(self, defenders: Sequence[Config]) -> None:
        """Train the best few again with fresh seeds, beside `defenders`; nothing without finals."""
        sweep = self.sweep
        if not sweep.finalists or self.controller.stop_reason == Stop.INTERRUPTED:
            return
        entrants = finals.candidates(self.controller, sweep.finalists, defenders)
        if not entrants:
            return
        screens.finals_begin(sweep, len(entrants), self.console)
        recording.note_finals(self.history, session.RUNNING)
        how: str | None = session.CRASHED
        try:
            self.finals, self.cut_off = finals.check(
                sweep,
                self.space,
                entrants,
                self.prepared,
                folder=self.folder,
                working=self.working,
                # The driver of a cluster was lent no GPU.
                gpus=sweep.gpus_per_trial if self.private else 0,
                train=self._train,
            )
            how = self.cut_off
        finally:
            recording.note_finals(self.history, how)

    # What it found.

    def report(self) -> None:
        """Write the summary and the report, and keep the checkpoints that are worth it."""
        _prune(self.controller, self.folder / layout.TRIALS)
        trials = self.controller.trials
        self.answer = answer.answer(trials, self.finals)
        self.summary = summary.summarise(
            trials,
            name=self.name,
            recipe=self.recipe,
            seed=self.sweep.seed,
            seconds=self.controller.elapsed,
            folder=self.folder,
            answer=self.answer,
        )
        layout.write_json(self.summary, self.working / layout.SUMMARY)
        self.findings = _report(self.working, self.folder, self.console)

    def conclude(self) -> None:
        """Print what was found, and how to continue where it stopped before its end."""
        screens.end(self.summary, self.controller, folder=self.folder, console=self.console)
        if self.finals is not None:
            screens.finals(self.finals, self.sweep.metric, self.console)
        if self.findings is not None:
            screens.advice(self.findings.advice, self.console)
        stop_message.say(
            self.controller,
            self.sweep,
            self.console,
            recipe=self.recipe,
            name=self.name,
            ran=self.controller.trials.epochs > self.before or self.controller.session == 0,
            script=self.script,
            finals=self.cut_off,
        )

    @property
    def result(self) -> Result:
        """What `run` gives back."""
        reason = self.cut_off or self.controller.ended_because
        return Result(self.summary, self.here, reason, self.finals, self.answer)


def _history(sweep: Sweep, space: SearchSpace, recipe: str, name: str, working: Path) -> History:
    """The history of the sweep, which is opened once it is noted what a new one was asked."""
    from caviar.store.history import History

    with nullcontext() if sweep.resume else starting.claimed(working):
        if not sweep.resume:
            starting.note(sweep, space, recipe, working)
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


__all__ = ["Result", "Run", "run"]

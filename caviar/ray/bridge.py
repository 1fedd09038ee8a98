"""The controller's jobs, in the three seams that Ray Tune offers: search, schedule, callback.

What Ray calls a trial is one attempt at a job.

Ray calls them in this order for each report: scheduler, searcher, callbacks, checkpoint. A report
that ends its trial by itself skips the scheduler, so the callback takes that one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.result import SHOULD_CHECKPOINT
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from caviar.controller.controller import SweepController
from caviar.controller.job import Decision, EpochResult, Job
from caviar.ray import failures
from caviar.store.checkpoints import folder_name, keep_newest, remove
from caviar.store.disk_space import bytes_of_checkpoints
from caviar.store.location import Location
from caviar.sweep.limits import Stop
from trainables.options import RESERVED_KEY, TrialInfo

GRACE_SECONDS = 30.0
"""How long a sweep that is asked to stop waits for the next report of each running trial."""


class _Unpickled:
    """Ray pickles what it is given into its own snapshots; the history holds all there is."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Search(_Unpickled, Searcher):
    """Hands the controller's jobs to Ray, as configurations in natural units.

    `limit` says how many jobs may be live at once; it may grow while the sweep runs.
    """

    def __init__(
        self,
        controller: SweepController,
        jobs: dict[str, Job],
        folders: dict[str, str],
        *,
        limit: Callable[[], int],
    ) -> None:
        super().__init__(
            metric=controller.plan.objective.metric, mode=controller.plan.objective.direction
        )
        self._controller = controller
        self._jobs = jobs
        self._folders = folders
        self._limit = limit

    def suggest(self, trial_id: str) -> Any:  # a configuration, None for later, or FINISHED
        controller = self._controller
        if controller.jobs and len(controller.jobs) >= self._limit():
            return None
        job = controller.next_job()
        if job is None:
            # Ray asks again after each event, at least ten times a second, while a trial is live.
            return Searcher.FINISHED if controller.finished else None
        self._jobs[trial_id] = job
        self._folders[trial_id] = folder_name(job.lead.number, job.lead.attempt)
        controller.meter.stop(job.number)  # it waits for a worker, and perhaps for a machine
        (member,) = job.members  # what our trainables take: one configuration a worker
        record = member.record
        info = TrialInfo(
            number=record.number,
            seed=record.seed,
            restore_from=member.restore_from,
            fork=member.forked,
        )
        return {**record.config, RESERVED_KEY: asdict(info)}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the callback hears of it with the traceback."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the history holds all there is."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the history holds all there is."""


class Schedule(_Unpickled, FIFOScheduler):
    """Reports each epoch to the controller and carries out its decision."""

    def __init__(self, events: Events) -> None:
        FIFOScheduler.__init__(self)
        self._events = events

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        continues = self._events.decide(trial, result)
        return str(TrialScheduler.CONTINUE if continues else TrialScheduler.STOP)


class Events(_Unpickled, tune.Callback):
    """Reports what Ray says of the jobs to the controller; has checkpoints saved and removed."""

    def __init__(
        self,
        controller: SweepController,
        *,
        jobs: dict[str, Job],
        errors: Path,
        trials: Location,
        metrics: tuple[str, ...],
        on_change: Callable[[int | None], None],
        going: Callable[[], Collection[str]] = frozenset,
        most_bytes: float = math.inf,
    ) -> None:
        self._controller = controller
        self._jobs = jobs
        self._errors = errors
        self._trials = trials
        self._metrics = metrics
        self._on_change = on_change
        self._going = going  # the addresses of machines that are about to go
        self._most_bytes = most_bytes  # that a checkpoint in a folder may take
        self._saves: dict[str, bool] = {}
        self._asked_to_stop: float | None = None
        self.too_large: int | None = None
        """The bytes of a checkpoint for which there is no room."""

    def decide(self, trial: Trial, result: Mapping[str, Any]) -> bool:
        """Whether a job continues after a report; the callback remembers whether it saves."""
        job = self._jobs[trial.trial_id]
        if result.get("outcome") == "no_room":
            self._has_no_room(int(result["checkpoint_bytes"]))
            decisions: Collection[Decision] = ()
        else:
            decisions = self._controller.report(job, self._epochs(job, result)).values()
        self._saves[trial.trial_id] = any(decision.save for decision in decisions)
        return any(decision.continues for decision in decisions)

    def _epochs(self, job: Job, result: Mapping[str, Any]) -> dict[int, EpochResult]:
        """What a result of Ray's says of the trials of a job: of the one that it has."""
        number = job.lead.number
        error = None
        if result.get("outcome") == "out_of_memory":
            error = f"out of memory: {result.get('detail', 'no details')}"
            self._keep_error(number, error + "\n")
        one = EpochResult(
            epoch=int(result["epoch"]),
            metrics={name: float(result[name]) for name in self._metrics if name in result},
            done=bool(result.get("done")),
            diverged=result.get("outcome") == "diverged",
            error=error,
        )
        return {number: one}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        if trial.trial_id not in self._saves:
            self.decide(trial, result)
        save = self._saves.pop(trial.trial_id)
        result[SHOULD_CHECKPOINT] = save and self.too_large is None
        self._on_change(None)

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        self._controller.meter.start(self._jobs[trial.trial_id].number)

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._controller.keeping.saved.update(self._jobs[trial.trial_id].trials)
        checkpoint = trial.checkpoint
        if self.too_large is None and checkpoint is not None and self._most_bytes < math.inf:
            size = bytes_of_checkpoints(Path(checkpoint.path))
            if size > self._most_bytes:
                self._has_no_room(size)

    def _has_no_room(self, size: int) -> None:
        self.too_large = size
        self._controller.request_stop(Stop.NO_ROOM)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        self._end(trial)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        traceback = failures.traceback_of(trial)
        for number in self._jobs[trial.trial_id].trials:
            self._keep_error(number, traceback)
        lost = failures.has_lost_its_machine(trial)
        self._end(trial, error=failures.last_line(traceback), lost=lost)

    def _keep_error(self, number: int, text: str) -> None:
        self._errors.mkdir(exist_ok=True)
        (self._errors / f"{folder_name(number, 0)}.txt").write_text(text)

    def _end(self, trial: Trial, error: str | None = None, *, lost: bool = False) -> None:
        job = self._jobs[trial.trial_id]
        self._remove(self._controller.end(job, error=error, lost=lost))
        for member in job.members:
            record = member.record
            if record.attempt > 0 or record.parent is not None:  # its checkpoints are in several
                keep_newest(self._trials, record.number)
            if record.number not in self._controller.just_ended:  # paused, cut off, or run again
                self._on_change(record.number)
        self._say_who_ended()

    def _say_who_ended(self) -> None:
        for number in self._controller.just_ended:
            self._on_change(number)
        self._controller.just_ended.clear()

    def _remove(self, useless: set[int]) -> None:
        for number in useless:
            remove(self._trials, number)
            self._controller.keeping.saved.discard(number)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        # Paused trials have ended with the last of the others.
        self._remove(self._controller.keeping.useless())
        self._say_who_ended()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._controller.check_time()
        going = self._going()
        if going:
            self._controller.keeping.endangered = {
                number
                for trial in trials
                if trial.status == Trial.RUNNING and trial.last_result.get("node_ip") in going
                for number in self._jobs[trial.trial_id].trials
            }
        if self._controller.stop_reason is not None and self._asked_to_stop is None:
            self._asked_to_stop = time.monotonic()
        self._on_change(None)

    def cut(self) -> None:
        """Wait no longer for the running trials."""
        self._asked_to_stop = -math.inf

    @property
    def overdue(self) -> bool:
        """Whether the running trials have had their time to finish an epoch."""
        return (
            self._asked_to_stop is not None
            and time.monotonic() - self._asked_to_stop > GRACE_SECONDS
        )


class CutOff(_Unpickled, tune.Stopper):
    """Ends the run when its trials were asked to stop and have not reported in time."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._events.overdue

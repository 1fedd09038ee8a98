"""The controller's decisions, in the three seams that Ray Tune offers: search, schedule, callback.

Ray calls them in this order for each report: scheduler, searcher, callbacks, checkpoint. A report
that ends its trial by itself skips the scheduler, so the callback takes that one.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import cloudpickle, tune
from ray.tune.experiment import Trial
from ray.tune.result import SHOULD_CHECKPOINT
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from caviar.controller.budget import Stop
from caviar.controller.controller import Decision, SweepController
from caviar.store.checkpoints import folder_name, keep_newest, remove
from caviar.store.disk_space import bytes_of_checkpoints
from caviar.store.location import Location
from trainables.options import RESERVED_KEY, TrialInfo

GRACE_SECONDS = 30.0
"""How long a sweep that is asked to stop waits for the next report of each running trial."""


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""How Ray colours the names of processes, in files too."""
_NODE_DIED = ("its node has died", "node was preempted", "raylet")
"""What Ray says of an actor whose machine is gone; a worker that died by itself is none of them."""


def is_lost(error: BaseException | None) -> bool:
    """Whether a trial ended with this error because its machine, or the way to it, was lost."""
    from ray.exceptions import ActorUnavailableError, NodeDiedError, RayActorError

    from trainables.team import WorkerError

    cause = getattr(error, "cause", None)
    if isinstance(cause, WorkerError):  # one of several workers that train a trial
        return is_lost(cause.reason)
    if isinstance(error, ActorUnavailableError | NodeDiedError):
        return True
    if isinstance(error, RayActorError) and not error.actor_init_failed:
        return error.preempted or any(words in str(error) for words in _NODE_DIED)
    return False


def _lost(trial: Trial) -> bool:
    # Not get_pickled_error(), which reads what has been copied to storage: this error has not yet.
    path = trial.pickled_error_file
    return path is not None and is_lost(cloudpickle.loads(Path(path).read_bytes()))


class _Unpickled:
    """Ray pickles what it is given into its own snapshots; the history holds all there is."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Search(_Unpickled, Searcher):
    """Hands the controller's assignments to Ray, as configurations in natural units.

    `limit` says how many trials may be live at once; it may grow while the sweep runs.
    """

    def __init__(
        self,
        controller: SweepController,
        numbers: dict[str, int],
        folders: dict[str, str],
        *,
        limit: Callable[[], int],
    ) -> None:
        super().__init__(
            metric=controller.plan.objective.metric, mode=controller.plan.objective.direction
        )
        self._controller = controller
        self._numbers = numbers
        self._folders = folders
        self._limit = limit

    def suggest(self, trial_id: str) -> Any:  # a configuration, None for later, or FINISHED
        controller = self._controller
        if controller.live and len(controller.live) >= self._limit():
            return None
        assignment = controller.next()
        if assignment is None:
            # Ray asks again after each event, at least ten times a second, while a trial is live.
            return Searcher.FINISHED if controller.finished else None
        record = assignment.record
        self._numbers[trial_id] = record.number
        self._folders[trial_id] = folder_name(record.number, record.attempt)
        controller.meter.stop(record.number)  # it waits for a worker, and perhaps for a machine
        info = TrialInfo(
            number=record.number,
            seed=record.seed,
            restore_from=assignment.restore_from,
            fork=assignment.forked,
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
        decision = self._events.decide(trial, result)
        return str(TrialScheduler.CONTINUE if decision.goes_on else TrialScheduler.STOP)


class Events(_Unpickled, tune.Callback):
    """What Ray tells of the trials, told to the controller; checkpoints saved and removed."""

    def __init__(
        self,
        controller: SweepController,
        *,
        numbers: dict[str, int],
        errors: Path,
        trials: Location,
        metrics: tuple[str, ...],
        on_change: Callable[[int | None], None],
        going: Callable[[], Collection[str]] = frozenset,
        most_bytes: float = math.inf,
    ) -> None:
        self._controller = controller
        self._numbers = numbers
        self._errors = errors
        self._trials = trials
        self._metrics = metrics
        self._on_change = on_change
        self._going = going  # the addresses of machines that are about to go
        self._most_bytes = most_bytes  # that a checkpoint in a folder may take
        self._decisions: dict[str, Decision] = {}
        self._asked_to_stop: float | None = None
        self.too_large: int | None = None
        """The bytes of a checkpoint for which there is no room."""

    def decide(self, trial: Trial, result: Mapping[str, Any]) -> Decision:
        """What becomes of a trial after a report; remembered until the callback saves."""
        decision = self._judged(self._numbers[trial.trial_id], result)
        self._decisions[trial.trial_id] = decision
        return decision

    def _judged(self, number: int, result: Mapping[str, Any]) -> Decision:
        if result.get("outcome") == "no_room":
            self._has_no_room(int(result["checkpoint_bytes"]))
            return Decision(goes_on=False, save=False)
        error = None
        if result.get("outcome") == "out_of_memory":
            error = f"out of memory: {result.get('detail', 'no details')}"
            self._keep_error(number, error + "\n")
        return self._controller.report(
            number,
            int(result["epoch"]),
            {name: float(result[name]) for name in self._metrics if name in result},
            done=bool(result.get("done")),
            diverged=result.get("outcome") == "diverged",
            error=error,
        )

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        if trial.trial_id not in self._decisions:
            self.decide(trial, result)
        save = self._decisions.pop(trial.trial_id).save
        result[SHOULD_CHECKPOINT] = save and self.too_large is None
        self._on_change(None)

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        self._controller.meter.start(self._numbers[trial.trial_id])

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._controller.saved.add(self._numbers[trial.trial_id])
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
        traceback = Path(trial.error_file).read_text() if trial.error_file else "no traceback\n"
        traceback = _COLOURS.sub("", traceback)
        number = self._numbers[trial.trial_id]
        self._keep_error(number, traceback)
        lines = [line for line in traceback.splitlines() if line.strip()]
        words = lines[-1].strip() if lines else "unknown"
        self._end(trial, error=words, lost=_lost(trial))

    def _keep_error(self, number: int, text: str) -> None:
        self._errors.mkdir(exist_ok=True)
        (self._errors / f"{folder_name(number, 0)}.txt").write_text(text)

    def _end(self, trial: Trial, error: str | None = None, *, lost: bool = False) -> None:
        number = self._numbers[trial.trial_id]
        self._remove(self._controller.end(number, error=error, lost=lost))
        record = self._controller.trials[number]
        if record.attempt > 0 or record.parent is not None:  # it has checkpoints in several folders
            keep_newest(self._trials, number)
        if number not in self._controller.just_ended:  # paused, cut off, or to be tried again
            self._on_change(number)
        self._say_who_ended()

    def _say_who_ended(self) -> None:
        for number in self._controller.just_ended:
            self._on_change(number)
        self._controller.just_ended.clear()

    def _remove(self, useless: set[int]) -> None:
        for number in useless:
            remove(self._trials, number)
            self._controller.saved.discard(number)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        # Paused trials have ended with the last of the others.
        self._remove(self._controller.useless())
        self._say_who_ended()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._controller.check_time()
        going = self._going()
        if going:
            self._controller.endangered = {
                self._numbers[trial.trial_id]
                for trial in trials
                if trial.status == Trial.RUNNING and trial.last_result.get("node_ip") in going
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

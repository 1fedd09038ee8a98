"""Why a trial of Ray's failed: the words of its traceback, and whether its machine was lost."""

from __future__ import annotations

import re
from pathlib import Path

from ray import cloudpickle
from ray.tune.experiment import Trial

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


def has_lost_its_machine(trial: Trial) -> bool:
    """The same of a trial that has just failed."""
    # Not get_pickled_error(), which reads what has been copied to storage: this error has not yet.
    path = trial.pickled_error_file
    return path is not None and is_lost(cloudpickle.loads(Path(path).read_bytes()))


def traceback_of(trial: Trial) -> str:
    """The traceback of a trial that has just failed, without colours."""
    text = Path(trial.error_file).read_text() if trial.error_file else "no traceback\n"
    return _COLOURS.sub("", text)


def last_line(traceback: str) -> str:
    """What was raised."""
    lines = [line for line in traceback.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "unknown"

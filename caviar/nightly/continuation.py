"""One model, babysat night after night: tonight continues where the last night's budget ended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from caviar.base.trials import Trials
from caviar.nightly.night_file import Night
from caviar.store import layout, recording, status
from caviar.store.session import How, SweepState, state
from caviar.sweep.limits import Stop
from caviar.sweep.sweep import Sweep

FILE = "goes-on.json"
_MAKING = ".making"
_TAKEN = (
    layout.HISTORY_URL,
    layout.OPTIONS,
    layout.TRIALS,
    layout.DECISIONS,
    layout.DECISION_EVENTS,
    layout.ERRORS,
)
_SPENT = (Stop.TIME, Stop.EPOCHS, Stop.GPU_HOURS, Stop.INTERRUPTED)
# Whoever holds the nights' lock knows that nobody runs a night without an end, whatever its process
# number says, or the name of its machine: each night may have another.
_CUT_OFF = (How.KILLED, How.CRASHED, How.RUNNING, How.UNKNOWN)
"""How a night ends, beside those, that is not the end of the model's way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the nights before have brought the model to: `goes-on.json` in tonight's folder."""

    night: str
    """The night that tonight continues."""
    epochs: int
    """Those of all trials so far."""
    seconds: float
    gpu_hours: float
    trials: Mapping[str, int]
    """How many had ended how."""

    def budgets(self, tonight: Sweep) -> Sweep:
        """`tonight` with its budgets counted from the first night, as its history counts."""
        time, epochs, hours = tonight.time_budget, tonight.max_total_epochs, tonight.gpu_hours
        return replace(
            tonight,
            time_budget=None if time is None else time + self.seconds,
            max_total_epochs=None if epochs is None else epochs + self.epochs,
            gpu_hours=None if hours is None else hours + self.gpu_hours,
        )

    def own(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """What tonight has added to the trials, epochs and seconds of its summary."""
        trials = {
            name: max(0, count - self.trials.get(name, 0))
            for name, count in summary["trials"].items()
        }
        return {
            **summary,
            "trials": trials,
            "epochs_trained": summary["epochs_trained"] - self.epochs,
            "wall_seconds": max(0.0, summary["wall_seconds"] - self.seconds),
        }


def read(folder: Path) -> Turn | None:
    """What tonight's `folder` continues; None where it began with the default."""
    path = folder / FILE
    return Turn(**json.loads(path.read_text())) if path.is_file() else None


def begin(sweep: Sweep, folder: Path, tonight: str, nights: Sequence[Night]) -> bool:
    """Make tonight's folder of the last night's, if its model has not come to the end of its way.

    `nights` are those that did not fail and can be read, the oldest first. The last one's folder
    stays as it is: its history and its checkpoints are copied.
    """
    if not sweep.scheduler.one_model or not nights:
        return False
    last = folder / nights[-1].night
    turn = _turn(sweep, last)
    if turn is None:
        return False
    # Beside the nights, which are looked for one folder deep: one that is cut off is no night.
    making = folder / _MAKING
    shutil.rmtree(making, ignore_errors=True)
    made = making / tonight
    made.mkdir(parents=True)
    for there in (*last.glob(f"{layout.HISTORY}*"), *(last / name for name in _TAKEN)):
        if there.is_dir():
            shutil.copytree(there, made / there.name)
        elif there.is_file():
            shutil.copy2(there, made / there.name)
    (made / layout.OPTIONS).touch()  # tonight begins now
    layout.write_json(asdict(turn), made / FILE)
    made.rename(folder / tonight)
    shutil.rmtree(making)
    return True


def _is_cut_off(last: SweepState) -> bool:
    """Whether a night ended before its model had come to the end of its way."""
    return not last.in_finals and (last.how in _CUT_OFF or last.reason in _SPENT)


def _turn(sweep: Sweep, last: Path) -> Turn | None:
    """What tonight continues; None where there is nothing to continue."""
    if not layout.has_history(last) or not (last / layout.TRIALS).is_dir():
        return None
    from caviar.store.history import History

    history = History(last, name=None, objective=sweep.objective)
    try:
        if not _is_cut_off(state(history.sessions())):
            return None
        trials = Trials(sweep.objective, history.records())
        return Turn(
            night=last.name,
            epochs=trials.epochs,
            seconds=recording.spent(history),
            gpu_hours=recording.gpu_seconds(history) / 3600,
            trials=status.counts(trials),
        )
    finally:
        history.close()

"""A sweep that runs elsewhere, as its folder has it: what `caviar watch` shows."""

from __future__ import annotations

import json
import time
from collections import deque

from caviar.base.objective import Direction
from caviar.base.trials import Trials
from caviar.controller.decisions import LATEST
from caviar.controller.events import DecisionEvent, Kind
from caviar.controller.plan import Plan
from caviar.store import layout, session
from caviar.store.experiments import Experiment
from caviar.store.history import History

_AFTER_THE_TIME = 16
"""Where what was decided begins in a line of `decisions.log`, which is all that a sweep of an
earlier version has: it is shown as it is."""


class Watched:
    """One look after another at the folder of a sweep; nothing there is changed.

    It has what the live view shows, as of the last `look`.
    """

    def __init__(self, experiment: Experiment) -> None:
        options = experiment.options
        self._experiment = experiment
        self._history: History | None = None
        self._inode = 0
        self._read = 0
        self._rest = b""
        self._sessions: list[session.Session] = []
        self.plan = Plan.of(options)
        self.rungs = options.scheduler.judges_at(options.max_epochs)
        self.trials = Trials(options.objective)
        self.decisions: list[str] = []
        """The latest, the newest last."""
        self._latest: deque[DecisionEvent] = deque(maxlen=LATEST)
        self._stopped: dict[int, DecisionEvent] = {}

    def look(self) -> None:
        """Read the history and the decisions again."""
        self._experiment.refresh()
        history = self._open()
        self._sessions = history.sessions()
        self.trials = Trials(self.plan.objective, history.records())
        self._read_decisions()

    def _open(self) -> History:
        """The history; opened anew where a cluster has replaced the copy of it."""
        path = self._experiment.folder / layout.HISTORY
        inode = path.stat().st_ino if path.is_file() else 0  # else it is in a database
        if self._history is None or inode != self._inode:
            self.close()
            self._history, self._inode = self._experiment.opened(), inode
        return self._history

    def _read_decisions(self) -> None:
        events = self._experiment.folder / layout.DECISION_EVENTS
        log = self._experiment.folder / layout.DECISIONS
        if not events.is_file():
            lines = log.read_bytes().split(b"\n")[:-1] if log.is_file() else []
            latest = [line.decode(errors="replace")[_AFTER_THE_TIME:] for line in lines[-LATEST:]]
            self.decisions = latest
            return
        with events.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")  # the last may be half written
        for line in whole:
            event = _event(line)
            if event is not None:
                self._latest.append(event)
                if event.kind is Kind.STOPPED and event.trial is not None:
                    self._stopped[event.trial] = event
        self.decisions = [event.words(self._direction) for event in self._latest]

    def reason(self, number: int) -> str | None:
        """Why a trial was stopped early, for a person; None where that is not known."""
        event = self._stopped.get(number)
        return None if event is None else event.why(self._direction) or None

    @property
    def _direction(self) -> Direction:
        return self.plan.objective.direction

    def close(self) -> None:
        """Let go of the history."""
        if self._history is not None:
            self._history.close()
            self._history = None

    @property
    def state(self) -> session.SweepState:
        """By its sessions."""
        return session.state(self._sessions)

    @property
    def ended(self) -> bool:
        """Whether no driver of it is known to live; one of another machine may."""
        return self.state.in_finals or not self.state.may_run

    @property
    def elapsed(self) -> float:
        """Seconds since its start, over all sessions; of one that was killed, to its last report.

        Of a driver on another machine, as exact as the two clocks agree.
        """
        if not self._sessions:
            return 0.0
        last = self._sessions[-1]
        if not self.ended:
            return max(0.0, last.begin + time.time() - last.started)
        at = [r.at for record in self.trials.values() for r in record.reports]
        return max([last.until, *at])

    @property
    def gpu_hours(self) -> float:
        """GPU-hours of all trials until the last report."""
        spent = [r.gpu_seconds for record in self.trials.values() for r in record.reports]
        return max(spent, default=0.0) / 3600


def _event(line: bytes) -> DecisionEvent | None:
    """The event of a line; None for one that is damaged, or of a later version."""
    try:
        fields = json.loads(line)
        return DecisionEvent.of_json(fields) if isinstance(fields, dict) else None
    except ValueError:
        return None

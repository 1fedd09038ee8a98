"""One session: a run of the driver over a sweep. A sweep that was resumed has several.

The history keeps them as JSON, and this is the only module that has its keys. What is not known of
a session, since an older version noted less, has a default.
"""

from __future__ import annotations

import enum
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

KEY = "sessions"
"""Under which a history keeps them."""
CRASHED = "crashed"
"""Noted in place of a reason for stopping: the driver ended with an error, and could say so."""
RUNNING = "running"
"""Noted of the finals while they train."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The git commit from which a session ran."""

    commit: str
    changed: bool
    """Whether tracked files differed from it."""

    def __str__(self) -> str:
        return f"{self.commit}{', with changes that are not in it' if self.changed else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of the driver over a sweep, from its start as far as it has come."""

    started: float = 0.0
    """Seconds since 1970."""
    begin: float = 0.0
    """Seconds that the sweep had run before it, over all earlier sessions."""
    until: float = 0.0
    """Seconds that the sweep had run at its end; as `begin` while it has none."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The options of the sweep as JSON values; empty where they were not noted."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """What it ran on: package to version."""
    data: str | None = None
    """One line that describes the data set."""
    data_checksum: str | None = None
    """Of the values of the data set."""
    dataset: str | None = None
    """The name of the data set, also where the options say `auto`."""
    concurrent: int | None = None
    """Trials that the machines ran side by side."""
    host: str | None = None
    """The machine of its driver."""
    pid: int | None = None
    """The process of its driver."""
    git: Commit | None = None
    """None outside a git repository."""
    gpu_seconds: float = 0.0
    """GPU-seconds of all trials of the sweep until its end; 0 while it has none."""
    ended: bool = False
    """Whether its end was noted: not so while it runs, nor of a driver that was killed."""
    stop_reason: str | None = None
    """Why the search ended before its last trial: a value of `Stop`, or `CRASHED`. None where it
    came to its last trial, and while `ended` is False."""
    finals: str | None = None
    """Of its finals: `RUNNING`, `CRASHED` or why they stopped before their end; None where they
    came to their end, and where it had none."""

    @property
    def seconds(self) -> float:
        """How long it took, as far as that was noted."""
        return self.until - self.begin

    def to_json(self) -> dict[str, Any]:
        """As the history keeps it."""
        found = {_STORED.get(name, name): value for name, value in asdict(self).items()}
        if not found.pop("ended"):
            del found["stop_reason"]
        if self.finals is None:
            del found["finals"]
        return found

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Session:
        """From what a history has, also one of an older or a newer version.

        >>> Session.from_json({"until": 2.5, "stop_reason": None}).ended
        True
        """
        found = {name: stored[_STORED.get(name, name)] for name in _FIELDS if _has(stored, name)}
        git = found.get("git")
        return cls(
            **found
            | {
                "git": None if git is None else Commit(git["commit"], git["changed"]),
                "ended": "stop_reason" in stored,
                "dataset": found.get("dataset") or _name_in(stored.get("data")),
            }
        )


_STORED = {"begin": "from"}
"""Fields whose key in the history is another."""
_FIELDS = [name for name in Session.__dataclass_fields__ if name != "ended"]


def _has(stored: Mapping[str, Any], name: str) -> bool:
    """Whether it was noted; null is as good as not."""
    return stored.get(_STORED.get(name, name)) is not None


def _name_in(data: str | None) -> str | None:
    """The name of the data set in a description `NAME: ROWS`. Only for sessions that were stored
    before the name had a field of its own."""
    return None if data is None else data.partition(":")[0]


class How(enum.Enum):
    """How a sweep has ended, or that it has not."""

    FINISHED = "finished"
    STOPPED = "stopped"
    """Before its last trial, for a reason."""
    RUNNING = "running"
    KILLED = "killed"
    """Its driver ended without noting it."""
    CRASHED = "crashed"
    """Its driver ended with an error."""
    UNKNOWN = "unfinished"
    """It has not ended, and its driver, on another machine, may be alive."""


@dataclass(frozen=True, slots=True)
class SweepState:
    """The state of a sweep by its sessions; `str()` says it in one or two words."""

    how: How
    reason: str | None = None
    """Why it stopped: a value of `Stop`. None unless it is `STOPPED`."""
    in_finals: bool = False
    """Whether that is said of the finals; the search came to its end then."""

    @property
    def may_run(self) -> bool:
        """Whether its driver is alive, or may be."""
        return self.how in (How.RUNNING, How.UNKNOWN)

    def __str__(self) -> str:
        words = self.reason if self.reason is not None else self.how.value
        return f"finals {words}" if self.in_finals else words


def state(sessions: Sequence[Session]) -> SweepState:
    """The state of a sweep, from the last of its sessions.

    A sweep without a session is one whose driver was killed before it could note its first.
    """
    if not sessions:
        return SweepState(How.KILLED)
    last = sessions[-1]
    if not last.ended:
        return SweepState(_driver(last))
    if last.stop_reason is not None:
        return _stopped(last.stop_reason)
    if last.finals is None:
        return SweepState(How.FINISHED)
    if last.finals == RUNNING:
        return SweepState(_driver(last), in_finals=True)
    return _stopped(last.finals, in_finals=True)


def _stopped(reason: str, *, in_finals: bool = False) -> SweepState:
    if reason == CRASHED:
        return SweepState(How.CRASHED, in_finals=in_finals)
    return SweepState(How.STOPPED, str(reason), in_finals)


def _driver(last: Session) -> How:
    """Whether the driver of the last session is alive."""
    if last.pid is None or last.host != platform.node():
        return How.UNKNOWN
    return How.RUNNING if _alive(last.pid) else How.KILLED


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 is not sent: it only asks whether it could be
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True

"""How a sweep on disk stands: finished, stopped, running, or left by a driver that was killed."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

FINISHED = "finished"
RUNNING = "running"
KILLED = "killed"
CRASHED = "crashed"
"""Its driver ended with an error, and could say so."""
UNKNOWN = "unfinished"
"""It has not ended, and it is not known whether its driver lives: another machine's."""


def state(sessions: Sequence[Mapping[str, Any]]) -> str:
    """The state of a sweep by its sessions as the history has them, in one or two words.

    `finished`, or why it stopped (`interrupted`, `time budget`, `crashed`), or `running`,
    `killed` and `unfinished` for one whose last session has no end. After a search that came to
    its end, its finals: `finals running`, `finals interrupted`.
    """
    if not sessions:
        return KILLED  # before it could note its first session
    last = sessions[-1]
    if "stop_reason" not in last:
        return _driver(last)
    if last["stop_reason"] is not None or last.get("finals") is None:
        return str(last["stop_reason"] or FINISHED)
    return f"finals {_driver(last) if last['finals'] == RUNNING else last['finals']}"


def _driver(last: Mapping[str, Any]) -> str:
    """Whether the driver of the last session lives."""
    if last.get("host") != platform.node() or "pid" not in last:
        return UNKNOWN
    return RUNNING if _alive(int(last["pid"])) else KILLED


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 is not sent: it only asks whether it could be
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True

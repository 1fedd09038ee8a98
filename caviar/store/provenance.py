"""Where and from what a session of a sweep ran: the machine, the process, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

_GIT_SECONDS = 5.0
"""More than a status of a large working tree takes; a sweep does not wait longer for it."""


def provenance(where: Path | None = None) -> dict[str, Any]:
    """JSON values: `host`, `pid`, and `git` for the folder `where` (the current one)."""
    return {"host": platform.node(), "pid": os.getpid(), "git": git(where or Path.cwd())}


def git(where: Path) -> dict[str, Any] | None:
    """The commit that is checked out and whether tracked files differ from it.

    None where `where` is in no git repository with a commit, or git is not installed.
    """
    commit = _git(where, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(where, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": bool(changed)}


def _git(where: Path, *command: str) -> str | None:
    try:
        done = subprocess.run(
            # optional locks: a status that writes the index would be in the way of a commit
            ["git", "--no-optional-locks", *command],
            cwd=where,
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

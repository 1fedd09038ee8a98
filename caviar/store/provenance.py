"""The git commit from which a session of a sweep ran."""

from __future__ import annotations

import subprocess
from pathlib import Path

from caviar.store.session import Commit

_GIT_SECONDS = 5.0
"""More than a status of a large working tree takes; a sweep does not wait longer for it."""


def commit(where: Path) -> Commit | None:
    """The commit that is checked out and whether tracked files differ from it.

    None where `where` is in no git repository with a commit, or git is not installed.
    """
    head = _git(where, "rev-parse", "HEAD")
    if head is None:
        return None
    changed = _git(where, "status", "--porcelain", "--untracked-files=no")
    return Commit(head, changed=bool(changed))


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

"""The parts of docs/extending.md in a user's folder: a sweep, kill, resume, and what reads it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from commands import REPORTS, REPOSITORY, caviar, finish, records, wait_for

from caviar.base.trial import Outcome

pytestmark = pytest.mark.timeout(400)

PAGE = (REPOSITORY / "docs" / "extending.md").read_text()
NAMES = ("own_searcher:NearBest", "own_scheduler:Half", "own_trainable:Narrow")


@pytest.fixture
def folder(tmp_path):
    """A user's folder with the modules of the page."""
    for name, text in re.findall(r"(?ms)^```python\n# (\S+\.py)\n(.*?)^```$", PAGE):
        assert len(text.splitlines()) <= 40, name
        (tmp_path / name).write_text(text)
    return tmp_path


def begin(folder: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        caviar(*args),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def say(folder: Path, *args: str) -> str:
    code, out, err = finish(begin(folder, *args))
    assert code == 0, f"{args}\n{out}\n{err}"
    return out


def test_parts_of_a_user_are_run_killed_resumed_and_read(folder):
    (command,) = re.findall(r"(?m)^caviar (sweep .*)$", PAGE)
    assert all(name in command for name in NAMES)
    asked = shlex.split(command)
    there = folder / "results" / "extended"
    # More trials than can end before the kill; the resumed sweep is asked for fewer.
    process = begin(folder, *asked, "--trials", "300", "--checkpoint-seconds", "0")
    wait_for(process, there, REPORTS, 8)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    before = records(there)
    assert any(record.outcome is Outcome.RUNNING for record in before.values())

    trials = str(max(before) + 7)
    out = say(folder, "sweep", "asha_parzen", "--name", "extended", "--resume", "--trials", trials)
    assert "NearBest proposes, Half stops" in out
    assert "own_trainable:Narrow" in out
    assert re.search(r"decides at epoch +3", out)
    after = records(there)
    assert len(after) == int(trials)
    stopped = {r.epoch for r in after.values() if r.outcome is Outcome.STOPPED_EARLY}
    assert stopped == {3}

    assert "extended" in say(folder, "list")
    shown = say(folder, "show", "extended")
    for name in NAMES:
        assert name in shown
    assert "epoch 3" in say(folder, "watch", "extended")
    say(folder, "report", "extended")
    report = (there / "report.html").read_text(encoding="utf-8")
    for name in NAMES:
        assert name in report
    assert "1, 3, 9" not in report

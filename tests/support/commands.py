"""What the tests of whole sweeps share: `caviar` in a process of its own, and what it left."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from caviar.base.objective import Objective
from caviar.base.trial import Outcome, TrialRecord
from caviar.store.history import History
from trainables.loops import read_checkpoint

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
DIGITS = ["--dataset", "digits"]
SLOW = [*DIGITS, "--trainable", "faulty:Slow", "--checkpoint-seconds", "0"]
SUMMARY_KEYS = [
    "name", "recipe", "seed", "metric", "mode", "trials", "epochs_trained", "wall_seconds",
    "baseline", "best", "versions", "answer",
]  # fmt: skip
OUTCOMES = ["total", "completed", "stopped_early", "failed", "diverged"]


def start(command: list[str], **options) -> subprocess.Popen[str]:
    """A command in a process of its own, from the folder of the tests, output captured."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=HERE, **pipes, **options)


def finish(process: subprocess.Popen[str], seconds: float = 200) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"{process.args} hung for {seconds} s:\n{process.communicate()}")
    return process.returncode, out, err


def caviar(*args: object) -> list[str]:
    return [sys.executable, "-m", "caviar.cli.main", *map(str, args)]


@contextmanager
def port_of_our_own() -> Iterator[int]:
    """A port of loopback that a server can listen on, and that nobody else is given meanwhile.

    While nobody listens, it refuses.
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def sweep(*args: object, code: int = 0, seconds: float = 200) -> tuple[str, str]:
    """Run `caviar sweep ...` to its end; what it wrote to stdout and stderr."""
    returned, out, err = finish(start(caviar("sweep", *args)), seconds)
    assert returned == code, f"exit code {returned}\n{out}\n{err}"
    return out, err


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def records(folder: Path, metric: str = "val_accuracy") -> dict[int, TrialRecord]:
    history = History(folder, name=None, objective=Objective(metric, "max"))
    try:
        return history.records()
    finally:
        history.close()


REPORTS = "select count(*) from trial_user_attributes where key like 'epoch %'"
STARTED = "select count(*) from trials"


def count(folder: Path, query: str) -> int:
    """REPORTS or STARTED trials in the history of a sweep that is running; 0 before it exists."""
    path = folder / "history.db"
    if not path.exists():
        return 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as connection:
        try:
            return connection.execute(query).fetchone()[0]
        except sqlite3.OperationalError:  # its tables are being made
            return 0


def held(place: Path, *, epochs: int = sys.maxsize, trials: int = sys.maxsize) -> dict[str, str]:
    """The environment of a sweep of `faulty:Slow` that comes to a certain state and stands still
    there until the file `place` is removed, however late a test looks.

    After so many `epochs` no other ends; of trials with number `trials` and above, none does.
    """
    place.write_text("")
    asked = {"place": str(place), "epochs": epochs, "trials": trials}
    return {**os.environ, "CAVIAR_TEST_HELD": json.dumps(asked)}


def wait_for(process: subprocess.Popen[str], folder: Path, query: str, least: int) -> None:
    until = time.monotonic() + 300
    while count(folder, query) < least:
        assert process.poll() is None, f"ended too early: {process.communicate()}"
        assert time.monotonic() < until, f"fewer than {least} after 300 s: {query}"
        time.sleep(0.05)


def check_whole(folder: Path, *, trials: int, max_epochs: int) -> dict:
    """Everything that holds of a finished sweep, whatever its recipe."""
    found = summary(folder)
    assert list(found) == SUMMARY_KEYS
    counts = found["trials"]
    assert list(counts) == OUTCOMES
    assert counts["total"] == trials == sum(counts.values()) - counts["total"]
    every = records(folder)
    assert list(every) == list(range(trials))
    assert sum(len(r.reports) for r in every.values()) == found["epochs_trained"]
    for record in every.values():
        assert [r.epoch for r in record.reports] == list(
            range(record.forked_at + 1, record.epoch + 1)
        )
        assert record.epoch <= max_epochs
        if record.outcome is Outcome.COMPLETED:
            assert record.epoch == max_epochs
    winners = [
        (report.metrics["val_accuracy"], record.number, report.epoch)
        for record in every.values()
        if record.outcome in (Outcome.COMPLETED, Outcome.STOPPED_EARLY)
        for report in record.reports
    ]
    best = found["best"]
    assert best["metrics"]["val_accuracy"] == max(winners)[0]
    assert (best["metrics"]["val_accuracy"], best["trial"], best["epoch"]) in winners
    assert best["metrics"]["epoch"] == best["epoch"]
    assert best["config"] == every[best["trial"]].config
    assert found["baseline"]["config"] == every[0].config
    check_kept(folder, every)
    checkpoint = read_checkpoint(best["checkpoint"])
    assert checkpoint.best_epoch == best["epoch"]
    assert checkpoint.best_metrics["val_accuracy"] == best["metrics"]["val_accuracy"]
    assert dict(checkpoint.configuration) == best["config"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    default = "Nothing beat the default configuration, trial 0: "
    told = f"Trial {best['trial']} wins" if best["trial"] else default
    assert told in page
    assert f"{best['metrics']['val_accuracy']:.4f}" in page
    return found


def check_kept(folder: Path, every: dict[int, TrialRecord], most: int = 3) -> None:
    """One checkpoint of each of the best trials at most, and none of any other."""
    kept = [path.parent.name for path in (folder / "trials").glob("*/checkpoint_*")]
    assert len(kept) == len(set(kept)) <= most, sorted(kept)
    ended = [r for r in every.values() if r.outcome in (Outcome.COMPLETED, Outcome.STOPPED_EARLY)]
    best = {r.number: max(v for v in r.curve("val_accuracy").values() if v == v) for r in ended}
    ranking = sorted(best, key=lambda number: (-best[number], number))[:most]
    assert {int(name[6:10]) for name in kept} <= set(ranking)


def kill_mid_way(
    recipe: str, options: list[object], folder: Path, **after: int
) -> dict[int, TrialRecord]:
    """Start a sweep of `faulty:Slow`, end its driver with SIGKILL when it has come as far as
    `held` lets it; what is on disk."""
    place = folder.with_name("held")
    process = start(caviar("sweep", recipe, *options), env=held(place, **after))
    if "epochs" in after:
        wait_for(process, folder, REPORTS, after["epochs"])
    else:
        wait_for(process, folder, STARTED, after["trials"] + 1)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    place.unlink()
    before = records(folder)
    assert any(r.outcome is Outcome.RUNNING for r in before.values()), "the kill came too late"
    assert not (folder / "summary.json").exists()
    return before


def check_nothing_lost(before: dict[int, TrialRecord], after: dict[int, TrialRecord]) -> None:
    """Ended trials are as they were; running ones kept configuration and reports, and went on."""
    for number, record in before.items():
        if not record.unfinished:
            assert after[number] == record
        assert after[number].config == record.config
        assert after[number].reports[: len(record.reports)] == record.reports

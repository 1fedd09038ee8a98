"""What a fault has cost a sweep, read off what its trials wrote down, and the table of it."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import ADDRESSES, REPOSITORY, Lab, wait_until

HERE = Path(__file__).parent
DASHBOARD = f"http://{ADDRESSES['head']}:8265"
TRIALS, EPOCHS = 4, 24
WORKERS = ("one", "two")


@dataclass(frozen=True)
class Event:
    """A line of a trial: it started at an epoch, trained one, saved one."""

    at: float
    host: str
    trial: int
    what: str
    epoch: int


@dataclass(frozen=True)
class Cost:
    """One line of the table."""

    fault: str
    noticed: float
    """Seconds from the fault until a trial that it hit went on; where none had to be run again, the
    longest that one stood still."""
    retried: int
    epochs_lost: int
    trials_lost: int


TABLE: list[Cost] = []


def write_table() -> str:
    """Markdown, for docs/faults.md."""
    rows = ["| fault | went on after | trials retried | epochs lost | trials lost |"]
    rows += ["| --- | --- | --- | --- | --- |"]
    for cost in TABLE:
        numbers = (cost.retried, cost.epochs_lost, cost.trials_lost)
        cells = [cost.fault, f"{cost.noticed:.0f} s", *map(str, numbers)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


class Run:
    """A sweep on the cluster, submitted from the laptop as a user does it."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self.folder = lab.shared / "results" / name
        """Where its history can be read."""
        self.code = lab.folder / "code"
        self.code.mkdir(exist_ok=True)
        shutil.copy(HERE / "watched.py", self.code)
        for old in lab.events.iterdir():
            old.unlink()

    def start(self, *more: str) -> subprocess.Popen[str]:
        """The sweep as a job; its log is what the process prints."""
        return self.lab.start(*self.command(*more))

    def command(
        self, *more: str, submit: Sequence[str] = (), storage: str = "/shared/results"
    ) -> list[str]:
        """The command of the laptop; `more` are options of the sweep."""
        sweep = ["python", "-m", "caviar.cli.main", "sweep", "random_search"]
        options = ["--storage", storage, "--name", self.name]
        if "--resume" not in more:
            options += ["--dataset", "digits", "--trainable", "watched:Watched"]
            options += ["--trials", str(TRIALS), "--max-epochs", str(EPOCHS)]
            options += ["--scheduler.min-epochs", str(EPOCHS), "--checkpoint-seconds", "1"]
            options += ["--gpus-per-trial", "1", "--fix", "learning_rate=0.01"]  # none diverges
        caviar = ["python", "-m", "caviar.cli.main", "submit", str(self.lab.file), *submit]
        return [*caviar, "--working-dir", str(self.code), "--", *sweep, *options, *more]

    def events(self) -> list[Event]:
        """Everything the trials have written down, in the order of time."""
        found = []
        for path in self.lab.events.glob("*.jsonl"):
            for line in path.read_text().splitlines():
                if line.endswith("}"):  # else it is being written
                    found.append(Event(**json.loads(line)))
        return sorted(found, key=lambda event: event.at)

    def wait_until_trained(
        self, epochs: int, process: subprocess.Popen[str] | None, among: Sequence[str] = WORKERS
    ) -> str:
        """Until a trial on one of these hosts has trained so many epochs and was saved; the host.

        Which host is the first depends on how long each took to import torch. `process` follows
        the job, unless nobody does.
        """

        def first() -> str | None:
            if process is not None:
                assert process.poll() is None, f"ended too early:\n{process.communicate()[0]}"
            events = self.events()
            for host in among:
                there = [e for e in events if e.host == host]
                far = any(e.what == "epoch" and e.epoch >= epochs for e in there)
                if far and any(e.what == "save" for e in there):
                    return host
            return None

        wait_until(lambda: first() is not None, 240, f"no trial has trained {epochs} epochs")
        host = first()
        assert host is not None
        return host

    def finish(self, process: subprocess.Popen[str], *, code: int = 0, seconds: float = 300) -> str:
        """The log of a sweep that runs to its end."""
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"hung for {seconds} s:\n{process.communicate()[0]}") from None
        assert process.returncode == code, f"exit code {process.returncode}\n{out}"
        return out

    def check(self, fault: str, at: float) -> Cost:
        """Every trial is accounted for, none ran twice to its end, and what was lost is bounded."""
        summary = json.loads((self.folder / "summary.json").read_text())
        assert summary["trials"]["total"] == TRIALS
        assert summary["trials"]["completed"] == TRIALS, summary["trials"]
        assert summary["epochs_trained"] == TRIALS * EPOCHS
        self._check_history()
        events = self.events()
        trained = Counter((e.trial, e.epoch) for e in events if e.what == "epoch")
        assert {trial for trial, _ in trained} == set(range(TRIALS))
        ends = [trained[trial, EPOCHS] for trial in range(TRIALS)]
        assert ends == [1] * TRIALS, f"a trial ran twice to its end: {ends}"
        for trial in range(TRIALS):
            assert all(trained[trial, epoch] for epoch in range(1, EPOCHS + 1))
        again = self._restarts(events, at)
        lost = sum(self._lost(events, start) for start in again)
        assert sum(trained.values()) - len(trained) == lost
        noticed = min(s.at for s in again) - at if again else self._stood_still(events, at)
        cost = Cost(fault, noticed, len({start.trial for start in again}), lost, 0)
        TABLE.append(cost)
        return cost

    def _stood_still(self, events: list[Event], at: float) -> float:
        """The longest that a trial which ran `at` that time took for an epoch since."""
        longest = 0.0
        for trial in range(TRIALS):
            epochs = [e.at for e in events if e.trial == trial and e.what == "epoch"]
            spans = itertools.pairwise(epochs)
            longest = max([longest, *(after - before for before, after in spans if after > at)])
        return longest

    def _restarts(self, events: list[Event], at: float) -> list[Event]:
        """The starts of trials that had started before."""
        first: set[int] = set()
        again = []
        for event in events:
            if event.what == "start" and self._trained_there(events, event):
                if event.trial in first:
                    assert event.at > at, f"trial {event.trial} started twice before the fault"
                    again.append(event)
                first.add(event.trial)
        return again

    def _trained_there(self, events: list[Event], start: Event) -> bool:
        """Whether the host went on with that trial, having one actor at a time.

        Ray may make an actor ready for a trial that another one, free meanwhile, has taken up.
        """
        later = (e for e in events if e.host == start.host and e.at > start.at)
        following = next(later, None)
        return (
            following is not None and following.what != "start" and following.trial == start.trial
        )

    def _lost(self, events: list[Event], start: Event) -> int:
        """The epochs that a trial trains again: those since its newest checkpoint, no more.

        A save that was being copied to the storage when the fault came does not count.
        """
        before = [e for e in events if e.trial == start.trial and e.at < start.at]
        trained = max(e.epoch for e in before if e.what == "epoch")
        saved = sorted({e.epoch for e in before if e.what == "save"})
        assert saved, f"trial {start.trial} was never saved"
        assert start.epoch in saved[-2:], f"went on at {start.epoch}, saved at {saved}"
        return trained - start.epoch

    def _check_history(self) -> None:
        """The copy in the storage holds every epoch of every trial once, and every end."""
        with sqlite3.connect(self.folder / "history.db") as history:
            (epochs,) = history.execute(
                "select count(*) from trial_user_attributes where key like 'epoch %'"
            ).fetchone()
            (ended,) = history.execute(
                "select count(*) from trials where state = 'COMPLETE'"
            ).fetchone()
        assert (epochs, ended) == (TRIALS * EPOCHS, TRIALS)


def raylet(lab: Lab, host: str) -> int:
    """The process that Ray's worker processes of a host hang on."""
    return _process(lab, host, "raylet/raylet ")


def driver(lab: Lab, name: str) -> int:
    """The process of a sweep on the head."""
    return _process(
        lab, "head", f"caviar.cli.main sweep random_search --storage /shared/results --name {name}"
    )


def _process(lab: Lab, host: str, words: str) -> int:
    script = (
        'for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline 2>/dev/null | grep -q -- "$WORDS" '
        '&& readlink $p/exe | grep -qE "python|raylet" && echo ${p#/proc/}; done; true'
    )
    found = lab.inside(host, f"WORDS='{words}'; {script}").split()
    assert len(found) == 1, f"{words!r} on {host}: {found}"
    return int(found[0])


def now() -> float:
    """The clock of the hosts, which is this machine's."""
    return time.time()


__all__ = [
    "REPOSITORY",
    "TABLE",
    "WORKERS",
    "Cost",
    "Run",
    "driver",
    "now",
    "raylet",
    "write_table",
]

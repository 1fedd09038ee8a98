"""`caviar watch`: the view of a sweep that something else runs."""

from __future__ import annotations

import io
import os
import re
import time

import pytest
from rich.console import Console
from without_ray import LINE, METRIC, UP, controller, report, run_trial

from caviar import Asha, Sweep
from caviar.cli import main, watch
from caviar.store import experiments, mirror, recording, starting
from caviar.store.history import History
from caviar.terminal.watched import Watched

ASHA = Asha(quota=False)
ASKED = Sweep(trials=4, max_epochs=3, metric=METRIC, scheduler=ASHA)


class Running:
    """A sweep in this process, moved by hand, as a driver elsewhere would write it."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        starting.note(ASKED, LINE, "random_search", folder)
        self.history = History(folder, name=folder.name, objective=UP)
        self.sweep = controller(
            self.history, scheduler=ASHA, max_epochs=3, trials=4, clock=time.monotonic
        )
        self._noted = recording.recorded(self.history, self.sweep, ASKED, LINE)
        self._noted.__enter__()

    def two_trials(self):
        """The default to epoch 3, and one that is stopped at the first rung."""
        run_trial(self.sweep, [0.5, 0.6, 0.7])
        run_trial(self.sweep, [0.25])

    def end(self):
        self._noted.__exit__(None, None, None)
        self.history.close()


@pytest.fixture
def running(tmp_path):
    found = Running(tmp_path / "x")
    yield found
    found.history.close()


def follow(folder, monkeypatch, *between, terminal=False):
    """What is shown while `between` happens, one thing after each look, until the sweep ends."""
    out = Console(
        file=io.StringIO(), force_terminal=terminal, width=100, height=40, color_system=None
    )
    left = list(between)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        left.pop(0)()

    monkeypatch.setattr("caviar.cli.watch.time.sleep", sleep)
    watched = Watched(experiments.find(folder))
    try:
        watch._until_it_ends(watched, out, folder.name, every=2.0)
    finally:
        watched.close()
    assert left == []
    assert all(seconds >= 2.0 for seconds in slept)
    return out.file.getvalue()


def test_a_sweep_is_followed_to_its_end(running, tmp_path, monkeypatch):
    running.two_trials()

    def third():
        running.sweep.next()
        report(running.sweep, 2, 1, 0.65)

    def its_end():
        report(running.sweep, 2, 2, 0.75)
        report(running.sweep, 2, 3, 0.8)
        running.sweep.free(2)
        run_trial(running.sweep, [0.3])  # ranks 0.25 0.5 0.65: position 2 · 2/3, cut 0.55

    text = follow(tmp_path / "x", monkeypatch, third, its_end, running.end)
    lines = [line for line in text.splitlines() if line.startswith("trial ")]
    assert [line.partition("  learning_rate")[0] for line in lines] == [
        "trial    2  completed        3 epochs  val_accuracy 0.8000 at epoch 3",
        "trial    3  stopped early    1 epoch   val_accuracy 0.3000 at epoch 1  "
        "(0.3 is below the rung's cut 0.55)",
    ], "those that ended meanwhile"
    view = [line.strip("│ ") for line in text.splitlines()]
    assert "caviar sweep x" in text
    assert "trials  4 of 4" in view
    assert "0 running   2 completed   2 stopped early   0 failed   0 diverged" in view
    assert "rungs   epoch 1: 2 of 4 went on" in view
    assert any(line.endswith("0.8 at epoch 3  trial 2, completed") for line in view)
    assert "latest  stopped trial 1 at epoch 1: 0.25 is below the rung's cut 0.5" in view
    assert "best    val_accuracy 0.8000  trial 2, epoch 3  (+0.1000 against the default)" in view
    assert re.search(r"╰─+ finished ─+╯", text)
    assert "left" not in text, "nothing of its time is"


def test_in_a_terminal_the_view_is_drawn_at_every_look(running, tmp_path, monkeypatch):
    running.two_trials()
    text = follow(tmp_path / "x", monkeypatch, lambda: None, running.end, terminal=True)
    assert "running; Ctrl-C ends the watching, not the sweep" in text
    assert text.count("running; Ctrl-C") == 2  # two looks, and then it had ended
    assert text.rstrip().endswith("╯")
    assert "finished" in text.rpartition("caviar sweep x")[2], "the last view stays"


def test_a_copy_that_was_replaced_is_read_anew(running, tmp_path):
    running.two_trials()
    folder = tmp_path / "x"
    watched = Watched(experiments.find(folder))
    watched.look()
    assert len(watched.trials) == 2
    run_trial(running.sweep, [0.9, 0.9, 0.9])
    running.end()
    copy = folder / "copy"
    copy.write_bytes(mirror._snapshot(folder / "history.db"))  # as a cluster's driver does
    os.replace(copy, folder / "history.db")
    watched.look()
    watched.close()
    assert len(watched.trials) == 3
    assert str(watched.state) == "finished"


def test_a_decision_that_is_half_written_is_read_when_it_is_whole(running, tmp_path):
    folder = tmp_path / "x"
    watched = Watched(experiments.find(folder))
    log = folder / "decisions.jsonl"
    message = '{"kind": "message", "at": 2.0, "message": "stage 1 … é"}\n'.encode()
    log.write_bytes(message[:-5])
    watched.look()
    assert watched.decisions == []
    reason = '{"kind": "BelowCut", "score": 0.25, "cut": 0.5}'
    stopped = f'{{"kind": "stopped", "at": 3.0, "trial": 7, "epoch": 3, "reason": {reason}}}\n'
    with log.open("ab") as more:
        more.write(message[-5:] + b"{damaged\n" + stopped.encode())
        more.write(b'{"kind": "of a later version", "at": 3.0}\n')
        more.write(stopped.replace("BelowCut", "Theirs").replace("7", "8").encode())
    watched.look()
    watched.close()
    why = "0.25 is below the rung's cut 0.5"
    assert watched.decisions == [
        "stage 1 … é",
        f"stopped trial 7 at epoch 3: {why}",
        "stopped trial 8 at epoch 3",
    ]
    assert (watched.reason(7), watched.reason(8), watched.reason(9)) == (why, None, None)


def test_a_sweep_of_an_earlier_version_shows_its_log_of_decisions(running, tmp_path):
    watched = Watched(experiments.find(tmp_path / "x"))
    log = tmp_path / "x" / "decisions.log"
    log.write_text("           3 s  stopped trial 7 at epoch 3: why\n           4 s  half a li")
    watched.look()
    watched.close()
    assert watched.decisions == ["stopped trial 7 at epoch 3: why"]
    assert watched.reason(7) is None, "its words are not read"


def test_the_command_on_a_sweep_that_has_ended(running, tmp_path, capsys):
    running.two_trials()
    running.end()
    assert main.main(["watch", "x", "--storage", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert re.search(r"trials +2 of 4", out)
    assert "finished" in out


def test_a_sweep_whose_driver_was_killed_ends_the_watching(running, tmp_path, capsys):
    running.two_trials()
    running._noted.__exit__(None, None, None)
    noted = running.history.get("sessions")
    del noted[-1]["stop_reason"]
    noted[-1]["pid"] = 2**22 + 1  # above the highest that Linux gives
    running.history.set("sessions", noted)
    assert main.main(["watch", str(tmp_path / "x")]) == 0
    assert re.search(r"╰─+ killed ─+╯", capsys.readouterr().out)


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf"])
def test_the_time_between_two_looks_is_checked(every, tmp_path, capsys):
    assert main.main(["watch", "x", "--storage", str(tmp_path), f"--every={every}"]) == 2
    assert "--every is a number of seconds above 0" in capsys.readouterr().err


def test_there_must_be_a_sweep(tmp_path, capsys):
    assert main.main(["watch", "x", "--storage", str(tmp_path)]) == 2
    assert "There is no sweep 'x'" in capsys.readouterr().err

"""Ctrl-C while trials run, and while none does."""

import os
import signal
import time

import pytest
from commands import DIGITS, caviar, finish, start, summary
from without_ray import controller

from caviar.ray.interrupt import interruptible
from caviar.store import layout
from caviar.sweep.limits import Stop


class Trials:
    """Stands for those that Ray runs."""

    def __init__(self):
        self.are_cut = False

    def cut(self):
        self.are_cut = True


@pytest.fixture
def press():
    """What Ctrl-C does to this process."""
    before = signal.getsignal(signal.SIGINT)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_stops_the_trials_and_the_second_cuts_them_off(press):
    sweep, trials = controller(), Trials()
    with interruptible() as interrupt, interrupt.stops(sweep, trials):
        press()
        assert (sweep.stop_reason, trials.are_cut) == (Stop.INTERRUPTED, False)
        press()
        assert trials.are_cut


def test_without_trials_the_first_is_noted_and_the_second_raises(press):
    with interruptible():
        press()
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            press()


def test_what_was_noted_holds_for_the_trials_that_come(press):
    search, finals, trials = controller(), controller(), Trials()
    with interruptible() as interrupt:
        with interrupt.stops(search, trials):
            assert search.next() is not None
        press()
        with interrupt.stops(finals, trials):
            assert finals.next() is None
    assert (search.stop_reason, finals.stop_reason) == (None, Stop.INTERRUPTED)
    assert not trials.are_cut


@pytest.mark.timeout(600)
def test_as_soon_as_a_sweep_has_a_folder_it_ends_with_a_summary(tmp_path):
    folder = tmp_path / "x"
    options = ["--trials", 500, "--max-epochs", 9, "--storage", tmp_path, "--name", "x"]
    process = start(caviar("sweep", "random_search", *DIGITS, *options))
    while not (folder / layout.OPTIONS).exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, err) == (130, ""), out
    assert "Stopped (interrupted). Go on with:\n  caviar sweep random_search " in out
    assert summary(folder)["trials"]["total"] < 500

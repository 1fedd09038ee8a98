"""Three hosts for the tests that need them, made once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import TABLE, write_table
from lab import Lab, why_not


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    reason = why_not()
    if reason is not None:
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with only_one_run(), hosts() as made:
        yield made


@contextlib.contextmanager
def only_one_run() -> Iterator[None]:
    """The networks' names are this machine's: a second run would take away the first one's."""
    with open("/run/caviar-lab.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.fail(
                "another run of these tests has its hosts on this machine: wait for its end"
            )
        yield


@contextlib.contextmanager
def hosts() -> Iterator[Lab]:
    """The hosts, for the length of a `with`."""
    # Not pytest's folder: its path is too long for a socket, and it is kept.
    with tempfile.TemporaryDirectory(prefix="caviar-lab-") as folder:
        made = Lab(Path(folder))
        try:
            made.make()
            yield made
        finally:
            made.take_away()


@pytest.fixture(scope="session")
def cluster(lab: Lab) -> Lab:
    """The hosts with Ray on them, as `ray up` leaves them."""
    lab.write_cluster_file()
    seconds = lab.ray_up()
    print(f"\nray up: three nodes after {seconds:.0f} s")
    return lab


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TABLE:
        terminalreporter.section("faults")
        terminalreporter.write_line(write_table())

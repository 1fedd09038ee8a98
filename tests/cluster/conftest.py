"""Three hosts for the tests that need them, made once."""

from __future__ import annotations

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
    """The hosts with Ray on them, as ``ray up`` leaves them."""
    lab.write_cluster_file()
    seconds = lab.ray_up()
    print(f"\nray up: three nodes after {seconds:.0f} s")
    return lab


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TABLE:
        terminalreporter.section("faults")
        terminalreporter.write_line(write_table())

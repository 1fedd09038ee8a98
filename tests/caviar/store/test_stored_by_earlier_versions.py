"""Sweeps that version 0.1.0 stored, before its modules moved, are read and resumed as they were.

Three sweeps of the digits with seed 7: one ran to its end, one was killed with `kill -9` in the
middle of its search, one has finals. Host names and absolute paths were taken out of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import caviar, finish, start

from caviar import load

STORED = Path(__file__).parents[2] / "support" / "stored"


@pytest.fixture
def storage(tmp_path):
    """A copy, to write into."""
    shutil.copytree(STORED, tmp_path / "results")
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("name", "trials", "epochs", "best", "searcher"),
    [
        ("finished", 8, 14, 3, "Parzen"),
        ("killed", 6, 21, 1, "Parzen"),
        ("finals", 6, 12, 3, "Parzen"),
    ],
)
def test_a_stored_sweep_opens(storage, name, trials, epochs, best, searcher):
    found = load(storage / name)
    records = found.trials()
    assert len(records) == trials
    assert sum(len(record.reports) for record in records.values()) == epochs
    assert found.best(records).number == best
    assert type(found.options.searcher).__name__ == searcher
    assert found.options.seed == 7


@pytest.mark.parametrize("name", ["finished", "killed", "finals"])
@pytest.mark.parametrize("command", ["show", "best", "trials", "report"])
def test_every_command_reads_a_stored_sweep(storage, name, command):
    code, out, err = finish(start(caviar(command, name, "--storage", storage)))
    assert (code, err) == (0, ""), out


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "recipe", "trials"),
    [("finished", "asha_parzen", 9), ("killed", "asha_parzen", 7), ("finals", "nightly", 7)],
)
def test_a_stored_sweep_resumes(storage, name, recipe, trials):
    before = load(storage / name).trials()
    command = ["sweep", recipe, "--storage", storage, "--name", name, "--resume"]
    code, out, err = finish(start(caviar(*command, "--trials", trials)))
    assert code == 0, f"{out}\n{err}"
    after = load(storage / name).trials()
    assert len(after) == trials
    for number, record in before.items():
        assert after[number].config == record.config
        kept = after[number].reports[: len(record.reports)]
        assert [(r.epoch, r.metrics) for r in kept] == [
            (r.epoch, r.metrics) for r in record.reports
        ]
        assert not after[number].unfinished

"""A sweep of the size of a night's on this kind of machine: convolutional networks on CIFAR-10.

The subset of the published images lies in ../shared/data beside the repository; without it the test
is skipped, and says so.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import HERE, records, summary, sweep

SUBSET = HERE.parents[2] / "shared" / "data" / "cifar10_6k.npz"
SECONDS = 720

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 300)]


def subset() -> Path:
    if not SUBSET.is_file():
        pytest.skip(f"the subset of CIFAR-10 is not there: {SUBSET}")
    return SUBSET


def test_the_space_of_cnns_learns_cifar10(tmp_path):
    data = ["--dataset", "cifar10", "--data-dir", subset(), "--train-size", 3000]
    asked = [*data, "--val-size", 1000, "--space", "cnn", "--max-epochs", 9, "--trials", 32]
    where = ["--storage", tmp_path, "--name", "x"]
    out, err = sweep("asha_optuna", *asked, "--time-budget", SECONDS, *where, seconds=SECONDS + 240)
    assert err == ""
    print(out)
    found = summary(tmp_path / "x")
    every = records(tmp_path / "x")
    assert found["trials"]["total"] == len(every) >= 4
    assert found["trials"]["failed"] == 0
    assert every[0].epoch == 9, "the default configuration is never stopped early"
    best = found["best"]["metrics"]["val_accuracy"]
    assert best >= 0.4, "guessing is right once in ten"

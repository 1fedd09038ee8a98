"""Sweeps on a Ray that was told of two GPUs: which a trial sees, and how many share one."""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise

import pytest
from commands import HERE, finish, start

SCRIPT = """
import os, sys
from pathlib import Path
import ray
from caviar import Sweep, UsageError, run

ray.init(address="local", num_cpus=8, num_gpus=2, include_dashboard=False, log_to_driver=False)
seen = Path(os.environ["CAVIAR_TEST_SEEN"])
for gpus, at_once in ((0, 6), (0.5, 4), (1, 2), (2, 1), (3, 0)):
    seen.with_suffix(".together").write_text(str(at_once))
    seen.with_suffix(".begun").write_text("")
    asked = Sweep(
        dataset="digits", trainable="lent:Sees", trials=8, max_epochs=1, gpus_per_trial=gpus,
        cpus_per_trial=1, concurrent=6, storage=Path(sys.argv[1]), name=f"{gpus:g}",
    )
    try:
        run(asked)
    except UsageError as error:
        print(f"refused: {error}")
    if seen.exists():
        seen.rename(Path(sys.argv[1]) / f"{gpus:g}.jsonl")
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The folder with what the trials of each sweep saw, and what the driver said."""
    place = tmp_path_factory.mktemp("storage")
    environment = {
        **os.environ,
        "CAVIAR_TEST_SEEN": str(place / "seen"),
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # Ray's default: it hides nothing by itself
    }
    code, out, err = finish(start([sys.executable, "-c", SCRIPT, str(place)], env=environment), 580)
    assert code == 0, f"{out}\n{err}"
    return place, out


def seen(place, gpus):
    """[trial, what it saw, from, to], a line an epoch, by their beginning."""
    lines = (place / f"{gpus:g}.jsonl").read_text().splitlines()
    return sorted(map(json.loads, lines), key=lambda line: line[2])


def most_at_once(lines):
    """The most epochs that were trained at one moment."""
    moments = sorted([(begin, 1) for *_, begin, _ in lines] + [(end, -1) for *_, end in lines])
    running = most = 0
    for _, change in moments:
        running += change
        most = max(most, running)
    return most


def test_without_gpus_a_trial_sees_none_and_the_sweep_says_that_they_are_unused(swept):
    place, out = swept
    lines = seen(place, 0)
    assert len(lines) == 8
    assert {what for _, what, *_ in lines} == {""}
    assert most_at_once(lines) == 6
    assert "The trials use none of the 2 GPU" in out


@pytest.mark.parametrize(("gpus", "at_once"), [(0.5, 2), (1, 1)])
def test_so_many_trials_share_a_gpu(swept, gpus, at_once):
    lines = seen(swept[0], gpus)
    assert len(lines) == 8
    assert {what for _, what, *_ in lines} == {"0", "1"}
    for gpu in ("0", "1"):
        assert most_at_once([line for line in lines if line[1] == gpu]) == at_once


def test_a_loop_of_ones_own_has_all_gpus_of_its_trial_in_one_process(swept):
    lines = seen(swept[0], 2)
    assert [what for _, what, *_ in lines] == ["0,1"] * 8
    assert all(before[3] <= after[2] for before, after in pairwise(lines)), "one after the other"


def test_more_gpus_than_there_are_is_refused(swept):
    place, out = swept
    assert "refused: A trial asks for 1 CPU and 3 GPU, and no machine here has that (8 CPU" in out
    assert not (place / "3").exists()
    assert not (place / "3.jsonl").exists()

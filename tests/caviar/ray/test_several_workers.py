"""Trials that several workers train, in whole sweeps on a real Ray; CPUs and gloo."""

from __future__ import annotations

import dataclasses
import json
import os
import sys

import pytest
from commands import HERE, check_whole, finish, records, start, summary, sweep

from caviar import Sweep
from caviar.base.trial import Outcome
from caviar.driver import in_process, loading
from trainables import TorchTrainable, TrialInfo

SCRIPT = """
import json, sys, time
from pathlib import Path
import ray
from ray.util import placement_group_table
from caviar import Sweep, run

ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
asked = Sweep(
    dataset="digits", trainable="faulty:AWorkerFails", trials=4, max_epochs=4,
    workers_per_trial=2, cpus_per_trial=2, retries=1, checkpoint_seconds=0,
    storage=Path(sys.argv[1]), name="x",
)
run(asked)
actors = ray._private.state.actors
until = time.monotonic() + 60
while time.monotonic() < until:
    alive = [a["ActorClassName"] for a in actors().values() if a["State"] != "DEAD"]
    groups = [g["state"] for g in placement_group_table().values() if g["state"] != "REMOVED"]
    free, all_of = ray.available_resources().get("CPU"), ray.cluster_resources()["CPU"]
    if not alive and not groups and free == all_of:
        break
    time.sleep(0.5)
ray.shutdown()
print(json.dumps({"alive": alive, "groups": groups, "free": free, "cpus": all_of}))
"""

pytestmark = pytest.mark.timeout(450)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of four trials with two workers each: one dies once, one runs out of memory."""
    place = tmp_path_factory.mktemp("storage")
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    (place / "tmp").mkdir()
    environment = {
        **os.environ,
        "CAVIAR_TEST_EPOCHS": str(place / "epochs"),
        "PYTHONPATH": path,
        "TMPDIR": str(place / "tmp"),
        "RAY_TMPDIR": "/tmp",  # the names of its sockets must be short
    }
    process = start([sys.executable, "-c", SCRIPT, str(place)], env=environment)
    code, out, err = finish(process, 400)
    assert code == 0, f"{out}\n{err}"
    return place / "x", json.loads(out.strip().splitlines()[-1])


def test_two_workers_have_the_loss_curve_of_one(swept):
    folder, _ = swept
    first = records(folder)[0]
    data, _ = loading.load_data(Sweep(dataset="digits"))
    _, options = loading.for_trials(Sweep(max_epochs=4), data)
    info = TrialInfo(number=0, seed=first.seed)
    alone = {"info": info, "data": data, "options": options, "gpus": 0}
    with in_process.trial(TorchTrainable, first.config, **alone) as running:
        expected = list(in_process.epochs(running, ("train_loss", "val_loss", "val_accuracy"), 4))
    assert first.outcome is Outcome.COMPLETED
    assert len(first.reports) == len(expected) == 4
    for report, row in zip(first.reports, expected, strict=True):
        for name, value in row["metrics"].items():
            assert report.metrics[name] == pytest.approx(value, rel=1e-3)
    best = summary(folder)["best"]
    checkpoint = dataclasses.replace(info, restore_from=best["checkpoint"])
    with in_process.trial(TorchTrainable, best["config"], **{**alone, "info": checkpoint}) as one:
        assert one.loop.epoch >= best["epoch"], "one worker goes on where two have been"


def test_a_dead_worker_is_named_and_its_trial_goes_on_from_its_checkpoint(swept):
    folder, _ = swept
    trial = records(folder)[1]
    assert len(trial.again) == 1
    assert "WorkerError: Rank 1 of 2 died: " in trial.again[0]
    assert "actor_id" not in trial.again[0], "no two deaths would be the same"
    assert [report.epoch for report in trial.reports] == list(range(1, trial.epoch + 1))
    assert trial.outcome in (Outcome.COMPLETED, Outcome.STOPPED_EARLY)
    assert trial.epoch >= 3
    began = (folder.parent / "epochs").read_text().split()
    assert began[:4] == ["1", "2", "3", "3"], "it died in the third, and goes on with the third"


def test_a_worker_out_of_memory_ends_its_trial_and_the_next_one_works(swept):
    folder, _ = swept
    every = records(folder)
    assert every[2].outcome is Outcome.FAILED
    assert every[2].error == (
        "out of memory: in rank 1 of 2: CUDA out of memory. Tried to allocate 7.00 GiB."
    )
    assert every[3].outcome in (Outcome.COMPLETED, Outcome.STOPPED_EARLY)
    assert every[3].reports


def test_nothing_is_left_behind(swept):
    folder, left = swept
    assert list((folder.parent / "tmp").glob("caviar-*")) == []
    assert left == {"alive": [], "groups": [], "free": 2.0, "cpus": 2.0}


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--spread-trial", "--folds", "3"]])
def test_a_sweep_with_asha_and_two_workers_a_trial(tmp_path, more):
    workers = ["--workers-per-trial", 2, "--cpus-per-trial", 2, *more]
    options = ["--dataset", "digits", "--trials", 9, "--max-epochs", 9]
    where = ["--storage", tmp_path, "--name", "x"]
    out, err = sweep("asha_optuna", *options, *workers, *where, seconds=400)
    assert err == ""
    assert "each with 2 CPU and 0 GPU for 2 workers" in " ".join(out.split())
    found = check_whole(tmp_path / "x", trials=9, max_epochs=9)
    assert found["trials"]["stopped_early"] > 0
    assert found["best"]["metrics"]["val_accuracy"] > 0.8

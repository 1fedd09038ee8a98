"""Every fault on real hosts: each trial is accounted for, none ran twice to its end, and no epoch
is lost but those since the last checkpoint. The table is printed at the end of the run."""

from __future__ import annotations

import errno
import os
import re
import signal
import time

import pytest
from faults import WORKERS, Run, driver, now, raylet
from lab import HOSTS, wait_until
from store import CREDENTIALS, STORAGE, answers, copied, store

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.fixture
def whole(cluster):
    """The cluster with all its hosts, whatever the test before has done to it."""
    for host in WORKERS:
        cluster.mend(host)
    if [host for host in WORKERS if cluster.on(host)]:
        cluster.ray_up()  # the autoscaler starts Ray again, and sets no empty host up again
    wait_until(lambda: cluster.nodes() == 3, 240, "the cluster is not whole")
    return cluster


def test_a_raylet_is_killed(whole):
    run = Run(whole, "raylet")
    process = run.start()
    host = run.wait_until_trained(6, process)
    at = now()
    whole.inside(host, f"kill -9 {raylet(whole, host)}")
    run.finish(process)
    cost = run.check("a worker's raylet killed", at)
    assert cost.retried == 1


def test_a_cable_is_cut_and_mended(whole):
    run = Run(whole, "cable")
    process = run.start()
    host = run.wait_until_trained(6, process)
    at = now()
    whole.cut(host)
    wait_until(lambda: whole.nodes() == 2, 180, "nobody notices the cut cable")
    whole.mend(host)
    run.finish(process)
    cost = run.check("a cable cut, and mended when it was noticed", at)
    assert cost.retried == 1


def test_a_host_is_off_for_good(whole):
    run = Run(whole, "off")
    process = run.start()
    host = run.wait_until_trained(6, process)
    at = now()
    whole.off(host)
    run.finish(process)
    cost = run.check("a host powered off for good", at)
    assert cost.retried == 1


def test_a_host_is_taken_back_with_notice(whole):
    """As a spot machine is: told to go, its trials save every epoch; then it is gone."""
    run = Run(whole, "spot")
    process = run.start()
    host = run.wait_until_trained(4, process)
    whole.inside(
        host,
        "RAY_AUTH_MODE=token ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION "
        "--reason-message spot --deadline-remaining-seconds 10",
    )
    time.sleep(3)
    at = now()
    whole.off(host)
    run.finish(process)
    cost = run.check("a host taken back with notice", at)
    assert cost.retried == 1
    assert cost.epochs_lost <= 2, "saved at every epoch since the notice"


def fill(folder):
    """A file that takes all the room there is, and what a sweep frees while it grows."""
    path, size = folder / "filler", 0
    with path.open("wb") as file:
        for step in (2**24, 2**16, 2**12):
            try:
                while True:
                    os.posix_fallocate(file.fileno(), size, step)
                    size += step
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return path


def test_the_storage_is_not_writable_for_a_while(whole):
    run = Run(whole, "storage")
    process = run.start()
    run.wait_until_trained(3, process, among=HOSTS)
    at = now()
    filler = fill(whole.shared)
    time.sleep(12)
    filler.unlink()
    run.finish(process)
    cost = run.check("storage full for 12 s", at)
    assert (cost.retried, cost.epochs_lost) == (0, 0), "no trial ends for it"


def test_the_storage_is_out_of_reach_for_a_while(whole):
    """The cable of the object store is pulled: no packet is answered, none is refused."""
    run = Run(whole, "store")
    secrets = [f"--env={name}={value}" for name, value in CREDENTIALS.items()]
    with store(whole):
        process = whole.start(*run.command(submit=secrets, storage=STORAGE))
        run.wait_until_trained(3, process, among=HOSTS)
        at = now()
        whole.cut("store")
        time.sleep(20)
        assert not answers(whole)
        whole.mend("store")
        run.finish(process)
        run.folder = copied(whole, run.name)
    cost = run.check("an object store out of reach for 20 s", at)
    assert (cost.retried, cost.epochs_lost) == (0, 0), "no trial ends for it"


def test_a_job_is_stopped_and_resumed(whole):
    run = Run(whole, "stopped")
    said = whole.laptop(*run.command(submit=["--no-follow"]))
    (job,) = re.findall(r"^job (raysubmit_\w+)$", said, re.MULTILINE)
    run.wait_until_trained(6, None)
    at = now()
    stop = ["python", "-m", "caviar.cli.main", "submit", whole.file, "--stop", job]
    assert f"job {job} stopped" in whole.laptop(*stop)
    run.finish(run.start("--resume"))
    cost = run.check("a job stopped (`caviar submit --stop`), the sweep resumed", at)
    assert cost.retried >= 1
    assert cost.epochs_lost == 0, "saved before it ended"


def test_the_driver_is_killed(whole):
    run = Run(whole, "driver")
    process = run.start()
    run.wait_until_trained(6, process)
    whole.inside("head", f"kill -{signal.SIGKILL} {driver(whole, 'driver')}")
    process.communicate(timeout=120)
    assert process.returncode != 0
    at = now()
    run.finish(run.start("--resume"))
    cost = run.check("the driver killed, the sweep resumed", at)
    assert cost.retried >= 1


def test_the_head_is_lost_and_another_cluster_goes_on(whole):
    run = Run(whole, "head")
    process = run.start()
    run.wait_until_trained(8, process, among=HOSTS)
    whole.off("head")
    process.kill()
    process.communicate()
    at = now()
    whole.on("head")
    whole.ray_up()
    run.finish(run.start("--resume"))
    run.check("the head lost, the sweep resumed on a new cluster", at)

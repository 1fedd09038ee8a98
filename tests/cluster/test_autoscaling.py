"""A cluster that starts with a head alone and grows: Ray's own autoscaler, asked by a sweep.

The machines that it adds are raylets beside the head's (Ray's provider `fake_multinode`): no
machine here can be rented. All else is real, and in a host of its own, where `ray stop` ends no
other test's Ray.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from faults import HERE, REPOSITORY, Event
from lab import Lab

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ON, MOST, TRIALS, EPOCHS = "one", 3, 6, 12
HEAD, HEAD_ID = "ray.head.default", "f" * 51 + "00000"
"""The provider knows its head by these, and starts another where there is none."""
FILE = "ray_bootstrap_config.yaml"
"""Where `ray up` leaves it on a head."""
COMMANDS = (
    "initialization",
    "setup",
    *(f"{part}_{what}" for part in ("head", "worker") for what in ("setup", "start_ray")),
)
CONFIG = {
    "cluster_name": "grows",
    "max_workers": 8,
    "idle_timeout_minutes": 5,
    "provider": {
        "type": "fake_multinode",
        "use_node_id_as_ip": True,  # they share the host's
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
        "launch_multiple": True,  # as many as are asked for; by itself one an update
    },
    "available_node_types": {
        HEAD: {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 0},
        "gpu": {"resources": {"CPU": 1, "GPU": 1}, "node_config": {}, "max_workers": MOST},
    },
    "head_node_type": HEAD,
    # What the autoscaler asks for, and a machine that is a process has no use for.
    **{key: {} for key in ("auth", "docker", "file_mounts")},
    **{key: [] for key in ("cluster_synced_files", "rsync_exclude", "rsync_filter")},
    **{f"{when}_commands": [] for when in COMMANDS},
    "file_mounts_sync_continuously": False,
    "upscaling_speed": 1.0,
}


@pytest.fixture
def growing(lab: Lab) -> Iterator[Lab]:
    """A host with a head that has no GPU, and an autoscaler that may add three with one each."""
    code = lab.shared / "code"
    for package in ("caviar", "pipelines", "search_spaces", "trainables"):
        shutil.copytree(
            REPOSITORY / package,
            code / package,
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
    shutil.copy(HERE / "watched.py", code)
    (lab.shared / FILE).write_text(yaml.safe_dump(CONFIG))
    lab.inside(
        ON,
        f"cp /shared/{FILE} ~ && export RAY_FAKE_CLUSTER=1 AUTOSCALER_UPDATE_INTERVAL_S=1 "
        f"RAY_OVERRIDE_NODE_ID_FOR_TESTING={HEAD_ID} RAY_CLOUD_INSTANCE_ID={HEAD_ID} "
        "PYTHONPATH=/shared/code && ray start --head --num-cpus=1 --num-gpus=0 "
        f"--object-store-memory=100000000 --autoscaling-config=~/{FILE}",
        timeout=120,
    )
    yield lab
    lab.inside(ON, f"ray stop --force; rm -rf /tmp/ray ~/{FILE}", check=False)
    shutil.rmtree(code)


def events(folder: Path) -> list[Event]:
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    return sorted((Event(**json.loads(line)) for line in lines), key=lambda event: event.at)


def test_all_machines_that_a_sweep_can_use_are_added_at_once(growing):
    for old in growing.events.iterdir():
        old.unlink()
    sweep = "python -m caviar.cli.main sweep random_search --dataset digits --gpus-per-trial 1"
    options = f"--trials {TRIALS} --max-epochs {EPOCHS} --scheduler.min-epochs {EPOCHS}"
    where = "--trainable watched:Watched --storage /shared/results --name grows"
    out = growing.inside(
        ON,
        f"cd /shared/code && RAY_ADDRESS=auto PYTHONPATH=/shared/code {sweep} {options} {where} "
        "--fix learning_rate=0.01 2>&1",
        timeout=400,
    )
    assert f"{MOST} trials side by side" in out
    found = json.loads((growing.shared / "results" / "grows" / "summary.json").read_text())
    assert found["trials"]["completed"] == found["trials"]["total"] == TRIALS
    assert found["epochs_trained"] == TRIALS * EPOCHS
    # One pending trial at a time would add one machine at a time.
    log = growing.inside(ON, "grep -h Adding /tmp/ray/session_latest/logs/monitor.log")
    assert f"Adding {MOST} node(s) of type gpu." in log.splitlines()[0]
    trials = defaultdict(list)
    for event in events(growing.events):
        trials[event.trial].append(event)
    first = sorted(trials.values(), key=lambda own: own[0].at)[:MOST]
    # None waited for another to end.
    ends = min(own[-1].at for own in first)
    assert all(own[0].at < ends for own in first)

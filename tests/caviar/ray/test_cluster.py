"""Whether a machine belongs to a cluster, the token for it, and what a private Ray has."""

import socket

import pytest
import ray

from caviar import Sweep, UsageError
from caviar.driver import preparing
from caviar.ray import cluster


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_laptop_belongs_to_none():
    assert cluster.cluster_address() is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.0.0.1:6379", "10.0.0.1:6379"), ("auto", "auto"), ("local", None), ("", None)],
)
def test_the_environment_says_which(address, expected, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert cluster.cluster_address() == expected


def test_ray_start_says_which(nowhere, monkeypatch):
    (nowhere / "ray").mkdir()
    (nowhere / "ray" / "ray_current_cluster").write_text("10.0.0.1:6379\n")
    assert cluster.cluster_address() == "10.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert cluster.cluster_address() is None, "asked for a Ray of its own"


class JoinedError(Exception):
    """Ray was asked to join."""


@pytest.fixture
def join(monkeypatch):
    """Join the cluster at an address, as far as asking Ray for it."""

    def init(address, **_):
        raise JoinedError(address)

    def run(address):
        monkeypatch.setenv("RAY_ADDRESS", address)
        with cluster.connected(processes=1, verbose=True):
            pass

    monkeypatch.setattr(ray, "init", init)
    return run


@pytest.mark.parametrize("address", ["auto", "local", "ray://10.0.0.1:10001"])
def test_what_is_no_host_and_port_is_left_to_ray(address, join):
    with pytest.raises(JoinedError, match=address):
        join(address)


def test_a_cluster_is_joined_where_somebody_listens(join):
    with socket.create_server(("", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(JoinedError, match=address):
            join(address)


def test_a_cluster_where_nobody_listens_is_told_at_once(join):
    with pytest.raises(UsageError, match=r"at 127\.0\.0\.1:1, which does not answer \(.*refused\)"):
        join("127.0.0.1:1")


@pytest.mark.parametrize("address", ["garbage", "10.0.0.1:x"])
def test_an_address_that_is_none(address, join):
    with pytest.raises(UsageError, match=f"is '{address}', which is none: set RAY_ADDRESS to"):
        join(address)


@pytest.mark.parametrize(
    ("system", "visible", "there", "expected"),
    [
        ("linux", None, 8, 8),
        ("linux", "2,5", 8, 2),
        ("linux", "", 8, 0),
        ("linux", None, 0, 0),
        ("darwin", None, 1, 0),  # Ray counts the one of a Mac, which trains nothing of ours
    ],
)
def test_the_gpus_that_trials_can_use(system, visible, there, expected, monkeypatch):
    monkeypatch.setattr(cluster.sys, "platform", system)
    monkeypatch.setattr("trainables.devices.gpus_of_this_machine", lambda: there)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert cluster.gpus_here() == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 96),
        ({"cpus_per_trial": 4}, 24),
        ({"concurrent": 3}, 3),
        ({"gpus_per_trial": 1}, 8),
        ({"gpus_per_trial": 0.25}, 32),
        ({"gpus_per_trial": 4}, 2 * 5),  # two trials, each with four workers and its own actor
        ({"gpus_per_trial": 1, "concurrent": 2}, 2),
        ({"workers_per_trial": 2, "cpus_per_trial": 2}, 48 * 3),
    ],
)
def test_the_processes_that_ray_is_to_have_ready(options, expected, monkeypatch):
    monkeypatch.setattr(preparing.os, "cpu_count", lambda: 96)
    monkeypatch.setattr(cluster, "gpus_here", lambda: 8)
    assert preparing.processes(Sweep(**options)) == expected


@pytest.mark.parametrize("kept", ["variable", "file", "path"])
def test_a_token_that_is_there_is_used(kept, nowhere, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "")  # restored after the test
    monkeypatch.delenv("RAY_AUTH_MODE")
    if kept == "variable":
        monkeypatch.setenv("RAY_AUTH_TOKEN", "x")
    else:
        path = nowhere / ("home/.ray/auth_token" if kept == "file" else "token")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    if kept == "path":
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    cluster.use_the_token()
    assert cluster.os.environ["RAY_AUTH_MODE"] == "token"


def test_a_mode_that_is_set_stays_and_without_a_token_there_is_none(monkeypatch):
    cluster.use_the_token()
    assert "RAY_AUTH_MODE" not in cluster.os.environ
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "x")
    cluster.use_the_token()
    assert cluster.os.environ["RAY_AUTH_MODE"] == "disabled"

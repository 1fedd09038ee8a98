"""A trial's workers, seen from its own actor; Ray's answers by hand."""

import os

import pytest
import ray
from ray.exceptions import RayActorError

from trainables import team
from trainables.team import Member, Team, WorkerError


@pytest.mark.parametrize(("order", "told"), [([2, 0, 1], 2), ([1, 2, 0], 1)])
def test_of_several_workers_that_died_the_first_is_told(monkeypatch, order, told):
    """NCCL ends a process that has lost another, so a victim may have a lower rank."""
    errors = {rank: RayActorError(error_msg=f"rank {rank} is gone") for rank in order}
    coming = iter(order)

    def wait(waiting, timeout):
        first = next(coming)
        return [first], [one for one in waiting if one != first]

    def get(rank):
        raise errors[rank]

    monkeypatch.setattr(team.ray, "wait", wait)
    monkeypatch.setattr(team.ray, "get", get)
    monkeypatch.setattr(Team, "dismiss", lambda self: None)
    workers = Team.__new__(Team)
    workers._members = [None] * 3
    with pytest.raises(WorkerError, match=f"Rank {told} of 3 died"):
        workers._wait({rank: rank for rank in range(3)})


@pytest.mark.parametrize("set_before", [None, "ib0"])
def test_gloo_and_nccl_meet_on_the_interface_of_the_place(monkeypatch, set_before):
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        monkeypatch.setenv(name, set_before or "")
        if set_before is None:
            monkeypatch.delenv(name)
    monkeypatch.setattr(team.sys, "platform", "linux")
    monkeypatch.setattr(team, "interface_of", {"127.0.0.1": "lo"}.get)
    joined = []

    class Peer:
        def join(self, *where):
            joined.append(where)

    member = Member.__new__(Member)
    member._peer = Peer()
    member.join(1, 2, "file:///tmp/x/meeting")
    expected = set_before or "lo"
    assert os.environ["GLOO_SOCKET_IFNAME"] == os.environ["NCCL_SOCKET_IFNAME"] == expected
    assert joined == [(1, 2, "file:///tmp/x/meeting")]
    assert not ray.is_initialized()

"""How many trials the machines hold, now and when the autoscaler has added all it may."""

import pytest

from caviar.base.errors import UsageError
from caviar.ray import capacity
from caviar.ray.autoscaler import Growth, NodeType
from caviar.ray.capacity import Request, fits, most

HEAD = {"CPU": 0, "GPU": 0, "node:__internal_head__": 1}
T4 = {"CPU": 4, "GPU": 1, "accelerator_type:T4": 1}
A100 = {"CPU": 96, "GPU": 8, "accelerator_type:A100": 1}


@pytest.mark.parametrize(
    ("resources", "request_", "expected"),
    [
        ({"CPU": 8}, Request(cpus=1), 8),
        ({"CPU": 8}, Request(cpus=3), 2),
        ({"CPU": 1}, Request(cpus=0.1), 10),
        ({"CPU": 8, "GPU": 2}, Request(cpus=1, gpus=1), 2),
        ({"CPU": 1, "GPU": 2}, Request(cpus=1, gpus=1), 1),
        ({"CPU": 8, "GPU": 1}, Request(cpus=1, gpus=0.3), 3),
        ({"CPU": 8, "GPU": 2}, Request(cpus=1, gpus=0.7), 2),  # never over two GPUs
        ({"CPU": 8, "GPU": 5}, Request(cpus=1, gpus=2), 2),
        ({"CPU": 8}, Request(cpus=1, gpus=1), 0),
        (A100, Request(cpus=1, gpus=1, accelerator="A100"), 8),
        (A100, Request(cpus=1, gpus=1, accelerator="T4"), 0),
        ({}, Request(cpus=1), 0),
    ],
)
def test_one_machine(resources, request_, expected):
    assert fits(resources, request_) == expected


def test_what_ray_is_asked_for():
    assert Request(cpus=1).bundle == {"CPU": 1}
    pinned = Request(cpus=2, gpus=0.5, accelerator="A100").bundle
    assert pinned == {"CPU": 2, "GPU": 0.5, "accelerator_type:A100": 0.001}


@pytest.mark.parametrize(
    ("nodes", "types", "workers", "expected"),
    [
        ([{"CPU": 2}, {"CPU": 3}], [], None, 5),
        ([HEAD], [NodeType("a", {"CPU": 4}, 3)], None, 12),
        # Of two kinds Ray starts the one that it fills best.
        ([HEAD], [NodeType("a", {"CPU": 4}, 3), NodeType("b", {"CPU": 16}, 1)], 2, 8),
        ([HEAD], [NodeType("a", {"CPU": 4}, 3), NodeType("b", {"CPU": 16}, 1)], 4, 28),
        ([HEAD], [NodeType("a", {"CPU": 0}, 3), NodeType("b", {"CPU": 16}, 1)], 1, 16),
        # A head that trains is there beside what is added; a worker is one of them.
        ([{**HEAD, "CPU": 2}], [NodeType("a", {"CPU": 4}, 3)], None, 14),
        ([HEAD, {"CPU": 4}], [NodeType("a", {"CPU": 4}, 3)], 2, 8),
        ([HEAD, {"CPU": 16}], [NodeType("a", {"CPU": 4}, 3), NodeType("b", {"CPU": 16}, 1)], 3, 24),
        ([HEAD, {"CPU": 16}], [NodeType("a", {"CPU": 4}, 3), NodeType("b", {"CPU": 16}, 1)], 1, 16),
        ([{"CPU": 2}], [NodeType("a", {}, 3)], None, 2),
        ([HEAD], [], None, 0),
    ],
)
def test_all_of_them(nodes, types, workers, expected):
    assert most(nodes, types, Request(cpus=1), workers=workers) == expected


class Cluster:
    """The machines that Ray and its autoscaler would tell of."""

    def __init__(self, monkeypatch, nodes, types=(), workers=None):
        self.nodes, self.types = list(nodes), list(types)
        monkeypatch.setattr(capacity, "alive", lambda: self.nodes)
        monkeypatch.setattr(capacity, "growth", lambda: Growth(tuple(self.types), workers))


def test_a_request_that_no_machine_can_ever_satisfy_is_refused_with_the_numbers(monkeypatch):
    types = [NodeType("t4", T4, 8), NodeType("a100", A100, 1)]
    Cluster(monkeypatch, [HEAD], types)

    def sleep(seconds):
        pytest.fail("it is known at once")

    with pytest.raises(UsageError, match="16 GPU") as refused:
        capacity.check(Request(cpus=1, gpus=16), private=False, sleep=sleep)
    assert str(refused.value) == (
        "A trial asks for 1 CPU and 16 GPU, and no machine here has that (0 CPU and 0 GPU) or may "
        "be added (t4: 4 CPU and 1 GPU of the kind T4; a100: 96 CPU and 8 GPU of the kind A100): "
        "lower --cpus-per-trial or --gpus-per-trial."
    )
    with pytest.raises(UsageError, match=r"of the kind H100, .* another --accelerator-type\."):
        capacity.check(Request(cpus=1, gpus=1, accelerator="H100"), private=False)


def test_what_fits_on_a_machine_that_is_not_there_yet_is_taken(monkeypatch):
    Cluster(monkeypatch, [HEAD], [NodeType("a100", A100, 1)], workers=8)
    assert capacity.check(Request(cpus=1, gpus=4), private=False) == 2


def test_machines_of_one_s_own_are_waited_for(monkeypatch):
    """ray up returns when the head is up; nobody knows what the others have before they join."""
    there = Cluster(monkeypatch, [HEAD], [NodeType("local.cluster.node", {}, 2)])
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        there.nodes.append(T4)

    assert capacity.check(Request(cpus=1, gpus=1), private=False, sleep=sleep) == 1
    assert slept == [1.0]

    there.nodes = [HEAD]
    with pytest.raises(UsageError, match=r"no machine here has that \(0 CPU and 0 GPU, 4 CPU"):
        capacity.check(Request(cpus=1, gpus=2), private=False, sleep=sleep)
    assert len(there.nodes) == 3, "all have joined, and none will do"


@pytest.mark.parametrize(("concurrent", "expected"), [(None, (2, 6)), (3, (2, 3)), (1, (1, 1))])
def test_more_trials_run_side_by_side_when_machines_are_added(concurrent, expected, monkeypatch):
    there = Cluster(monkeypatch, [{"CPU": 2}])

    def now():
        return capacity.limit(Request(cpus=1), concurrent=concurrent, private=False)

    before = now()
    there.nodes.append({"CPU": 4})
    assert (before, now()) == expected


def test_ray_is_not_asked_at_every_step():
    asked = []
    rarely = capacity.every(1e9, lambda: asked.append(1) or len(asked))
    assert [rarely(), rarely()] == [1, 1]
    always = capacity.every(-1.0, lambda: asked.append(1) or len(asked))
    assert [always(), always()] == [2, 3]


def test_a_cluster_that_has_lost_all_its_machines_for_a_while_is_waited_for(monkeypatch):
    Cluster(monkeypatch, [HEAD])
    assert capacity.limit(Request(cpus=1, gpus=1), concurrent=None, private=False) == 1


def test_the_refusal_says_why_nobody_knows_what_may_be_added(monkeypatch):
    Cluster(monkeypatch, [HEAD])
    monkeypatch.setattr(capacity, "growth", lambda: Growth(trouble="the RayCluster: 403"))
    with pytest.raises(UsageError, match=r"and what may be added is not known \(the RayCluster: 4"):
        capacity.check(Request(cpus=1, gpus=1), private=False)


def test_a_sixth_of_a_gpu_is_not_rounded_up():
    """Ray rounds to ten-thousandths: of six times 0.1667 the last would wait for ever."""
    assert Request(cpus=1, gpus=1 / 6).bundle == {"CPU": 1, "GPU": 0.1666}


def test_a_trial_of_several_workers_has_a_bundle_for_each():
    one = Request(cpus=1, gpus=2)
    assert (one.bundles, one.strategy) == ([{"CPU": 1, "GPU": 2}], "PACK")
    three = Request(cpus=1, gpus=3, workers=3)
    assert three.bundles == [{}, *[{"CPU": 0.3333, "GPU": 1}] * 3]
    assert three.strategy == "STRICT_PACK"
    assert Request(cpus=2, workers=2, spread=True).strategy == "SPREAD"
    assert str(three) == "1 CPU and 3 GPU for 3 workers"


@pytest.mark.parametrize(
    ("nodes", "spread", "expected"),
    [
        ([{"CPU": 4}], False, 2),
        ([{"CPU": 4}], True, 2),
        ([{"CPU": 3}, {"CPU": 1}], False, 1),
        ([{"CPU": 3}, {"CPU": 1}], True, 2),
        ([{"CPU": 1}, {"CPU": 1}], False, 0),  # no machine holds both workers
        ([{"CPU": 1}, {"CPU": 1}], True, 1),
    ],
)
def test_workers_lie_on_one_machine_unless_they_may_spread(nodes, spread, expected):
    request = Request(cpus=2, workers=2, spread=spread)
    assert most(nodes, [], request) == expected


def test_the_refusal_says_that_workers_may_spread(monkeypatch):
    monkeypatch.setattr(capacity, "alive", lambda: [{"CPU": 1}, {"CPU": 1}])
    with pytest.raises(UsageError, match=r"2 CPU and 0 GPU for 2 workers, .*with --spread-trial"):
        capacity.check(Request(cpus=2, workers=2), private=True)
    assert capacity.check(Request(cpus=2, workers=2, spread=True), private=True) == 1

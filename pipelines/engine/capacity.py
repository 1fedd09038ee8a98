"""How many trials the machines hold, now and after the autoscaler has added all it may add.

A cluster that grows tells the kinds of machines it can add; one without an autoscaler is what it
is. A request that fits on no machine of either is refused before the sweep starts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pipelines.engine.errors import UsageError

Answer = TypeVar("Answer")

REFRESH_SECONDS = 2.0
"""How old the count of machines may be: it is asked for at each step of the sweep."""
JOIN_SECONDS = 120.0
"""How long a machine may take to join whose resources the autoscaler does not know."""

_BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")
_A_BIT = 0.001  # of accelerator_type:..., which a machine has 1 of: enough to be placed there


@dataclass(frozen=True, slots=True)
class Request:
    """What one trial asks for."""

    cpus: float
    gpus: float = 0
    accelerator: str | None = None
    """Such as A100: only machines of that kind will do."""
    workers: int = 1
    """Processes that train it together and share what it asks for evenly."""
    spread: bool = False
    """Its workers may lie on several machines."""

    @property
    def worker(self) -> Request:
        """What one of its workers asks for."""
        # Ray counts in ten-thousandths; rounded up, the parts would be more than the whole.
        cpus = math.floor(self.cpus / self.workers * 1e4) / 1e4
        return replace(self, cpus=cpus, gpus=self.gpus / self.workers, workers=1, spread=False)

    @property
    def bundles(self) -> list[dict[str, float]]:
        """As Ray takes it: with several workers the first, empty bundle is for the trial's own
        actor, which trains nothing and lies beside the first worker."""
        if self.workers == 1:
            return [self.bundle]
        return [{}, *[self.worker.bundle] * self.workers]

    @property
    def strategy(self) -> str:
        """How Ray places the bundles: gradients travel fastest within a machine."""
        return "SPREAD" if self.spread else "STRICT_PACK" if self.workers > 1 else "PACK"

    @property
    def bundle(self) -> dict[str, float]:
        """As Ray takes it, all of it on one machine."""
        bundle = {"CPU": self.cpus, "GPU": self.gpus}
        if self.accelerator is not None:
            bundle[f"accelerator_type:{self.accelerator}"] = _A_BIT
        return {name: amount for name, amount in bundle.items() if amount}

    def __str__(self) -> str:
        kind = "" if self.accelerator is None else f" of the kind {self.accelerator}"
        several = f" for {self.workers} workers" if self.workers > 1 else ""
        return f"{self.cpus:g} CPU and {self.gpus:g} GPU{kind}{several}"


@dataclass(frozen=True, slots=True)
class NodeType:
    """A kind of machine that an autoscaler may start."""

    name: str
    resources: Mapping[str, float]
    """Empty where only the machine itself knows."""
    at_most: int


def fits(resources: Mapping[str, float], request: Request) -> int:
    """How many such trials one machine holds.

    >>> fits({"CPU": 8, "GPU": 2}, Request(cpus=1, gpus=0.5))
    4
    >>> fits({"CPU": 8, "GPU": 2}, Request(cpus=1, gpus=1, accelerator="A100"))
    0
    """
    kind = request.accelerator
    if kind is not None and not resources.get(f"accelerator_type:{kind}"):
        return 0
    cpus, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
    by_cpu = int(cpus / request.cpus + 1e-9) if request.cpus else 10**6
    if not request.gpus:
        return by_cpu
    # A fraction of a GPU lies on one GPU; more than one takes whole ones.
    if request.gpus <= 1:
        return min(by_cpu, int(1 / request.gpus + 1e-9) * int(gpus))
    return min(by_cpu, int(gpus / request.gpus + 1e-9))


def most(
    nodes: Iterable[Mapping[str, float]],
    types: Iterable[NodeType],
    request: Request,
    *,
    workers: int | None = None,
) -> int:
    """How many such trials there can be at once, now or after the autoscaler has done its work.

    ``workers`` is how many machines the autoscaler may run in all.

    >>> gpu = NodeType("gpu", {"CPU": 4, "GPU": 4}, at_most=3)
    >>> most([{"CPU": 0}], [gpu], Request(cpus=1, gpus=1), workers=2)
    8
    """
    part = request.worker if request.spread else request
    now = sum(fits(node, part) for node in nodes)
    each = sorted(
        (n for kind in types for n in [fits(kind.resources, part)] * kind.at_most), reverse=True
    )
    return max(now, sum(each[:workers])) // (request.workers if request.spread else 1)


def alive() -> list[dict[str, Any]]:
    """The resources of each machine there is."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def node_types() -> tuple[list[NodeType], int | None]:
    """What the autoscaler of this cluster may start, and how many in all; nothing without one."""
    from ray._private.state import state

    config = state.get_cluster_config()
    if config is not None and config.node_group_configs:
        kinds = [
            NodeType(group.name, dict(group.resources), _count(group.max_count))
            for group in config.node_group_configs
        ]
        return kinds, None
    return _launched(_BOOTSTRAP.expanduser())


def _count(at_most: int) -> int:
    return at_most if at_most > 0 else 10**3  # KubeRay's -1: no bound


def _launched(path: Path) -> tuple[list[NodeType], int | None]:
    """From the file that ``ray up`` leaves on the head, where the driver runs."""
    if not path.is_file():
        return [], None
    import yaml

    config = yaml.safe_load(path.read_text())
    head = config.get("head_node_type")
    kinds = [
        NodeType(name, kind.get("resources", {}), kind.get("max_workers", 0))
        for name, kind in config.get("available_node_types", {}).items()
        if name != head or config["provider"]["type"] == "local"
    ]
    return kinds, config.get("max_workers")


def check(request: Request, *, private: bool, sleep: Callable[[float], None] = time.sleep) -> int:
    """How many such trials there can be at once, at least 1.

    Raises ``UsageError`` with the numbers where none ever will. Machines that have yet to join and
    whose resources nobody knows (``ray up`` of one's own machines) are waited for.
    """
    kinds, workers = ([], None) if private else node_types()
    until = time.monotonic() + JOIN_SECONDS
    while True:
        nodes = alive()
        found = most(nodes, kinds, request, workers=workers)
        unknown = sum(kind.at_most for kind in kinds if not kind.resources)
        if found or len(nodes) > unknown or time.monotonic() > until:
            break
        sleep(1.0)
    if found:
        return found
    have = [_in_words(node) for node in nodes]
    may = [f"{kind.name}: {_in_words(kind.resources)}" for kind in kinds if kind.resources]
    added = f" or may be added ({'; '.join(may)})" if may else ""
    lower = "--cpus-per-trial or --gpus-per-trial" + (
        "" if request.accelerator is None else ", or choose another --accelerator-type"
    )
    if request.workers > 1 and not request.spread:
        lower += ", or let its workers lie on several machines with --spread-trial"
    raise UsageError(
        f"A trial asks for {request}, and no machine here has that "
        f"({', '.join(sorted(set(have)))}){added}: lower {lower}."
    )


def _in_words(resources: Mapping[str, float]) -> str:
    kinds = [name.partition(":")[2] for name in resources if name.startswith("accelerator_type:")]
    amount = f"{resources.get('CPU', 0):g} CPU and {resources.get('GPU', 0):g} GPU"
    return amount + "".join(f" of the kind {kind}" for kind in kinds)


def every(seconds: float, ask: Callable[[], Answer]) -> Callable[[], Answer]:
    """The same question for those who ask at each step of the sweep: an answer so old will do."""
    known: list[tuple[float, Answer]] = []

    def now() -> Answer:
        if not known or time.monotonic() - known[0][0] > seconds:
            known[:] = [(time.monotonic(), ask())]
        return known[0][1]

    return now


def limit(request: Request, *, concurrent: int | None, private: bool) -> int:
    """How many trials may be live now: as many as fit, or as are wanted where that is fewer.

    On a cluster that grows it counts the machines that may be added too: what is asked for at once
    is added at once, where one pending trial adds one machine at a time.
    """
    kinds, workers = ([], None) if private else node_types()
    found = most(alive(), kinds, request, workers=workers)
    return max(1, found if concurrent is None else min(found, concurrent))


def going() -> frozenset[str]:
    """The addresses of machines that were told to go: a spot machine that is taken back."""
    import ray
    from ray._private.state import state

    told = state.get_draining_nodes()
    return frozenset(
        node["NodeManagerAddress"] for node in ray.nodes() if told and node["NodeID"] in told
    )

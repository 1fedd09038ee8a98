"""How many trials the machines hold, now and after the autoscaler has added all it may add.

A cluster that grows tells the kinds of machines it can add; one without an autoscaler is what it
is. A request that fits on no machine of either is refused before the sweep starts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from caviar.base.errors import UsageError
from caviar.ray.autoscaler import Growth, NodeType, growth

Answer = TypeVar("Answer")

REFRESH_SECONDS = 2.0
"""How old the count of machines may be: it is asked for at each step of the sweep."""
JOIN_SECONDS = 120.0
"""How long a machine may take to join whose resources the autoscaler does not know."""

_A_BIT = 0.001  # of accelerator_type:..., which a machine has 1 of: enough to be placed there
_HEAD = "node:__internal_head__"
"""A resource that the head alone has: the autoscaler adds its machines to it."""


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
        cpus = _rounded_down(self.cpus / self.workers)
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
        bundle = {"CPU": self.cpus, "GPU": _rounded_down(self.gpus)}
        if self.accelerator is not None:
            bundle[f"accelerator_type:{self.accelerator}"] = _A_BIT
        return {name: amount for name, amount in bundle.items() if amount}

    def __str__(self) -> str:
        kind = "" if self.accelerator is None else f" of the kind {self.accelerator}"
        several = f" for {self.workers} workers" if self.workers > 1 else ""
        return f"{self.cpus:g} CPU and {self.gpus:g} GPU{kind}{several}"


def _rounded_down(amount: float) -> float:
    """As Ray counts, in ten-thousandths; rounded up, the parts would be more than the whole.

    >>> _rounded_down(1 / 6), _rounded_down(0.3), _rounded_down(4)
    (0.1666, 0.3, 4)
    """
    return math.floor(amount * 1e4 + 1e-6) / 1e4 if amount % 1 else amount


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

    `workers` is how many machines the autoscaler may run in all, beside the head. Of several
    kinds that hold the request it starts those that it fills best, and so the smallest count here.

    >>> head = {"CPU": 0, "node:__internal_head__": 1}
    >>> gpu, big = NodeType("a", {"CPU": 4, "GPU": 1}, 3), NodeType("b", {"CPU": 96, "GPU": 8}, 1)
    >>> most([head], [gpu, big], Request(cpus=1, gpus=1), workers=4)
    11
    >>> most([head], [gpu, big], Request(cpus=1, gpus=1), workers=3)
    3
    """
    part = request.worker if request.spread else request
    held = [(fits(node, part), _HEAD in node) for node in nodes]
    added = [n for n, is_head in held if not is_head]
    more = sorted(n for kind in types for n in [fits(kind.resources, part)] * kind.at_most if n)
    for n in added:
        if n in more:  # one of those that the autoscaler may run, and does
            more.remove(n)
    left = None if workers is None else max(0, workers - len(added))
    whole = sum(n for n, _ in held) + sum(more[:left])
    return whole // (request.workers if request.spread else 1)


def alive() -> list[dict[str, Any]]:
    """The resources of each machine there is."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def check(request: Request, *, private: bool, sleep: Callable[[float], None] = time.sleep) -> int:
    """How many such trials there can be at once, at least 1.

    Raises `UsageError` with the numbers where none ever will. Machines that have yet to join and
    whose resources nobody knows (`ray up` of one's own machines) are waited for.
    """
    grows = Growth() if private else growth()
    kinds = grows.kinds
    until = time.monotonic() + JOIN_SECONDS
    while True:
        nodes = alive()
        found = most(nodes, kinds, request, workers=grows.at_most)
        unknown = sum(kind.at_most for kind in kinds if not kind.resources)
        if found or len(nodes) > unknown or time.monotonic() > until:
            break
        sleep(1.0)
    if found:
        return found
    have = [_in_words(node) for node in nodes]
    may = [f"{kind.name}: {_in_words(kind.resources)}" for kind in kinds if kind.resources]
    added = f" or may be added ({'; '.join(may)})" if may else ""
    if grows.trouble:
        added = f", and what may be added is not known ({grows.trouble})"
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
    grows = Growth() if private else growth()
    found = most(alive(), grows.kinds, request, workers=grows.at_most)
    return max(1, found if concurrent is None else min(found, concurrent))


def going() -> frozenset[str]:
    """The addresses of machines that were told to go: a spot machine that is taken back."""
    import ray
    from ray._private.state import state

    told = state.get_draining_nodes()
    return frozenset(
        node["NodeManagerAddress"] for node in ray.nodes() if told and node["NodeID"] in told
    )

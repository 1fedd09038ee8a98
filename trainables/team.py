"""One trial over several worker actors, each pinned to a bundle of the trial's placement group.

The trial's own actor trains nothing: it hands the configuration to the workers, waits for all of
them at once, and so notices when one dies or runs out of memory while the others wait for its
gradients. The workers are its children: they end with it, whatever ends it.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util import get_current_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainables.options import RESERVED_KEY

if TYPE_CHECKING:
    from trainables.loops import Loop

_SIOCGIFADDR = 0x8915
_GRACE_SECONDS = 5.0
"""How long the other workers have to fail too: of several errors the cause is told."""


class Peer(Protocol):
    """What a worker asks of the trainable that it holds: see `LoopTrainable`."""

    config: dict[str, Any]

    @property
    def loop(self) -> Loop:
        """What is trained now."""

    @property
    def end(self) -> Mapping[str, Any] | None:
        """The report of a trial that has ended by itself."""

    def join(self, rank: int, size: int, meeting: str) -> None:
        """Meet the other workers."""

    def setup(self, config: dict[str, Any]) -> None:
        """Build the first trial."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Build another trial."""


class WorkerError(Exception):
    """A worker of a trial has failed or died; the message names its rank and the cause."""

    reason: RayError
    """What Ray says of it: whether its machine was lost."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a worker's call came to."""

    kind: Literal["done", "diverged", "out_of_memory"]
    value: Any


def interface_of(address: str) -> str | None:
    """The network interface of this machine that has an IPv4 address; None where none has. Linux.

    >>> interface_of("127.0.0.1")
    'lo'
    """
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                found = fcntl.ioctl(asked.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # it has no IPv4 address
            if socket.inet_ntoa(found[20:24]) == address:
                return name
    return None


class Member:
    """A worker: one process of the group, with a trainable of its own that runs no trial."""

    def __init__(self, kind: type[Peer]) -> None:
        self._peer = kind.__new__(kind)  # not built: Ray's part of it is for a trial's own actor

    def node(self) -> tuple[str, str]:
        """The node that this worker runs on, and its address."""
        return ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address()

    def meeting(self, *, one_node: bool) -> str:
        """A place where the workers can meet; on one node without a port that others could see."""
        if one_node:
            return f"file://{tempfile.mkdtemp(prefix='caviar-')}/meeting"
        with socket.socket() as free:
            free.bind(("", 0))
            return f"tcp://{self.node()[1]}:{free.getsockname()[1]}"

    def join(self, rank: int, size: int, meeting: str) -> None:
        """Meet the others."""
        if sys.platform == "linux":
            # Else gloo announces what the machine's name stands for, on many 127.0.0.1, and NCCL
            # listens to whoever reaches the machine. What moves the gradients is NCCL's choice.
            address = "127.0.0.1" if meeting.startswith("file:") else self.node()[1]
            interface = interface_of(address)
            if interface is not None:
                for names in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
                    os.environ.setdefault(names, interface)
        self._peer.join(rank, size, meeting)

    def start(self, config: dict[str, Any], *, first: bool) -> _Answer:
        """Build everything a trial has; `first` for the first trial of this worker."""
        if first:
            self._peer.config = config
            self._peer.setup(config)
        else:
            self._peer.reset_config(config)
        end = self._peer.end
        return _Answer("done", None) if end is None else _Answer("out_of_memory", end["detail"])

    def run_epoch(self) -> _Answer:
        """Train an epoch together with the others."""
        from trainables.loops import Diverged, is_out_of_memory

        try:
            return _Answer("done", self._peer.loop.run_epoch())
        except Diverged as error:
            return _Answer("diverged", (error.epoch, error.batch, error.seconds))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return _Answer("out_of_memory", str(error))

    def weights(self) -> _Answer:
        """The weights, on the CPU."""
        return _Answer("done", _on_cpu(self._peer.loop.weights()))

    def state_dict(self) -> _Answer:
        """The state, on the CPU."""
        return _Answer("done", _on_cpu(self._peer.loop.state_dict()))

    def load_state_dict(self, state: Mapping[str, Any]) -> _Answer:
        """Go on from a state."""
        self._peer.loop.load_state_dict(state)
        return _Answer("done", None)


def _on_cpu(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {name: _on_cpu(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(inner) for inner in value)
    return value


class Team:
    """The workers of a trial's actor, for one trial after the other.

    Args:
        kind: the trainable's class, with its data and options as Ray Tune gave them.
        size: the workers, as many as the placement group has bundles.

    Raises RuntimeError when this actor has no such placement group.
    """

    def __init__(self, kind: type[Peer], size: int) -> None:
        group = get_current_placement_group()
        bundles = [] if group is None else group.bundle_specs
        if group is None or len(bundles) != size:
            raise RuntimeError(
                f"{size} workers need a placement group with {size} bundles, but this trial has "
                f"{len(bundles)}: give Ray Tune a PlacementGroupFactory of an empty bundle and "
                f"{size} for the workers."
            )
        self._members: list[Any] = []
        self._meeting = ""
        for index, bundle in enumerate(bundles):
            rest = {name: n for name, n in bundle.items() if name not in ("CPU", "GPU", "memory")}
            pinned = ray.remote(Member).options(
                num_cpus=bundle.get("CPU", 0),
                num_gpus=bundle.get("GPU", 0),
                memory=bundle.get("memory"),
                resources=rest,
                scheduling_strategy=PlacementGroupSchedulingStrategy(
                    placement_group=group,
                    placement_group_bundle_index=index,
                    placement_group_capture_child_tasks=True,
                ),
            )
            self._members.append(pinned.remote(kind))
        self._first = True
        nodes = {node for node, _ in self._all("node")}
        asked = self._members[0].meeting.remote(one_node=len(nodes) == 1)
        self._meeting = self._wait({asked: 0})[0]
        joining = {m.join.remote(i, size, self._meeting): i for i, m in enumerate(self._members)}
        self._wait(joining)

    @property
    def works(self) -> bool:
        """Whether it can take another trial; not after a failure."""
        return bool(self._members)

    def start(self, config: Mapping[str, Any]) -> None:
        """Build a trial in every worker; raises as `ask` does."""
        facts = {**(config.get(RESERVED_KEY) or {}), "restore_from": None}
        first, self._first = self._first, False
        self._settle(self._all("start", {**config, RESERVED_KEY: facts}, first=first))

    def ask(self, method: str, *args: Any) -> Any:
        """Call a method of all workers; the first one's answer.

        Raises Diverged and MemoryError as a loop does, WorkerError when a worker has failed. After
        the last two the workers are gone.
        """
        return self._settle(self._all(method, *args))

    def ask_first(self, method: str) -> Any:
        """Call a method of the first worker alone."""
        return self._settle(self._wait({getattr(self._members[0], method).remote(): 0}))

    def dismiss(self) -> None:
        """End the workers, and remove the place where they met: NCCL keeps coming back to it."""
        members, self._members = self._members, []
        for member in members:
            ray.kill(member)
        if self._meeting.startswith("file:"):  # this actor lies beside the first worker
            shutil.rmtree(Path(self._meeting.removeprefix("file://")).parent, ignore_errors=True)

    def _all(self, method: str, *args: Any, **named: Any) -> list[Any]:
        shared = [ray.put(arg) for arg in args]  # once, not once a worker
        calls = {
            getattr(member, method).remote(*shared, **named): rank
            for rank, member in enumerate(self._members)
        }
        return self._wait(calls)

    def _wait(self, calls: dict[Any, int]) -> list[Any]:
        """The answers in the order of the ranks."""
        answers: dict[int, Any] = {}
        errors: dict[int, RayError] = {}
        waiting, timeout = list(calls), None
        while waiting:
            done, waiting = ray.wait(waiting, timeout=timeout)
            if not done:
                break
            rank = calls[done[0]]
            try:
                answers[rank] = ray.get(done[0])
            except RayError as error:
                errors[rank] = error
            if rank in errors or getattr(answers[rank], "kind", None) == "out_of_memory":
                timeout = _GRACE_SECONDS  # the others wait for this one, or fail because of it
        for rank in sorted(answers):
            if getattr(answers[rank], "kind", None) == "out_of_memory":
                self.dismiss()
                raise MemoryError(f"in rank {rank} of {len(calls)}: {answers[rank].value}")
        if errors:
            size = len(self._members)
            self.dismiss()
            # A worker that dies makes the others fail, who lose the connection to it.
            # Of several that died, the first: NCCL ends a process that has lost another.
            rank = min(errors, key=lambda rank: not isinstance(errors[rank], RayActorError))
            failure = WorkerError(f"Rank {rank} of {size} {_in_words(errors[rank])}")
            failure.reason = errors[rank]
            raise failure from errors[rank]
        return [answers[rank] for rank in sorted(answers)]

    def _settle(self, answers: list[_Answer]) -> Any:
        from trainables.loops import Diverged

        first = answers[0]
        if first.kind == "diverged":
            epoch, batch, seconds = first.value
            raise Diverged(epoch=epoch, batch=batch, seconds=seconds)
        return first.value


def _in_words(error: RayError) -> str:
    """What became of a worker, on one line."""
    if isinstance(error, RayTaskError):
        text = str(error.cause).strip().partition("\n")[0]
        return f"failed: {type(error.cause).__name__}: {text}"
    # Without the indented lines of numbers, by which no two deaths would be the same.
    lines = [line for line in str(error).splitlines() if not line.startswith(("\t", " "))]
    return "died: " + " ".join(" ".join(lines).split())


class TeamLoop:
    """The loop of a trial that a team trains.

    Args:
        team: the workers.
        config: the configuration as Ray Tune gave it.
    """

    def __init__(self, team: Team, config: Mapping[str, Any]) -> None:
        self.epoch = 0
        self._team = team
        team.start(config)

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch in all workers; the first one's metrics."""
        report: dict[str, float] = self._team.ask("run_epoch")
        self.epoch = int(report["epoch"])
        return report

    def weights(self) -> Mapping[str, Any]:
        """The first worker's weights: they are the same in all."""
        weights: Mapping[str, Any] = self._team.ask_first("weights")
        return weights

    def state_dict(self) -> dict[str, Any]:
        """The first worker's state, which one worker alone can go on from."""
        state: dict[str, Any] = self._team.ask_first("state_dict")
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict()` in all workers."""
        self._team.ask("load_state_dict", state)
        self.epoch = int(state["epoch"])

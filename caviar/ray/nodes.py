"""Before the first trial every machine of a cluster is asked: has it the code, and the storage?

Plain Ray lets the trials off the head fail at their first checkpoint when the storage is not
shared, finishes the others and exits with 0.
"""

from __future__ import annotations

import importlib.metadata
import platform
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caviar.base.errors import UsageError
from caviar.store.location import Location

ANSWER_SECONDS = 120.0
"""How long a machine may take to answer: its first worker process imports torch."""

_SAME = ("caviar-tune", "ray", "torch", "numpy")
"""Packages whose objects travel between the machines, or that decide what a trial computes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one machine said."""

    missing: Sequence[str]
    """Modules that it cannot import."""
    versions: Mapping[str, str]
    storage: str | None
    """What is wrong with the storage, in the system's words; None when it sees what we wrote."""


def check(place: Location, modules: Sequence[str]) -> None:
    """Ask every machine of the cluster that we joined.

    Raises `UsageError` naming the machines that cannot import `modules`, have other versions,
    do not see the storage, or do not answer.
    """
    import ray

    nodes = {n["NodeID"]: n["NodeManagerAddress"] for n in ray.nodes() if n["Alive"]}
    probe = f".caviar-{uuid.uuid4().hex}"
    place.write(probe, probe.encode())
    try:
        answers = _ask(nodes, place, probe, modules)
        here = _versions()
        for words in complaints(nodes, answers, here=here, place=str(place)):
            raise UsageError(words)
        for node, address in nodes.items():
            if place.read(f"{probe}.{node}") is None:
                raise UsageError(_not_shared([address], str(place), "it wrote where only it looks"))
    finally:
        for name in (probe, *(f"{probe}.{node}" for node in nodes)):
            place.remove(name)


def _ask(
    nodes: Mapping[str, str], place: Location, probe: str, modules: Sequence[str]
) -> dict[str, Answer | None]:
    """Each machine's answer; None where it gave none in time or died over it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task: Any = ray.remote(_question(place, probe, modules))
    asked = {
        task.options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        ).remote(node): node
        for node in nodes
    }
    ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_SECONDS)
    answers: dict[str, Answer | None] = dict.fromkeys(nodes)
    for reference in ready:
        try:
            answers[asked[reference]] = Answer(**ray.get(reference))
        except ray.exceptions.RayError:
            continue  # it died, or is going: it has not answered
    return answers


def _question(
    place: Location, probe: str, modules: Sequence[str]
) -> Callable[[str], dict[str, Any]]:
    """A function that needs nothing of ours where it runs: Ray sends a nested one by its code."""
    scheme, uri, root, same = place.scheme, str(place), place.root, _SAME

    def question(node: str) -> dict[str, Any]:
        import importlib.metadata
        import importlib.util
        import platform

        from pyarrow import fs

        def lacks(module: str) -> bool:
            try:
                return importlib.util.find_spec(module) is None
            except ModuleNotFoundError:
                return True

        versions = {"python": platform.python_version()}
        for name in same:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                versions[name] = "none"
        storage = None
        try:
            system = fs.LocalFileSystem() if scheme == "file" else fs.FileSystem.from_uri(uri)[0]
            with system.open_input_stream(f"{root}/{probe}") as stream:
                if stream.read() != probe.encode():
                    storage = "it reads something else there"
            with system.open_output_stream(f"{root}/{probe}.{node}") as stream:
                stream.write(node.encode())
        except OSError as error:
            storage = str(error).partition("\n")[0]
        return {
            "missing": [module for module in modules if lacks(module)],
            "versions": versions,
            "storage": storage,
        }

    return question


def _release(version: str) -> str:
    """Without the label of its build: torch's for a CPU alone, on the head, is the same torch.

    >>> _release("2.13.0+cpu") == _release("2.13.0")
    True
    """
    return version.partition("+")[0]


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in _SAME
    }


def complaints(
    nodes: Mapping[str, str],
    answers: Mapping[str, Answer | None],
    *,
    here: Mapping[str, str],
    place: str,
) -> list[str]:
    """What is wrong, one sentence each, the most likely reason of the others first."""
    said = {nodes[node]: answer for node, answer in answers.items() if answer is not None}
    silent = sorted(nodes[node] for node, answer in answers.items() if answer is None)
    found = []
    for address, answer in said.items():
        if answer.missing:
            found.append(
                f"The machine {address} has no module {' and no module '.join(answer.missing)}: "
                "install it there (setup_commands of the cluster file), or let `caviar submit` "
                "send your working directory along."
            )
    for address, answer in said.items():
        other = [
            f"{name} {there} (here {here[name]})"
            for name, there in answer.versions.items()
            if _release(there) != _release(here[name])
        ]
        if other:
            found.append(
                f"The machine {address} has {', '.join(other)}: install the same versions on all "
                "machines."
            )
    blind = {address: answer.storage for address, answer in said.items() if answer.storage}
    if blind:
        found.append(_not_shared(sorted(blind), place, next(iter(blind.values())) or ""))
    if silent:
        found.append(
            f"No answer from {', '.join(silent)} in {ANSWER_SECONDS:g} s: look at `ray status`, "
            "and take the machine out of the cluster or mend it."
        )
    return found


def _not_shared(addresses: Sequence[str], place: str, why: str) -> str:
    return (
        f"The storage {place} is not the same on {', '.join(addresses)} ({why}): checkpoints "
        "written there would be lost. Give --storage a folder that all machines mount (NFS), or "
        "s3://BUCKET/FOLDER."
    )


def check_own_disk(folder: Path) -> None:
    """On a cluster that starts machines later: refuse a folder that only this one can have.

    Raises `UsageError` when `folder` lies on the disk of the system.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there.stat().st_dev == Path("/").stat().st_dev:
        raise UsageError(
            f"The storage {folder} is on this machine's own disk, and the cluster adds machines "
            "that do not see it: give --storage a folder that all machines mount (NFS), or "
            "s3://BUCKET/FOLDER."
        )

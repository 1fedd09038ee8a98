"""`caviar doctor`: what a sweep needs of this machine, looked at one by one, and what to do."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from caviar.terminal.space_table import plain_table

State = Literal["ok", "note", "wrong"]
_GIB = 2**30
_COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}

LEAST_PYTHON, BEYOND_PYTHON = (3, 11), (3, 14)
LEAST_FREE = 5 * _GIB
"""Free disk below which a sweep of small models may already fill it."""
LEAST_SHARED = 2 * _GIB
"""Shared memory below which Ray keeps the data of a sweep on disk."""
LEAST_FILES = 4096
"""Open files; Ray takes a few for each process."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    found: str
    do: str = ""
    """What to do about it; empty where all is well."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "doctor",
        help="check this machine: Python, torch, Ray, devices, storage, ports, disk",
        description="Look at what a sweep needs of this machine and say what to do about the rest. "
        "The exit code is 1 when something is wrong.",
    )
    parser.add_argument(
        "--storage",
        metavar="FOLDER",
        type=Path,
        default=Path("results"),
        help="the folder of all sweeps (results)",
    )
    parser.set_defaults(run=_doctor)


def _doctor(asked: argparse.Namespace) -> int:
    console = Console()
    table = plain_table(header=False)
    findings = list(look(asked.storage.expanduser()))
    for finding in findings:
        said = finding.found + (f": {finding.do}" if finding.do else "")
        table.add_row(
            Text(finding.state, style=_COLOURS[finding.state]), Text(finding.what), Text(said)
        )
    console.print(table)
    wrong = sum(finding.state == "wrong" for finding in findings)
    if wrong:
        console.print(f"\n{wrong} of {len(findings)} would keep a sweep from running.")
    return 1 if wrong else 0


def look(storage: Path) -> Iterator[Finding]:
    """Everything there is to look at, the cheap first."""
    yield python()
    yield from packages()
    yield from devices()
    yield folder(storage)
    yield disk("disk of the storage", storage)
    yield disk("disk of Ray's own files", Path(os.environ.get("RAY_TMPDIR", tempfile.gettempdir())))
    yield from shared_memory()
    yield from open_files()
    yield loopback()
    yield data()
    yield ray_starts()


def python() -> Finding:
    """A Python that this package is tested with."""
    found = ".".join(map(str, sys.version_info[:3]))
    if LEAST_PYTHON <= sys.version_info[:2] < BEYOND_PYTHON:
        return Finding("Python", "ok", found)
    return Finding("Python", "wrong", found, "make an environment with Python 3.11 to 3.13")


def packages() -> Iterator[Finding]:
    """What this package stands on, in the ranges it is made for."""
    from packaging.requirements import Requirement

    for text in metadata.requires("caviar-tune") or []:
        asked = Requirement(text)
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(asked.name)
        except metadata.PackageNotFoundError:
            yield Finding(asked.name, "wrong", "not installed", f"pip install '{asked}'")
            continue
        if asked.specifier.contains(found, prereleases=True):
            yield Finding(asked.name, "ok", found)
        else:
            yield Finding(asked.name, "wrong", found, f"pip install '{asked}'")


def devices() -> Iterator[Finding]:
    """The GPUs that torch sees, or why it sees none."""
    import torch

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            found = f"{properties.name}, {properties.total_memory / _GIB:.0f} GiB"
            try:  # is_available() says that there is a driver, not that torch has code for the GPU
                (torch.ones(1, device=f"cuda:{index}") + 1).item()
            except RuntimeError as error:
                said = f"{found}; torch {torch.__version__} cannot compute on it"
                yield Finding(
                    f"GPU {index}",
                    "wrong",
                    f"{said} ({str(error).partition(chr(10))[0]})",
                    "see whether others use all of its memory, or install a torch for this GPU "
                    "(pytorch.org/get-started)",
                )
            else:
                yield Finding(f"GPU {index}", "ok", found)
        return
    cpus = os.cpu_count() or 1
    if torch.version.cuda is None and Path("/proc/driver/nvidia/version").exists():
        yield Finding(
            "GPU",
            "wrong",
            f"there is a GPU, and torch {torch.__version__} is built for CPUs alone",
            "install torch for CUDA (pytorch.org/get-started)",
        )
    elif torch.version.cuda is not None and Path("/proc/driver/nvidia/version").exists():
        yield Finding(
            "GPU",
            "wrong",
            f"there is a GPU, and torch for CUDA {torch.version.cuda} cannot use it",
            "compare the driver's version that nvidia-smi prints with that one",
        )
    else:
        yield Finding("GPU", "note", f"none; trials run on {cpus} CPUs")


def folder(storage: Path) -> Finding:
    """Whether sweeps can be written there; nothing is left behind."""
    there = next(
        path for path in (storage.absolute(), *storage.absolute().parents) if path.exists()
    )
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"caviar")
    except OSError as error:
        return Finding(
            "storage", "wrong", f"{storage} ({error.strerror})", "choose another --storage"
        )
    return Finding("storage", "ok", str(storage))


def _nearest(place: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    return next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())


def disk(what: str, place: Path) -> Finding:
    """Free room on the file system of a folder that need not be there yet."""
    usage = shutil.disk_usage(_nearest(place))
    found = f"{usage.free / _GIB:.0f} GiB free of {usage.total / _GIB:.0f}"
    if usage.free < LEAST_FREE:
        return Finding(what, "wrong", found, f"make {LEAST_FREE // _GIB} GiB free")
    if usage.free < 0.05 * usage.total:
        return Finding(what, "note", found, "Ray warns from 95 % on and stops from 98 % on")
    return Finding(what, "ok", found)


def shared_memory() -> Iterator[Finding]:
    """Where Ray shares the data set among the trials of a node."""
    place = Path("/dev/shm")
    if not place.is_dir():
        return
    free = shutil.disk_usage(place).free
    found = f"{free / _GIB:.1f} GiB"
    if free >= LEAST_SHARED:
        yield Finding("shared memory", "ok", found)
    else:
        yield Finding(
            "shared memory",
            "note",
            found,
            "Ray will share data through the disk, slowly; in a container, start it with "
            "--shm-size=8g",
        )


def open_files() -> Iterator[Finding]:
    """The limit of open files, which many trials at once reach."""
    if sys.platform == "win32":
        return
    import resource

    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit >= LEAST_FILES:
        yield Finding("open files", "ok", f"up to {limit}")
    else:
        yield Finding(
            "open files",
            "note",
            f"up to {limit}",
            f"for many trials at once: ulimit -n {min(most, 65536)}",
        )


def loopback() -> Finding:
    """Ray's processes of one machine talk over loopback."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = server.getsockname()
            with socket.create_connection(address, timeout=5):
                return Finding("ports", "ok", "processes can reach each other on 127.0.0.1")
    except OSError as error:
        return Finding(
            "ports",
            "wrong",
            f"no connection on 127.0.0.1 ({error.strerror or error})",
            "let the firewall or the sandbox allow it",
        )


def data() -> Finding:
    """Fashion-MNIST, what the first sweep takes."""
    from trainables.data.fashion_mnist import find_fashion_mnist

    found = find_fashion_mnist()
    if found is None:
        return Finding("Fashion-MNIST", "note", "not here", "downloaded by the first sweep (30 MB)")
    return Finding("Fashion-MNIST", "ok", str(found))


def ray_starts(connect: Callable[[], str] | None = None) -> Finding:
    """Ray starts here and runs a task, or the cluster of this machine is joined."""
    try:
        found = (connect or _ray_line)()
    except (OSError, RuntimeError, ValueError) as error:  # Ray's own derive from these
        said = f"does not start ({str(error).partition(chr(10))[0]})"
        return Finding("Ray", "wrong", said, "its logs are in /tmp/ray/session_latest")
    return Finding("Ray", "ok", found)


def _ray_line() -> str:
    from caviar.ray import cluster

    return cluster.check()

"""A checkpoint directory: what a trial needs to go on, its best weights, and what a person wants to
know.

    last.pt          model, optimizer, loss, epoch, seed
    best.pt          the weights of the best epoch; absent while no epoch has finished
    checkpoint.json  format, epochs, metrics, configuration, and size and SHA-256 of the files
    beside it

Every file gets its name in one step, checkpoint.json the last: a directory with it is complete, and
a file cut short later is noticed before torch reads it.
"""

import hashlib
import io
import json
import math
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainables.manifest import FORMAT, NAME, CorruptCheckpointError, Manifest, read_manifest

_LAST, _BEST = "last.pt", "best.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The content of a checkpoint directory."""

    state: Mapping[str, Any]
    """A loop's `state_dict()`: model, optimizer, loss, epoch, seed."""
    configuration: Mapping[str, Any]
    """The hyperparameters it was trained with."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the last epoch; empty before the first."""
    best_epoch: int | None = None
    """The best epoch, from 1; None before the first."""
    best_metrics: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the best epoch."""
    best_weights: Mapping[str, Tensor] | None = None
    """The model's `state_dict()` at the best epoch."""


def write_checkpoint(directory: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into a directory, which is created when missing.

    Raises TypeError when the configuration holds what JSON cannot, OSError when the disk refuses.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    contents = {_LAST: checkpoint.state}
    if checkpoint.best_weights is not None:
        contents[_BEST] = {"model": checkpoint.best_weights, "epoch": checkpoint.best_epoch}
    files = {}
    for name, content in contents.items():
        buffer = io.BytesIO()
        torch.save(content, buffer)
        view = buffer.getbuffer()
        _replace(directory / name, view)
        files[name] = {"bytes": len(view), "sha256": hashlib.sha256(view).hexdigest()}
    summary = {
        "format": FORMAT,
        "epoch": checkpoint.state["epoch"],
        "metrics": _to_json(checkpoint.metrics),
        "best_epoch": checkpoint.best_epoch,
        "best_metrics": _to_json(checkpoint.best_metrics),
        "configuration": dict(checkpoint.configuration),
        "files": files,
    }
    text = json.dumps(summary, indent=1, default=_plain, allow_nan=False)
    _replace(directory / NAME, text.encode())


def read_checkpoint(directory: str | Path, *, training_state: bool = True) -> Checkpoint:
    """Read a checkpoint directory, with torch's weights-only loading: no code in it is ever run.

    The tensors are on the CPU, wherever they were when they were written.

    Args:
        directory: what `write_checkpoint` wrote.
        training_state: False leaves `state` with the epoch alone, for a reader of the best weights.

    Raises CorruptCheckpointError when a file is missing, cut short or altered, CheckpointError when
    the checkpoint has a format this version does not know.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    state: Mapping[str, Any] = {"epoch": manifest.epoch}
    if training_state:
        state = _read_tensors(directory / _LAST, manifest)
    best = None
    if manifest.best_epoch is not None:
        best = _read_tensors(directory / _BEST, manifest)["model"]
    return Checkpoint(
        state=state,
        configuration=manifest.configuration,
        metrics=_from_json(manifest.metrics),
        best_epoch=manifest.best_epoch,
        best_metrics=_from_json(manifest.best_metrics),
        best_weights=best,
    )


def _read_tensors(path: Path, manifest: Manifest) -> Any:
    if path.name not in manifest.files:
        raise CorruptCheckpointError(f"{path.parent} is damaged: {NAME} does not list {path.name}.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest.files[path.name]["sha256"]:
        raise CorruptCheckpointError(f"{path} is damaged: its SHA-256 is not the one in {NAME}.")
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CorruptCheckpointError(
            f"{path} holds more than tensors and plain values, and is not loaded: {error}"
        ) from error


def _replace(path: Path, content: bytes | memoryview) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _to_json(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN: a value that is not finite becomes null."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def _from_json(metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in metrics.items()}


def _plain(value: Any) -> Any:
    """numpy's scalars, which samplers like to return, as plain numbers."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"A configuration must hold plain values, but it holds {value!r}.")

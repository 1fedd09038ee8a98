"""A checkpoint directory: what a trial needs to go on, its best weights, and what a person wants to
know.

    last.pt          model, optimizer, epoch, seed
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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_FORMAT = 1
_LAST, _BEST, _SUMMARY = "last.pt", "best.pt", "checkpoint.json"


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the message names it and says why."""


class CorruptCheckpointError(CheckpointError):
    """A checkpoint is incomplete or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The content of a checkpoint directory."""

    state: Mapping[str, Any]
    """A loop's `state_dict()`: model, optimizer, epoch, seed."""
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
        "format": _FORMAT,
        "epoch": checkpoint.state["epoch"],
        "metrics": _to_json(checkpoint.metrics),
        "best_epoch": checkpoint.best_epoch,
        "best_metrics": _to_json(checkpoint.best_metrics),
        "configuration": dict(checkpoint.configuration),
        "files": files,
    }
    text = json.dumps(summary, indent=1, default=_plain, allow_nan=False)
    _replace(directory / _SUMMARY, text.encode())


def read_checkpoint(
    directory: str | Path, *, device: torch.device | str = "cpu", training_state: bool = True
) -> Checkpoint:
    """Read a checkpoint directory, with torch's weights-only loading: no code in it is ever run.

    Args:
        directory: what `write_checkpoint` wrote.
        device: where the tensors go.
        training_state: False leaves `state` with the epoch alone, for a reader of the best weights.

    Raises CorruptCheckpointError when a file is missing, cut short or altered, CheckpointError when
    the checkpoint has a format this version does not know.
    """
    directory = Path(directory)
    summary = _read_summary(directory)
    state: Mapping[str, Any] = {"epoch": summary["epoch"]}
    if training_state:
        state = _read_tensors(directory / _LAST, summary, device)
    best = None
    if summary["best_epoch"] is not None:
        best = _read_tensors(directory / _BEST, summary, device)["model"]
    return Checkpoint(
        state=state,
        configuration=summary["configuration"],
        metrics=_from_json(summary["metrics"]),
        best_epoch=summary["best_epoch"],
        best_metrics=_from_json(summary["best_metrics"]),
        best_weights=best,
    )


def _read_summary(directory: Path) -> dict[str, Any]:
    path = directory / _SUMMARY
    try:
        summary = json.loads(path.read_bytes())
        version = summary["format"]
    except FileNotFoundError as error:
        raise CorruptCheckpointError(
            f"{directory} is no complete checkpoint: it has no {_SUMMARY}."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptCheckpointError(f"{path} is damaged: {error}.") from error
    if version != _FORMAT:
        raise CheckpointError(
            f"{directory} must be a checkpoint of format {_FORMAT}, but it has format {version}: "
            "it was written by another version of Caviar."
        )
    missing = {"epoch", "metrics", "best_epoch", "best_metrics", "configuration", "files"}
    missing -= summary.keys()
    if missing:
        raise CorruptCheckpointError(f"{path} is damaged: it lacks {', '.join(sorted(missing))}.")
    return dict(summary)


def _read_tensors(path: Path, summary: dict[str, Any], device: torch.device | str) -> Any:
    noted = summary["files"].get(path.name)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise CorruptCheckpointError(f"{path.parent} lacks {path.name}.") from error
    if noted is None or hashlib.sha256(content).hexdigest() != noted["sha256"]:
        expected = "no such file" if noted is None else f"{noted['bytes']:,} bytes"
        raise CorruptCheckpointError(
            f"{path} is damaged or cut short: it has {len(content):,} bytes, and its SHA-256 is "
            f"not the one noted in {_SUMMARY} ({expected})."
        )
    return torch.load(io.BytesIO(content), map_location=device, weights_only=True)


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

"""What a checkpoint directory says about itself, read without torch.

The driver of a sweep looks for the newest whole checkpoint; importing torch for that costs a
second.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

FORMAT = 1
NAME = "checkpoint.json"


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the message names it and says why."""


class CorruptCheckpointError(CheckpointError):
    """A checkpoint is incomplete or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of `checkpoint.json`; metrics that were not finite are None."""

    epoch: int
    """Epochs trained."""
    metrics: dict[str, float | None]
    """Metrics of the last epoch; empty before the first."""
    best_epoch: int | None
    """The best epoch, from 1; None before the first."""
    best_metrics: dict[str, float | None]
    """Metrics of the best epoch."""
    configuration: dict[str, Any]
    """The hyperparameters it was trained with."""
    files: dict[str, dict[str, Any]]
    """File name to its size (`bytes`) and `sha256`."""


class Folder(Protocol):
    """What is asked of a directory of a checkpoint, or of a file in it, wherever it lies."""

    def __truediv__(self, name: str) -> Self: ...

    def read_bytes(self) -> bytes:
        """The content; FileNotFoundError where there is none."""

    def is_file(self) -> bool:
        """Whether it is a file."""

    def size(self) -> int:
        """Its bytes."""


def read_manifest(directory: str | Path | Folder) -> Manifest:
    """Read a checkpoint's manifest and check that its files have the sizes noted there.

    Raises CorruptCheckpointError when something is missing, cut short or unreadable,
    CheckpointError when the checkpoint has a format this version does not know.
    """
    directory = Path(directory) if isinstance(directory, str) else directory
    path = directory / NAME
    try:
        content = json.loads(path.read_bytes())
        version = content.pop("format")
    except FileNotFoundError as error:
        raise CorruptCheckpointError(
            f"{directory} is no complete checkpoint: it has no {NAME}."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptCheckpointError(f"{path} is damaged: {error}.") from error
    if version != FORMAT:
        raise CheckpointError(
            f"{directory} must be a checkpoint of format {FORMAT}, but it has format {version}: "
            "it was written by another version of Caviar."
        )
    try:
        manifest = Manifest(**content)
    except TypeError as error:
        raise CorruptCheckpointError(f"{path} is damaged: {error}.") from error
    for name, noted in manifest.files.items():
        file = directory / name
        if not file.is_file():
            raise CorruptCheckpointError(f"{directory} lacks {name}.")
        size = file.stat().st_size if isinstance(file, Path) else file.size()
        if size != noted["bytes"]:
            raise CorruptCheckpointError(
                f"{file} is cut short: it has {size:,} bytes where {NAME} notes {noted['bytes']:,}."
            )
    return manifest


def is_altered(directory: Path, manifest: Manifest) -> bool:
    """Whether a file of a checkpoint has another SHA-256 than the one noted there.

    A power cut can leave a file of the right size with zeros in it. All files are read, a piece at
    a time.
    """
    for name, noted in manifest.files.items():
        with (directory / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != noted["sha256"]:
                return True
    return False

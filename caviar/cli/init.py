"""`caviar init`: a small project that runs at once: a trainable, a space, a recipe, a test."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from caviar.base.errors import UsageError

_TEMPLATES = Path(__file__).with_name("new_project")


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "init",
        help="write a small project: a model, its space, a sweep, a test",
        description="Write a small project that runs at once, to make yours of.",
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where it goes")
    parser.set_defaults(run=_init)


def _init(asked: argparse.Namespace) -> int:
    folder: Path = asked.folder
    files = sorted(_TEMPLATES.glob("*.py"))
    there = [file.name for file in files if (folder / file.name).exists()]
    if there:
        raise UsageError(
            f"{folder} has {' and '.join(there)} already, which would be lost: "
            "choose another folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            (folder / file.name).write_text(file.read_text())
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be written ({error.strerror}): choose another one."
        ) from error
    for file in files:
        print(f"{folder / file.name}: {_first_line(file)}")
    print(f"\ncd {shlex.quote(str(folder))} && python sweep.py")
    return 0


def _first_line(file: Path) -> str:
    return file.read_text().split('"""')[1].partition("\n")[0]

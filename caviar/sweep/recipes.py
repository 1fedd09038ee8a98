"""The recipes by name: the scripts of the folder `pipelines`, which are loaded from their files.

They are never imported as a package: a folder `pipelines` of the user's may come first there.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path

from caviar.base.errors import UsageError, did_you_mean
from caviar.sweep.sweep import Sweep

FOLDER = Path(__file__).parents[2] / "pipelines"
_NAMES = {"caviar_strategy": "caviar"}
"""Recipes with another name than their file: caviar.py would hide the package from all scripts."""


@functools.cache
def files() -> dict[str, Path]:
    """The script of each recipe, by name."""
    found = sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")
    return dict(sorted((_NAMES.get(path.stem, path.stem), path) for path in found))


def summaries() -> dict[str, str]:
    """The recipes by name, each with the first line of its docstring. Nothing is run."""
    return {
        name: (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        for name, path in files().items()
    }


@functools.cache
def load(name: str) -> Sweep:
    """The sweep of a recipe; raises `UsageError` for an unknown name."""
    known = files()
    if name not in known:
        raise UsageError(
            f"There is no recipe {name!r}; there are {', '.join(known)}."
            + did_you_mean(name, known)
        )
    spec = importlib.util.spec_from_file_location(f"_caviar_recipe_{name}", known[name])
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{known[name]} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sweep: Sweep = module.SWEEP
    return sweep

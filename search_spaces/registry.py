"""Spaces by name: the built-in ones, and anybody's by `module.path:attribute`.

A space may depend on the sizes of the data: it is then given by a function that takes `inputs` and
`outputs`, as `mlp_heaton` is.
"""

import importlib
import inspect
import itertools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search_spaces.documented import documents
from search_spaces.documented.cnn import cnn
from search_spaces.documented.mlp import mlp, mlp_heaton
from search_spaces.documented.resnet import resnet
from search_spaces.space import SearchSpace
from search_spaces.text import did_you_mean

_BUILT_IN: dict[str, Callable[..., SearchSpace]] = {
    "mlp": mlp,
    "mlp_heaton": mlp_heaton,
    "cnn": cnn,
    "resnet": resnet,
    "abs": documents.abs_table,
    "art": documents.art,
    "kt": documents.kt,
    "ng": documents.ng,
}
_SIZES = frozenset({"inputs", "outputs"})
_NOT_THEIRS = (
    *(Path(__file__).parents[1] / name for name in ("caviar", "search_spaces", "trainables")),
    Path(importlib.__file__).parent,
)


def names() -> list[str]:
    """The names of the built-in spaces."""
    return list(_BUILT_IN)


def summary(name: str) -> str:
    """One line on what a built-in space is.

    >>> summary("resnet")
    'A residual network for 32×32 images, with its optimizer and schedule.'
    """
    return (inspect.getdoc(_BUILT_IN[name]) or "").partition("\n")[0]


def depends_on_data(name: str) -> bool:
    """Whether the space of a name takes the sizes of the data; ValueError as from `get`.

    >>> depends_on_data("mlp"), depends_on_data("mlp_heaton")
    (False, True)
    """
    found = _find(name)
    return not isinstance(found, SearchSpace) and set(inspect.signature(found).parameters) >= _SIZES


def get(name: str, *, inputs: int | None = None, outputs: int | None = None) -> SearchSpace:
    """The space of a name, or of `module.path:attribute`: a SearchSpace, or a function giving one.

    inputs, outputs: the numbers in one row of the data and its classes, for a space that depends on
    them; both or neither. Raises ValueError, with the nearest name, when there is no such space.

    >>> get("mlp").names[:3]
    ('learning_rate', 'momentum', 'batch_size')
    >>> get("mlp_heaton", inputs=64, outputs=10)["units_1"].default
    53
    """
    if (inputs is None) != (outputs is None):
        raise ValueError(f"give both sizes or neither, got inputs={inputs} and outputs={outputs}")
    if inputs is not None and not depends_on_data(name):
        dependent = [built_in for built_in in _BUILT_IN if depends_on_data(built_in)]
        raise ValueError(
            f"space {name!r} does not depend on the sizes of the data, got inputs={inputs} and "
            f"outputs={outputs}: leave them out (built in, {' and '.join(dependent)} do)"
        )
    found = _find(name)
    if isinstance(found, SearchSpace):
        return found
    sizes = {} if inputs is None else {"inputs": inputs, "outputs": outputs}
    return found(**sizes) if name in _BUILT_IN else _made(name, found, sizes)


def _find(name: str) -> SearchSpace | Callable[..., Any]:
    if not isinstance(name, str):
        raise ValueError(f"a space is named by a text, got {name!r}")
    if ":" in name:
        return _users(name)
    if name not in _BUILT_IN:
        near = did_you_mean(name, _BUILT_IN)
        built_in = f"built in: {', '.join(_BUILT_IN)}; " if near.startswith("did") else ""
        raise ValueError(
            f"no space is named {name!r}: {near} ({built_in}your own: module.path:attribute)"
        )
    return _BUILT_IN[name]


def _users(path: str) -> SearchSpace | Callable[..., Any]:
    module_name, _, attribute = path.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), attribute]):
        raise ValueError(f"a space of your own is module.path:attribute, got {path!r}")
    if not any(entry in ("", os.getcwd()) for entry in sys.path):
        sys.path.insert(0, os.getcwd())  # as `python -m` does; a console script does not
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ValueError(
                f"no module {error.name!r} for the space {path!r}: looked in {os.getcwd()} and "
                "where Python finds packages"
            ) from None
        raise failed(f"the module of the space {path!r} cannot be imported", error) from error
    except Exception as error:
        raise failed(f"the module of the space {path!r} cannot be imported", error) from error
    found = getattr(module, attribute, None)
    if found is None:
        public = [key for key in vars(module) if not key.startswith("_")]
        raise ValueError(
            f"module {module_name!r} has no {attribute!r}: {did_you_mean(attribute, public)}"
        )
    if not isinstance(found, SearchSpace) and not inspect.isfunction(found):
        raise _no_space(path, type(found).__name__)
    return found


def _made(path: str, function: Callable[..., Any], sizes: dict[str, Any]) -> SearchSpace:
    """What a user's function gives."""
    needs = {
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    if needs - _SIZES:
        raise _no_space(path, f"one that needs {', '.join(sorted(needs))}")
    if needs - set(sizes):
        raise ValueError(
            f"{path} needs the sizes of the data, got none: give inputs, the numbers in one row, "
            "and outputs, the classes"
        )
    try:
        space = function(**sizes)
    except Exception as error:
        raise failed(f"{path} could not be called", error) from error
    if not isinstance(space, SearchSpace):
        raise _no_space(path, f"one that gives {type(space).__name__}")
    return space


def _no_space(path: str, got: str) -> ValueError:
    return ValueError(
        f"{path} must be a SearchSpace, or a function that gives one and takes nothing but the "
        f"inputs and outputs of the data, got {got}"
    )


def failed(what: str, error: Exception) -> ValueError:
    """What a user's own code raised, and its line there."""
    why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    frames = itertools.dropwhile(_not_theirs, traceback.extract_tb(error.__traceback__))
    theirs = list(itertools.takewhile(lambda frame: not _not_theirs(frame), frames))
    place = f" ({theirs[-1].filename}, line {theirs[-1].lineno})" if theirs else ""
    return ValueError(f"{what}: {why}{place}")


def _not_theirs(frame: traceback.FrameSummary) -> bool:
    """Of Caviar, of the import system, or of a dataclass's generated code."""
    place = Path(frame.filename)
    return frame.filename.startswith("<") or any(map(place.is_relative_to, _NOT_THEIRS))

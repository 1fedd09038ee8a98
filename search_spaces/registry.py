"""Spaces by name: the built-in ones, and anybody's by `module.path:attribute`."""

import importlib
import os
import sys
from collections.abc import Callable

from search_spaces import documents
from search_spaces.cnn import cnn
from search_spaces.mlp import mlp
from search_spaces.resnet import resnet
from search_spaces.space import SearchSpace
from search_spaces.text import did_you_mean


def _mlp_heaton() -> SearchSpace:
    return mlp(inputs=784, outputs=10)


_BUILT_IN: dict[str, Callable[[], SearchSpace]] = {
    "mlp": mlp,
    "mlp_heaton": _mlp_heaton,
    "cnn": cnn,
    "resnet": resnet,
    "abs": documents.abs_table,
    "art": documents.art,
    "kt": documents.kt,
    "ng": documents.ng,
}


def names() -> list[str]:
    """The names of the built-in spaces."""
    return list(_BUILT_IN)


def get(name: str) -> SearchSpace:
    """The space of a name, or of `module.path:attribute`: a SearchSpace, or a function giving one.

    Raises ValueError, with the nearest name, when there is none.

    >>> get("mlp").names[:3]
    ('learning_rate', 'momentum', 'batch_size')
    """
    if ":" in name:
        return _user_space(name)
    if name not in _BUILT_IN:
        raise ValueError(
            f"no space is named {name!r}: {did_you_mean(name, _BUILT_IN)} "
            f"(built in: {', '.join(_BUILT_IN)}; your own: module.path:attribute)"
        )
    return _BUILT_IN[name]()


def _user_space(path: str) -> SearchSpace:
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
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
        raise ValueError(f"the module of the space {path!r} cannot be imported: {error}") from error
    found = getattr(module, attribute, None)
    if found is None:
        public = [key for key in vars(module) if not key.startswith("_")]
        raise ValueError(
            f"module {module_name!r} has no {attribute!r}: {did_you_mean(attribute, public)}"
        )
    space = found() if callable(found) else found
    if not isinstance(space, SearchSpace):
        raise ValueError(
            f"{path} must be a SearchSpace or a function without arguments that gives one, got "
            f"{type(space).__name__}"
        )
    return space

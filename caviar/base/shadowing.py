"""Whether a folder of the user's hides one of the packages that belong to Caviar."""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path

_HERE = Path(__file__).resolve().parents[2]
_PACKAGES = ("search_spaces", "trainables")


def check() -> None:
    """Raise `ImportError`, with its path, where a folder hides `search_spaces` or `trainables`.

    Python takes the first package or folder of that name along `sys.path`, and the folder of a
    script, or the working directory, comes before all else.
    """
    for name in _PACKAGES:
        found = PathFinder.find_spec(name)
        if found is None:  # an editable install is found in another way, after all folders
            continue
        places = found.submodule_search_locations or [str(found.origin)]
        hiding = [place for place in places if Path(place).resolve() != _HERE / name]
        if hiding:
            raise ImportError(
                f"{hiding[0]} hides Caviar's package {name!r}, which has the same name: rename it, "
                "or start from another folder."
            )

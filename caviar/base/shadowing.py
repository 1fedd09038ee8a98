"""Whether a folder of the user's hides one of the packages that belong to Caviar."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

_HERE = Path(__file__).resolve().parents[2]
_PACKAGES = ("search_spaces", "trainables")
_COMMAND = "caviar"


def hidden(*first: str) -> str | None:
    """One sentence, with its path, about what hides `search_spaces` or `trainables`; None else.

    Python takes the first package or folder of that name along `sys.path`, and the folder of a
    script, or the working directory, comes before all else.

    Args:
        first: folders that will come before `sys.path`, as the working directory does in Ray's
            workers.
    """
    for name in _PACKAGES:
        found = PathFinder.find_spec(name, [*first, *sys.path])
        if found is None:  # an editable install is found in another way, after all folders
            continue
        places = list(found.submodule_search_locations or [str(found.origin)])
        hiding = [place for place in places if Path(place).resolve() != _HERE / name]
        if hiding:
            return (
                f"{hiding[0]} hides Caviar's package {name!r}, which has the same name: rename it, "
                "or start from another folder."
            )
    return None


def check() -> None:
    """Raise `ImportError` where a package of Caviar's is hidden; the command ends with 2."""
    sentence = hidden()
    if sentence is None:
        return
    if _is_the_command():
        print(f"{_COMMAND}: {sentence}", file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(sentence)


def _is_the_command() -> bool:
    """Whether `caviar` or `python -m caviar` runs, and not a script that imports the library."""
    if sys.argv[0] != "-m":
        return Path(sys.argv[0]).name == _COMMAND
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    return module.partition(".")[0] == _COMMAND

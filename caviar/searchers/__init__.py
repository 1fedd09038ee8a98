"""Who proposes the next configuration: typed options, each of which builds its searcher."""

from caviar.searchers.options import (
    Grid,
    HyperOpt,
    Optuna,
    Parzen,
    QuasiRandom,
    Random,
    SearcherOptions,
)
from caviar.searchers.staged_options import CoarseToFine, ImportanceStaged

__all__ = [
    "CoarseToFine",
    "Grid",
    "HyperOpt",
    "ImportanceStaged",
    "Optuna",
    "Parzen",
    "QuasiRandom",
    "Random",
    "SearcherOptions",
]

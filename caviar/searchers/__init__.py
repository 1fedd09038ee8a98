"""Who suggests the next configuration: a searcher a file, with its typed options."""

from caviar.searchers.base import SearcherOptions
from caviar.searchers.coarse_to_fine import CoarseToFine
from caviar.searchers.grid import Grid
from caviar.searchers.hyperopt_searcher import HyperOpt
from caviar.searchers.importance_staged import ImportanceStaged
from caviar.searchers.optuna_searcher import Optuna
from caviar.searchers.parzen import Parzen
from caviar.searchers.quasi_random import QuasiRandom
from caviar.searchers.random import Random

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

"""The engine: what a recipe combines. Importing it imports neither Ray nor torch."""

from pipelines.engine.command_line import main
from pipelines.engine.errors import UsageError
from pipelines.engine.runner import Result, run
from pipelines.engine.schedulers import Asha, HyperBand, Median, NoStopping, Panda, Pbt
from pipelines.engine.searchers import (
    CoarseToFine,
    Grid,
    HyperOpt,
    ImportanceStaged,
    Optuna,
    Parzen,
    QuasiRandom,
    Random,
)
from pipelines.engine.sweep import Sweep

__all__ = [
    "Asha",
    "CoarseToFine",
    "Grid",
    "HyperBand",
    "HyperOpt",
    "ImportanceStaged",
    "Median",
    "NoStopping",
    "Optuna",
    "Panda",
    "Parzen",
    "Pbt",
    "QuasiRandom",
    "Random",
    "Result",
    "Sweep",
    "UsageError",
    "main",
    "run",
]

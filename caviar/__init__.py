"""Caviar: hyperparameter sweeps of torch models on Ray.

    from caviar import Choice, Float, SearchSpace, Sweep, TorchTrainable, run

This page is the whole public interface. A name is imported when it is first used: `import caviar`
imports neither Ray nor torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from caviar.base import shadowing

shadowing.check()

if TYPE_CHECKING:
    from caviar.base.errors import UsageError
    from caviar.base.objective import Objective
    from caviar.driver.command_line import main
    from caviar.driver.runner import Result, run
    from caviar.ray.tune_searcher import TuneSearcher
    from caviar.schedulers import Asha, HyperBand, Median, NoStopping, Panda, Pbt, SchedulerOptions
    from caviar.schedulers.base import Action, Scheduler
    from caviar.searchers import (
        CoarseToFine,
        Grid,
        HyperOpt,
        ImportanceStaged,
        Optuna,
        Parzen,
        QuasiRandom,
        Random,
        SearcherOptions,
    )
    from caviar.searchers.base import Observation, Searcher
    from caviar.store.experiments import Experiment
    from caviar.store.experiments import find as load
    from caviar.sweep.sweep import Sweep
    from search_spaces import (
        AllOf,
        AtLeast,
        AtMost,
        Choice,
        Fixed,
        Float,
        Int,
        Is,
        OneOf,
        SearchSpace,
    )
    from trainables import (
        CNNTrainable,
        EstimatorTrainable,
        GeneratorTrainable,
        LoopTrainable,
        ResNetTrainable,
        TorchTrainable,
    )

_HOMES = {
    # running a sweep, and reading one back
    "Sweep": "caviar.sweep.sweep",
    "run": "caviar.driver.runner",
    "Result": "caviar.driver.runner",
    "main": "caviar.driver.command_line",
    "load": "caviar.store.experiments:find",
    "Experiment": "caviar.store.experiments",
    "UsageError": "caviar.base.errors",
    # who suggests the next configuration
    "CoarseToFine": "caviar.searchers",
    "Grid": "caviar.searchers",
    "HyperOpt": "caviar.searchers",
    "ImportanceStaged": "caviar.searchers",
    "Optuna": "caviar.searchers",
    "Parzen": "caviar.searchers",
    "QuasiRandom": "caviar.searchers",
    "Random": "caviar.searchers",
    # which trials continue
    "Asha": "caviar.schedulers",
    "HyperBand": "caviar.schedulers",
    "Median": "caviar.schedulers",
    "NoStopping": "caviar.schedulers",
    "Panda": "caviar.schedulers",
    "Pbt": "caviar.schedulers",
    # a searcher, a scheduler of your own
    "Searcher": "caviar.searchers.base",
    "SearcherOptions": "caviar.searchers",
    "Observation": "caviar.searchers.base",
    "Scheduler": "caviar.schedulers.base",
    "SchedulerOptions": "caviar.schedulers",
    "Action": "caviar.schedulers.base",
    "Objective": "caviar.base.objective",
    # what is searched
    "SearchSpace": "search_spaces",
    "Float": "search_spaces",
    "Int": "search_spaces",
    "Choice": "search_spaces",
    "Fixed": "search_spaces",
    "Is": "search_spaces",
    "OneOf": "search_spaces",
    "AtLeast": "search_spaces",
    "AtMost": "search_spaces",
    "AllOf": "search_spaces",
    # how one configuration is trained
    "TorchTrainable": "trainables",
    "CNNTrainable": "trainables",
    "ResNetTrainable": "trainables",
    "GeneratorTrainable": "trainables",
    "EstimatorTrainable": "trainables",
    "LoopTrainable": "trainables",
    # the searchers in a `tune.Tuner` of your own
    "TuneSearcher": "caviar.ray.tune_searcher",
}
"""The module of each public name; `module:name` where it has another name there."""

__all__ = [
    "Action",
    "AllOf",
    "Asha",
    "AtLeast",
    "AtMost",
    "CNNTrainable",
    "Choice",
    "CoarseToFine",
    "EstimatorTrainable",
    "Experiment",
    "Fixed",
    "Float",
    "GeneratorTrainable",
    "Grid",
    "HyperBand",
    "HyperOpt",
    "ImportanceStaged",
    "Int",
    "Is",
    "LoopTrainable",
    "Median",
    "NoStopping",
    "Objective",
    "Observation",
    "OneOf",
    "Optuna",
    "Panda",
    "Parzen",
    "Pbt",
    "QuasiRandom",
    "Random",
    "ResNetTrainable",
    "Result",
    "Scheduler",
    "SchedulerOptions",
    "SearchSpace",
    "Searcher",
    "SearcherOptions",
    "Sweep",
    "TorchTrainable",
    "TuneSearcher",
    "UsageError",
    "load",
    "main",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, there = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(module), there or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOMES)

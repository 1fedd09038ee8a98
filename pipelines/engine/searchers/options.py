"""The typed options of every searcher. Each builds its searcher and only then imports a backend."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.engine.errors import UsageError
from pipelines.engine.records import Mode

if TYPE_CHECKING:
    from pipelines.engine.searchers.base import Searcher
    from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class SearcherOptions(ABC):
    """The options of a searcher, which build it."""

    def check(self, space: SearchSpace) -> None:  # noqa: B027 - most search any space
        """Raise ``UsageError`` where this searcher cannot search ``space``; imports no backend."""

    def planned(self, space: SearchSpace, *, trials: int | None) -> SearcherOptions:
        """These options for a sweep of so many trials (None: of as many as the time allows).

        Raises ``UsageError`` where they need a number and there is none.
        """
        return self

    @abstractmethod
    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher for ``space``; raises ``UsageError`` where the two do not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Random(SearcherOptions):
    """Random search: independent draws, trial n from the seed of the sweep and n alone."""

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from pipelines.engine.searchers.random_searcher import RandomSearcher

        return RandomSearcher(space, mode=mode, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid(SearcherOptions):
    """Grid search: every combination of evenly spaced values, in the order of the space."""

    points: int = 2
    """Values for each numeric parameter, on its scale; a choice contributes all its options."""

    def __post_init__(self) -> None:
        _at_least_one("points", self.points)

    def check(self, space: SearchSpace) -> None:
        """The grid has a size that can be searched."""
        from search_spaces.encoders.grid import grid

        try:
            grid(space, self.points)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from pipelines.engine.searchers.grid_searcher import GridSearcher

        self.check(space)
        return GridSearcher(space, points=self.points, mode=mode, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions(SearcherOptions):
    """What all searchers with a model have in common."""

    startup_trials: int = 16
    """Trials that reach an epoch before the model of that epoch proposes; never fewer than 2."""
    random_share: float = 0.1
    """Of the proposals, those drawn from the whole space whatever the model says."""
    near_default: bool = True
    """Every second of the first ``startup_trials`` is drawn near the default configuration."""
    candidates: int = 24
    """Candidates among which the expected improvement chooses."""

    def __post_init__(self) -> None:
        _at_least_one("startup_trials", self.startup_trials)
        _at_least_one("candidates", self.candidates)
        _share("random_share", self.random_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parzen(ModelOptions):
    """A Parzen model of whole configurations, at the highest epoch that enough trials reached.

    With ``Asha`` the least regret of all pairings on recorded learning curves: at the end a third
    of random search's with Ray's ASHA on smooth curves and a bit over half on noisy ones
    (benchmarks/results/search_quality.md). A model of our own because the bandwidth matters and
    Optuna's is fixed: too narrow for a joint density, see ``parzen.py``.
    """

    good_share: float = 0.1
    """Of the trials at that epoch, those that count as good; 25 trials at most."""
    width: float = 0.3
    """Bandwidth of the kernel of a single trial, in units of a parameter's range."""

    def __post_init__(self) -> None:
        # By name: a dataclass with slots is another class than the one that super() knows.
        ModelOptions.__post_init__(self)
        _share("good_share", self.good_share)
        if not 0 < self.width <= 1:
            raise UsageError(f"width must lie above 0 and at most at 1, and it is {self.width}.")

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from pipelines.engine.searchers.parzen_searcher import ParzenSearcher

        return ParzenSearcher(space, options=self, mode=mode, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optuna(ModelOptions):
    """Optuna's Tree-structured Parzen Estimator (Bergstra et al. 2011), one model a parameter.

    Optuna 5 turned on ``multivariate`` and ``constant_liar``; together with early stopping that
    narrows too soon (worse than random search with the same scheduler), so both are off here. The
    model sees the trials of one epoch, the highest that enough of them have reached.
    """

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from pipelines.engine.searchers.optuna_searcher import OptunaSearcher

        return OptunaSearcher(space, options=self, mode=mode, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperOpt(ModelOptions):
    """HyperOpt's Tree-structured Parzen Estimator (Bergstra et al. 2013)."""

    gamma: float = 0.5
    """The share of the trials, in units of their square root, that count as good."""

    def __post_init__(self) -> None:
        ModelOptions.__post_init__(self)
        if not 0 < self.gamma <= 1:
            raise UsageError(f"gamma must lie above 0 and at most at 1, and it is {self.gamma}.")

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from pipelines.engine.searchers.hyperopt_searcher import HyperOptSearcher

        return HyperOptSearcher(space, options=self, mode=mode, seed=seed)


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise UsageError(f"{name} must be at least 1, and it is {value}.")


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"{name} must lie in 0 … 1, and it is {value}.")

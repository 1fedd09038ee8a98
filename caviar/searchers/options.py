"""The typed options of every searcher. Each builds its searcher and only then imports a backend."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Literal

from caviar.base.errors import UsageError
from caviar.base.trial import Mode

if TYPE_CHECKING:
    from caviar.searchers.base import Searcher
    from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class SearcherOptions(ABC):
    """The options of a searcher, which build it."""

    learns: ClassVar[bool] = False
    """Whether results change what it suggests: a scheduler that asks for no more than the first
    configurations has no use for it."""

    def check(self, space: SearchSpace) -> None:  # noqa: B027 - most search any space
        """Raise `UsageError` where this searcher cannot search `space`; imports no backend."""

    def planned(self, space: SearchSpace, *, trials: int | None) -> SearcherOptions:
        """These options for a sweep of so many trials (None: of as many as the time allows).

        Raises `UsageError` where they need a number and there is none.
        """
        return self

    @abstractmethod
    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher for `space`; raises `UsageError` where the two do not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Random(SearcherOptions):
    """Random search: independent draws, trial n from the seed of the sweep and n alone."""

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from caviar.searchers.random import RandomSearcher

        return RandomSearcher(space, mode=mode, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuasiRandom(SearcherOptions):
    """Quasi-random search: scrambled Sobol points, which leave no part of the space out.

    Random draws fall together here and leave gaps there; these fill the space evenly, so that a
    few dozen trials cover each parameter's range. Trial n is the n-th point of the sequence that
    belongs to the seed. Any space will do: a choice takes an even share of an axis for each option,
    and a parameter that takes no part is left out.
    """

    def check(self, space: SearchSpace) -> None:
        """The sequence has an axis for every parameter."""
        most = 21_201  # what the direction numbers of Joe and Kuo (2008) are known for
        if len(space.searched) > most:
            raise UsageError(
                f"A Sobol sequence has {most:,} axes at most, and {space.name!r} searches "
                f"{len(space.searched):,} parameters: use random search."
            )

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from caviar.searchers.quasi_random import QuasiRandomSearcher

        self.check(space)
        return QuasiRandomSearcher(space, mode=mode, seed=seed)


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
        from caviar.searchers.grid import GridSearcher

        self.check(space)
        return GridSearcher(space, points=self.points, mode=mode, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions(SearcherOptions):
    """What all searchers with a model have in common."""

    learns: ClassVar[bool] = True

    startup_trials: int = 16
    """Trials that reach an epoch before the model of that epoch proposes; never fewer than 2."""
    random_share: float = 0.1
    """Of the proposals, those drawn from the whole space whatever the model says."""
    near_default: bool = True
    """Every second of the first `startup_trials` is drawn near the default configuration."""
    candidates: int = 24
    """Candidates among which the expected improvement chooses."""

    def __post_init__(self) -> None:
        _at_least_one("startup_trials", self.startup_trials)
        _at_least_one("candidates", self.candidates)
        _share("random_share", self.random_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parzen(ModelOptions):
    """A Parzen model of whole configurations, at the highest epoch that enough trials reached.

    With `Asha` two fifths of the regret of random search with Ray's ASHA on recorded learning
    curves at the end where they are smooth, and half of it where they are noisy
    (benchmarks/results/search_quality.md). A model of our own because the bandwidth matters and
    Optuna's is fixed: too narrow for a joint density, see `parzen.py`.
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
        from caviar.searchers.parzen import ParzenSearcher

        return ParzenSearcher(space, options=self, mode=mode, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optuna(ModelOptions):
    """Optuna's samplers: the Tree-structured Parzen Estimator (Bergstra et al. 2011), one model a
    parameter; Gaussian processes; or CMA-ES.

    Optuna 5 turned on `multivariate` and `constant_liar`; together with early stopping that
    narrows too soon (worse than random search with the same scheduler), so both are off here. The
    model sees the trials of one epoch, the highest that enough of them have reached; tpe also some
    of those that were stopped before it, as pruned.
    """

    sampler: Literal["tpe", "gp", "cmaes"] = "tpe"
    """gp is for few and long trials: it models 60 at most; cmaes is for smooth spaces of numbers.
    Both leave parameters with a condition to tpe, and cmaes choices too."""

    def check(self, space: SearchSpace) -> None:
        """The sampler has something to work on in this space, and its package is installed."""
        if self.sampler == "tpe":
            return
        shared = [p for p in space.searched if p.when is None]
        if self.sampler == "gp" and not shared:
            raise UsageError(
                f"A Gaussian process needs a parameter that always takes part, and {space.name!r} "
                "has none: take --searcher.sampler tpe."
            )
        if self.sampler == "cmaes":
            numbers = [p.name for p in shared if not hasattr(p, "options")]
            if len(numbers) < 2:
                raise UsageError(
                    "CMA-ES needs two numbers or more that always take part, and "
                    f"{space.name!r} has {', '.join(numbers) or 'none'}: "
                    "take --searcher.sampler tpe."
                )
            if find_spec("cmaes") is None:
                raise UsageError(
                    "--searcher.sampler cmaes needs the package cmaes: "
                    "pip install 'caviar-tune[cmaes]'"
                )

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from caviar.searchers.optuna_searcher import OptunaSearcher

        self.check(space)
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
        from caviar.searchers.hyperopt_searcher import HyperOptSearcher

        return HyperOptSearcher(space, options=self, mode=mode, seed=seed)


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise UsageError(f"{name} must be at least 1, and it is {value}.")


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"{name} must lie in 0 … 1, and it is {value}.")

"""The typed options of every scheduler, each of which builds it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from caviar.base.errors import UsageError
from caviar.base.options import Options
from caviar.schedulers.asha import AsyncHalving
from caviar.schedulers.base import Scheduler
from caviar.schedulers.hyperband import SynchronousHyperBand
from caviar.schedulers.median import MedianStopping
from caviar.schedulers.no_stopping import FullFidelity
from caviar.schedulers.pbt import PopulationBased
from caviar.schedulers.perturbation import CHANGEABLE, Perturb, changeable
from caviar.schedulers.promotion import PromotedHalving
from caviar.schedulers.rungs import rungs
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerOptions(Options, ABC):
    """The options of a scheduler, which build it."""

    part: ClassVar[str] = "scheduler"

    forks: ClassVar[bool] = False
    """Whether a trial may continue from the checkpoint of another one: a trainable has to hold what
    was trained."""
    one_model: ClassVar[bool] = False
    """Whether it trains one model along its whole way: a night continues that of the last one."""

    def check(self, space: SearchSpace, *, trials: int | None, learner: str | None) -> None:
        """Refuse a sweep in which it would never do its work.

        Args:
            space: What is searched.
            trials: How many trials are asked for; None for as many as the time allows.
            learner: The name of the searcher where that learns from results, else None.

        Raises:
            UsageError: The reason, and what to change.
        """

    @abstractmethod
    def build(self, *, max_epochs: int, seed: int) -> Scheduler:
        """The scheduler; raises `UsageError` where the options and `max_epochs` do not fit."""

    def judges_at(self, max_epochs: int) -> tuple[int, ...]:
        """The epochs at which a trial may be stopped, rising; none where none ever is."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoStopping(SchedulerOptions):
    """Every trial trains to the last epoch."""

    def build(self, *, max_epochs: int, seed: int) -> Scheduler:
        """The scheduler."""
        return FullFidelity(max_epochs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asha(SchedulerOptions):
    """Asynchronous successive halving (ASHA, Li et al. 2018): stopping, or promotion."""

    min_epochs: int = 1
    """Epochs before a trial is judged first (the grace period)."""
    reduction_factor: int = 3
    """η: about one trial in η goes on beyond a rung."""
    quota: bool = True
    """No more than one in η goes on; else all that reach the best 1/η of those before them, which
    nearly every trial of a searcher that improves does."""
    promote: bool = False
    """Trials pause at each rung, and the best 1/η go on as it turns out who they are; else a trial
    is stopped there or not, once. Each pause costs a checkpoint. On recorded curves better on
    smooth ones and worse on noisy ones."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        self.at_least(1, "min_epochs")
        self.at_least(2, "reduction_factor")

    def build(self, *, max_epochs: int, seed: int) -> Scheduler:
        """The scheduler."""
        _first_rung(self.min_epochs, max_epochs)
        if self.promote:
            return PromotedHalving(
                min_epochs=self.min_epochs, max_epochs=max_epochs, factor=self.reduction_factor
            )
        return AsyncHalving(
            min_epochs=self.min_epochs,
            max_epochs=max_epochs,
            factor=self.reduction_factor,
            brackets=1,
            seed=seed,
            quota=self.quota,
        )

    def judges_at(self, max_epochs: int) -> tuple[int, ...]:
        """The rungs."""
        return rungs(self.min_epochs, max_epochs, self.reduction_factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperBand(SchedulerOptions):
    """HyperBand's brackets (Li et al. 2018), each judged by itself.

    A bracket with a later first rung gives slow starters the epochs that ASHA denies them.
    """

    min_epochs: int = 1
    """The first rung of the most aggressive bracket, in epochs."""
    reduction_factor: int = 3
    """η: about one trial in η goes on beyond a rung."""

    synchronous: bool = False
    """As published: the trials of a bracket pause at a rung until all are there, and the best 1/η
    go on. Else each is judged when it gets there, against those before it."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        self.at_least(1, "min_epochs")
        self.at_least(2, "reduction_factor")

    def build(self, *, max_epochs: int, seed: int) -> Scheduler:
        """The scheduler."""
        _first_rung(self.min_epochs, max_epochs)
        if self.synchronous:
            return SynchronousHyperBand(
                min_epochs=self.min_epochs, max_epochs=max_epochs, factor=self.reduction_factor
            )
        every = len(rungs(self.min_epochs, max_epochs, self.reduction_factor)) + 1
        return AsyncHalving(
            min_epochs=self.min_epochs,
            max_epochs=max_epochs,
            factor=self.reduction_factor,
            brackets=every,
            seed=seed,
        )

    def judges_at(self, max_epochs: int) -> tuple[int, ...]:
        """The rungs of the most aggressive bracket, which are those of all."""
        return rungs(self.min_epochs, max_epochs, self.reduction_factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Median(SchedulerOptions):
    """Median stopping (Golovin et al. 2017, "Google Vizier"): a trial whose best score is below the
    median of the others' running means stops."""

    grace_epochs: int = 3
    """Epochs that every trial trains."""
    min_trials: int = 5
    """Others that must have reached an epoch before a trial is judged there."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        for name, value in (("grace-epochs", self.grace_epochs), ("min-trials", self.min_trials)):
            if value < 1:
                raise UsageError(f"--scheduler.{name} must be at least 1, and it is {value}.")

    def build(self, *, max_epochs: int, seed: int) -> Scheduler:
        """The scheduler."""
        if self.grace_epochs >= max_epochs > 1:
            raise UsageError(
                f"Of {max_epochs} epochs {self.grace_epochs} run in any case, so the median rule "
                "would stop nothing: lower --scheduler.grace-epochs or raise --max-epochs."
            )
        return MedianStopping(grace=self.grace_epochs, least=self.min_trials, max_epochs=max_epochs)

    def judges_at(self, max_epochs: int) -> tuple[int, ...]:
        """Every epoch from the end of the grace on."""
        return tuple(range(self.grace_epochs, max_epochs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pbt(SchedulerOptions):
    """Population based training (Jaderberg et al. 2017). The trials are the population; the forks
    that replace its weakest members come on top."""

    forks: ClassVar[bool] = True

    interval: int = 3
    """Epochs between two comparisons of a member with the others."""
    share: float = 0.2
    """Of the population: so many are weak and replaced, and as many are strong and copied."""
    resample: float = 0.25
    """The probability that a parameter of a fork is drawn anew; else it moves by a fifth."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if self.interval < 1:
            raise UsageError(f"--scheduler.interval must be at least 1, and it is {self.interval}.")
        if not 0 < self.share <= 0.5:
            raise UsageError(
                f"--scheduler.share must lie above 0 and at most at 0.5, and it is {self.share}."
            )
        if not 0 <= self.resample <= 1:
            raise UsageError(f"--scheduler.resample must lie in 0 … 1, and it is {self.resample}.")

    def check(self, space: SearchSpace, *, trials: int | None, learner: str | None) -> None:
        """There is a population, some of it is replaced, and something of it can be changed."""
        if learner is not None:
            raise UsageError(
                f"{learner} learns from results, and population based training asks a searcher for "
                "its first members only, before there are any: take Random."
            )
        if trials is None:
            raise UsageError(
                "Population based training needs the size of its population: give it as --trials."
            )
        if math.floor(self.share * trials) < 1:
            raise UsageError(
                f"Of {trials} trials the worst {self.share:g} are none, so population based "
                f"training would replace nobody: ask for {math.ceil(1 / self.share)} --trials or "
                "more, or raise --scheduler.share."
            )
        if not changeable(space):
            raise UsageError(
                f"Population based training changes {', '.join(sorted(CHANGEABLE))}, and the space "
                f"{space.name!r} searches none of them: choose another --space or scheduler."
            )

    def build(self, *, max_epochs: int, seed: int) -> Scheduler:
        """The scheduler."""
        if self.interval >= max_epochs > 1:
            raise UsageError(
                f"Members are compared every {self.interval} epochs and train {max_epochs}, so "
                "nobody would be replaced: lower --scheduler.interval or raise --max-epochs."
            )
        return PopulationBased(
            interval=self.interval,
            share=self.share,
            change=Perturb(resample=self.resample),
            max_epochs=max_epochs,
            seed=seed,
        )

    def judges_at(self, max_epochs: int) -> tuple[int, ...]:
        """The ends of the intervals."""
        return tuple(range(self.interval, max_epochs, self.interval))


def _first_rung(min_epochs: int, max_epochs: int) -> None:
    if min_epochs > max_epochs:
        raise UsageError(
            f"min_epochs must not exceed max_epochs, and they are {min_epochs} and {max_epochs}: "
            "lower --scheduler.min-epochs or raise --max-epochs."
        )

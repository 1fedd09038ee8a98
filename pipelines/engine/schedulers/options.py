"""The typed options of every scheduler, each of which builds it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipelines.engine.errors import UsageError
from pipelines.engine.schedulers.asha import AsyncHalving
from pipelines.engine.schedulers.base import Scheduler
from pipelines.engine.schedulers.full import FullFidelity
from pipelines.engine.schedulers.hyperband import SynchronousHyperBand
from pipelines.engine.schedulers.promotion import PromotedHalving
from pipelines.engine.schedulers.rungs import rungs


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerOptions(ABC):
    """The options of a scheduler, which build it."""

    @abstractmethod
    def build(self, *, max_epochs: int, seed: int) -> Scheduler:
        """The scheduler; raises ``UsageError`` where the options and ``max_epochs`` do not fit."""

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
    is stopped there or not, once. Better by recorded curves; each pause costs a checkpoint."""

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


def _first_rung(min_epochs: int, max_epochs: int) -> None:
    if min_epochs > max_epochs:
        raise UsageError(
            f"min_epochs must not exceed max_epochs, and they are {min_epochs} and {max_epochs}: "
            "lower --scheduler.min-epochs or raise --max-epochs."
        )

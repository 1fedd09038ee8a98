"""Optuna's samplers, on the trials of one epoch at a time. Optuna is imported when one is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from caviar.base.errors import UsageError
from caviar.base.trial import Mode
from caviar.searchers.base import Searcher
from caviar.searchers.fidelity import FidelityLevel
from caviar.searchers.model import ModelOptions, ModelSearcher
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from caviar.searchers.optuna_trial import EndedTrial

_MOST_IN_A_PROCESS = 60
"""Trials in a Gaussian process, beside the best: its cost grows with the cube of their number."""


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
        self.check(space)
        return OptunaSearcher(space, options=self, mode=mode, seed=seed)


class OptunaSearcher(ModelSearcher):
    """Samples on a study in memory: the history on disk is written beside it, not through it.

    The study holds the trials of the level, complete with their score there, and, for the Parzen
    estimator, those that were stopped before it, which Optuna ranks behind them as pruned; it is
    made anew when the level rises or an earlier trial comes in. A trial that diverged or failed
    breaks a constraint: Optuna passes over trials in the state FAIL, so that its model would walk
    back into the region again and again, while a broken constraint ranks behind every other trial,
    and no value has to be invented.
    """

    def __init__(self, space: SearchSpace, *, options: Optuna, mode: Mode, seed: int) -> None:
        import optuna

        super().__init__(space, options=options, mode=mode, seed=seed)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._options = options
        self._study = optuna.create_study(direction="maximize")
        self._shown: list[tuple[int, float | None]] = []
        """The trials in the study and their scores."""
        self._made: dict[int, tuple[float | None, EndedTrial]] = {}
        """The last that was shown of each trial: most are shown many times."""

    def propose(self, level: FidelityLevel, rng: np.random.Generator) -> dict[str, Any]:
        from optuna.trial import TrialState

        from search_spaces.encoders import optuna_encoder

        if self._options.sampler == "gp":
            level = level.thinned(_MOST_IN_A_PROCESS)
        if self._options.sampler != "tpe":
            level = replace(level, stopped=())
        self._show(level)
        # A sampler seeded for this trial: a resumed sweep goes on as the uninterrupted one.
        self._study.sampler = self._sampler(int(rng.integers(2**31)))
        trial = self._study.ask()
        config = optuna_encoder.suggest(self.space, trial)
        # What becomes of it is shown when it has reached the level.
        self._study.tell(trial, state=TrialState.FAIL)
        return config

    def _sampler(self, seed: int) -> BaseSampler:
        from optuna.distributions import CategoricalDistribution
        from optuna.samplers import TPESampler

        from search_spaces.encoders import optuna_encoder

        tpe = TPESampler(
            n_startup_trials=0,
            n_ei_candidates=self._options.candidates,
            multivariate=False,
            constant_liar=False,
            seed=seed,
        )
        if self._options.sampler == "tpe":
            return tpe
        if self._options.sampler == "gp":
            from caviar.searchers.gp_sampler import QuickGPSampler

            return QuickGPSampler(seed=seed, others=tpe)
        from caviar.searchers.cma_sampler import CmaSampler

        always = {
            p.name: optuna_encoder.distribution_of(p) for p in self.space.searched if p.when is None
        }
        numbers = {n: d for n, d in always.items() if not isinstance(d, CategoricalDistribution)}
        return CmaSampler(numbers, tpe, seed=seed)

    def register(self, number: int, config: Mapping[str, Any]) -> None:
        super().register(number, config)
        self._made.pop(number, None)

    def _show(self, level: FidelityLevel) -> None:
        """Bring the study up to this level, its trials in the order of their numbers.

        Whatever order they came in: Optuna weighs later trials more, and a resumed sweep must
        propose what the uninterrupted one would have.
        """
        import optuna

        rows = level.in_order()
        if rows[: len(self._shown)] != self._shown:
            self._shown = []
            self._study = optuna.create_study(direction="maximize")
        new = rows[len(self._shown) :]
        self._study.add_trials([self._trial(number, score) for number, score in new])
        self._shown = rows

    def _trial(self, number: int, score: float | None) -> FrozenTrial:
        from caviar.searchers.optuna_trial import EndedTrial
        from search_spaces.encoders import optuna_encoder

        made = self._made.get(number)
        if made is None or made[0] != score:
            params, distributions = optuna_encoder.to_params(self.space, self.configs[number])
            made = score, EndedTrial.of(params, distributions, score)
            self._made[number] = made
        return made[1]

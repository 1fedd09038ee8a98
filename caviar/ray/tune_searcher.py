"""Our searchers in a `tune.Tuner` of your own: `TuneConfig(search_alg=TuneSearcher(...))`.

    from ray import tune
    import search_spaces
    from caviar import TuneSearcher
    from caviar import Parzen

    searcher = TuneSearcher(
        search_spaces.get("mlp"), Parzen(), metric="val_accuracy", mode="max", seed=0
    )
    tuner = tune.Tuner(train, tune_config=tune.TuneConfig(search_alg=searcher, num_samples=64))

A sweep of ours needs none of this: its controller asks the searcher itself. Wrap it into Ray's
`ConcurrencyLimiter`, or give `max_concurrent_trials`, to have fewer trials at once; Ray's
limiter does not pass on the second end of a trial that was retried, only its results before.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher as RaySearcher

from caviar.base.errors import UsageError
from caviar.base.trial import Mode, Outcome
from caviar.searchers import SearcherOptions
from caviar.searchers.base import Observation, Searcher
from caviar.searchers.suggestions import Suggestions
from search_spaces import SearchSpace

_log = logging.getLogger(__name__)

_EPOCH = "training_iteration"


class TuneSearcher(RaySearcher):
    """One of our searchers behind Ray Tune's interface.

    Suggestions are in natural units and conditional parameters that take no part are absent. What
    Ray reports of a trial is told at the epoch it was reported for, `training_iteration`; a trial
    that ends with an error has failed, one whose last value is not finite has diverged, and the
    searcher stays away from both.

    The state is what happened: which configuration each trial got, its values, how it ended. It is
    saved as JSON and told to a fresh searcher on restore, so `Tuner.restore` goes on, with
    `restart_errored=True` too: what is told last of a trial counts.

    `max_epochs` is where trials end that nobody stops; without it each counts as a whole one.
    `trials` is needed by searchers that go in stages. With `default_first` the first trial runs
    the default configuration of the space.
    """

    def __init__(
        self,
        space: SearchSpace,
        options: SearcherOptions,
        *,
        metric: str,
        mode: Mode,
        seed: int = 0,
        max_epochs: int | None = None,
        trials: int | None = None,
        default_first: bool = True,
    ) -> None:
        if mode not in ("max", "min"):
            raise UsageError(f"mode must be max or min, and it is {mode!r}.")
        super().__init__(metric=metric, mode=mode)
        self._space = space
        self._options = options.planned(space, trials=trials)
        self._options.check(space)
        self._objective: tuple[str, Mode] = (metric, mode)
        self._seed = seed
        self._max_epochs = max_epochs
        self._default_first = default_first
        self._trials: list[_Trial] = []
        self._names: dict[str, int] = {}
        """Ray's name of a trial to its number; a retried trial has two names."""
        self._searcher, self._suggestions = self._fresh()

    def _fresh(self) -> tuple[Searcher, Suggestions]:
        searcher = self._options.build(self._space, mode=self._objective[1], seed=self._seed)
        first = [self._space.default()] if self._default_first else []
        return searcher, Suggestions(searcher, self._space, seed=self._seed, first=first)

    # What Ray asks and tells.

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Refuses a `param_space` with domains: the space is ours. Constants may stay."""
        from ray.tune.search.variant_generator import parse_spec_vars

        _, domains, grids = parse_spec_vars(config)
        ours, goal = self._objective
        same = metric in (None, ours) and mode in (None, goal)
        return same and not domains and not grids

    def suggest(self, trial_id: str) -> Any:
        """The configuration of a new trial; FINISHED when every one has run."""
        config = self._suggestions.next(len(self._trials))
        if config is None:
            return RaySearcher.FINISHED
        self._add(trial_id, config)
        return dict(config)

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """One more epoch of a running trial."""
        trial = self._known(trial_id, result)
        if trial is None:
            return
        epoch, value = self._noted(trial, result)
        trial.outcome = Outcome.RUNNING  # a retried one runs again
        if value is not None and math.isfinite(value):
            self._searcher.report(trial.number, epoch, value)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """The end of a trial. It may come a second time, for a failed one that was retried."""
        trial = self._known(trial_id, result or {})
        if trial is None:
            return
        epoch, value = self._noted(trial, result) if result else (0, None)
        if error:
            trial.outcome = Outcome.FAILED
        elif value is not None and not math.isfinite(value):
            trial.outcome = Outcome.DIVERGED
        elif self._max_epochs is not None and epoch < self._max_epochs:
            trial.outcome = Outcome.STOPPED_EARLY
        else:
            trial.outcome = Outcome.COMPLETED
        self._searcher.observe(trial.number, self._observation(trial))

    def _add(self, trial_id: str, config: Mapping[str, Any]) -> _Trial:
        trial = _Trial(len(self._trials), dict(config))
        self._trials.append(trial)
        self._names[trial_id] = trial.number
        self._suggestions.runs(config)
        return trial

    def _known(self, trial_id: str, result: Mapping[str, Any]) -> _Trial | None:
        """A trial by its name or, as its results have it, by its configuration.

        `Tuner.restore(restart_errored=True)` runs a failed trial again under another name; and of
        a trial that began after the state was saved last, nothing is known here.
        """
        if trial_id in self._names:
            return self._trials[self._names[trial_id]]
        found = {n: v for n, v in _config(result).items() if n in self._space}
        try:
            config = self._space.complete(found)
        except ValueError:
            if result:
                _log.warning(
                    "Trial %s is unknown to the searcher, which learns nothing of it.", trial_id
                )
            return None
        for trial in self._trials:
            if self._space.same(trial.config, config):
                self._names[trial_id] = trial.number
                return trial
        trial = self._add(trial_id, config)
        self._searcher.register(trial.number, config)
        return trial

    def _noted(self, trial: _Trial, result: Mapping[str, Any]) -> tuple[int, float | None]:
        epoch = int(result.get(_EPOCH, len(trial.curve) + 1))
        value = result.get(self._objective[0])
        if value is None:
            return epoch, None
        trial.curve[epoch] = float(value)
        return epoch, float(value)

    def _observation(self, trial: _Trial) -> Observation:
        whole = self._max_epochs or max(trial.curve, default=1)
        return Observation(
            config=trial.config, outcome=trial.outcome, curve=trial.curve, max_epochs=whole
        )

    # Save and restore.

    def get_state(self) -> dict[str, Any]:
        """Everything that happened, as JSON values."""
        return {
            "space": self._space.fingerprint,
            "names": dict(self._names),
            "trials": [
                {
                    "config": trial.config,
                    "curve": list(trial.curve.items()),
                    "outcome": trial.outcome.value,
                }
                for trial in self._trials
            ],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Tell a fresh searcher what happened before; ValueError for another space's state."""
        if state["space"] != self._space.fingerprint:
            raise ValueError(
                f"The state that was saved belongs to another search space than "
                f"{self._space.name!r} as it is now: restore with the space it had."
            )
        self._trials = []
        self._searcher, self._suggestions = self._fresh()
        for said in state["trials"]:
            trial = self._add("", said["config"])
            trial.curve = {int(epoch): float(value) for epoch, value in said["curve"]}
            trial.outcome = Outcome(said["outcome"])
            if trial.outcome is not Outcome.RUNNING:
                self._searcher.observe(trial.number, self._observation(trial))
                continue
            self._searcher.register(trial.number, trial.config)
            for epoch, value in trial.curve.items():
                if math.isfinite(value):
                    self._searcher.report(trial.number, epoch, value)
        self._names = dict(state["names"])

    def save(self, checkpoint_path: str) -> None:
        """Write the state to a file."""
        Path(checkpoint_path).write_text(json.dumps(self.get_state()))

    def restore(self, checkpoint_path: str) -> None:
        """Read it from a file."""
        self.set_state(json.loads(Path(checkpoint_path).read_text()))

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles a searcher with its Tuner; what a backend keeps may not be pickled."""
        rebuilt = ("_searcher", "_suggestions")
        kept = {name: value for name, value in vars(self).items() if name not in rebuilt}
        return kept | {"_happened": self.get_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        happened = state.pop("_happened")
        vars(self).update(state)
        self.set_state(happened)


def _config(result: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration in a result, which Ray may have flattened."""
    prefix = "config/"
    flat = {name[len(prefix) :]: v for name, v in result.items() if name.startswith(prefix)}
    return flat or dict(result.get("config") or {})


class _Trial:
    """A trial of Ray's: its number for the searcher, and what is known of it."""

    def __init__(self, number: int, config: dict[str, Any]) -> None:
        self.number = number
        self.config = config
        self.curve: dict[int, float] = {}
        self.outcome = Outcome.RUNNING

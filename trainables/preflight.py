"""What a sweep asks of a class before its first trial: whether its trials can train at all.

All of it is answered in the process that starts the sweep, from a row of data, and costs no memory
for weights; torch is imported by nothing here.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from trainables.configuration import Hyperparameters
from trainables.options import TrialInfo, TrialOptions

if TYPE_CHECKING:
    from trainables.data import Dataset


class Preflight:
    """The questions, with the answers of a class of which nothing special is known."""

    metrics: ClassVar[tuple[str, ...]] = ("epoch", "epoch_seconds")
    """What a report can hold."""
    needs_validation: ClassVar[bool] = False
    """Whether it cannot train without validation rows."""

    # Written by setup and _start.
    _dataset: Dataset
    _options: TrialOptions
    _trial: TrialInfo

    @classmethod
    def distributes(cls) -> bool:
        """Whether one trial can be trained by several workers."""
        return False

    @classmethod
    def forks(cls) -> bool:
        """Whether a trial can go on from another one's checkpoint, under its own configuration."""
        return True

    @classmethod
    def check_sweep(cls, names: Sequence[str], data: Dataset, options: TrialOptions) -> None:
        """Refuse, before the first trial, a sweep of which every trial would fail.

        Args:
            names: the hyperparameters of the search space.
            data: the data set of the sweep.
            options: what every trial will be given.

        Raises ValueError with a sentence that says what to change.
        """
        if options.workers > 1 and not cls.distributes():
            raise ValueError(
                f"{cls.__name__} trains in one process, and a trial is to have {options.workers} "
                "workers: give it one."
            )
        if options.folds > 1:
            from trainables.data.splits import check_folds

            check_folds(options.folds, len(data.y_train) + len(data.y_val))
        elif options.metric in cls._spreads():
            raise ValueError(
                f"The metric {options.metric} is a spread over folds, and there is 1: set folds to "
                f"2 or more, or take {options.metric.removesuffix('_std')}."
            )

    @classmethod
    def check_reading(
        cls, configurations: Iterable[Mapping[str, Any]], data: Dataset, options: TrialOptions
    ) -> None:
        """Refuse, before the first trial, hyperparameters of the default configuration that nothing
        reads.

        Nothing is refused where `skeleton` cannot tell, or keeps the configuration for later.

        Args:
            configurations: the default one, then others, which are looked at while a name is
                unread: a class may read some names for certain values of others only.
            data: the data set of the sweep.
            options: what every trial will be given.

        Raises ValueError, naming what is not read.
        """
        few = data.first_rows()
        names: list[str] = []
        asked: dict[str, None] = {}
        for values in configurations:
            config = Hyperparameters(values)
            trial = cls._untrained(few, options)
            try:
                built = trial.skeleton(config)
            except Exception:  # noqa: BLE001 - the trial itself will say what is wrong
                return
            if built is None:
                return
            if not names:
                trial.check_config(config)
                names = list(values)
            asked |= dict.fromkeys(config.asked)
            kept = weakref.ref(config)
            del config
            if kept() is not None or asked.keys() >= set(names):
                return
        unread = [name for name in names if name not in asked]
        raise ValueError(
            f"{cls.__name__} does not read the hyperparameter{'s' * (len(unread) > 1)} "
            f"{', '.join(unread)}. It reads {', '.join(sorted(asked))}: drop the rest from the "
            "space, or read it where the trial is built."
        )

    def skeleton(self, config: Mapping[str, Any]) -> Any:
        """What reads the hyperparameters of a trial, built in milliseconds and not trained; None
        where that cannot be told.

        Called in the process that starts the sweep. Of `data` there is one row of each part.
        """
        return None

    @classmethod
    def _untrained(cls, few: Dataset, options: TrialOptions) -> Self:
        """A trial that can build and not train."""
        trial = cls.__new__(cls)
        trial._options, trial._dataset, trial._trial = options, few, TrialInfo()
        return trial

    @classmethod
    def checkpoint_bytes(
        cls, config: Mapping[str, Any], data: Dataset, options: TrialOptions
    ) -> int | None:
        """About how large a checkpoint of this configuration is; None where it cannot be told."""
        return None

    @classmethod
    def largest_checkpoint(
        cls, configs: Iterable[Mapping[str, Any]], data: Dataset, options: TrialOptions
    ) -> int | None:
        """The bytes of the largest checkpoint of some configurations; None where none is known."""
        few = data.first_rows()
        sizes = [cls.checkpoint_bytes(config, few, options) for config in configs]
        return max((size for size in sizes if size is not None), default=None)

    def check_config(self, config: Hyperparameters) -> None:
        """Refuse hyperparameters that were not understood, after `build_loop` has read its own."""

    @classmethod
    def _spreads(cls) -> set[str]:
        """The metrics that only a cross-validation has."""
        return {f"{name}_std" for name in cls.metrics}

"""The class that hands a loop to Ray Tune, whatever it trains.

torch and the loops are imported inside the methods: the driver imports this class only to send it
to its workers, and importing torch there would delay the first result of a sweep by a second.
"""

from __future__ import annotations

import gc
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ray import tune

from trainables import saving
from trainables.checks import one_of
from trainables.configuration import Hyperparameters
from trainables.devices import see_only_what_was_lent
from trainables.options import TrialInfo, TrialOptions, split_config
from trainables.preflight import Preflight

if TYPE_CHECKING:
    from trainables.data import Dataset
    from trainables.loops import Alone, BestEpoch, Loop, Scores
    from trainables.team import Team


class LoopTrainable(Preflight, tune.Trainable, ABC):
    """One step is one epoch of the loop that `build_loop` returns.

    Hand the class to Ray with its data and options, which go through the object store once a node:

        tune.with_parameters(TorchTrainable, data=dataset, options=TrialOptions(max_epochs=9))

    The configuration holds hyperparameters in natural units and, under the reserved key `_trial`,
    what `TrialInfo` describes.

    An actor can run one trial after the other: `reset_config` rebuilds everything, and the same
    trial gives the same numbers in a fresh actor and in a used one.
    """

    # Written by setup and _start.
    _hyperparameters: dict[str, Any]
    _loop: Loop | None = None
    _is_prepared: bool = False
    """Whether `prepare` is done."""
    _best: BestEpoch
    _last: dict[str, Any]
    _end: dict[str, Any] | None
    _fold: int = 0
    """The fold whose loop is built, where `build_loop` is called once a fold."""
    _group: Alone | None = None
    """In a worker, the workers that train one trial together."""
    _team: Team | None = None
    """In a trial's actor, its workers."""

    @abstractmethod
    def build_loop(self, config: Mapping[str, Any], data: Dataset) -> Loop:
        """Build what trains one configuration. Override this.

        The global generators of Python, numpy and torch are seeded with the trial's seed before
        this is called.
        """

    def build(self, config: Mapping[str, Any]) -> Loop:
        """Build the loop of a trial: `build_loop`, once a fold in a cross-validation."""
        from trainables.data.splits import fold_datasets
        from trainables.loops import MeanOfFolds

        options, data = self._options, self._dataset
        if options.folds == 1:
            return self.build_loop(config, data)
        parts = fold_datasets(data, options.folds, options.fold_seed)
        loops = []
        for number, part in enumerate(parts):
            self._fold = number
            loops.append(self.build_loop(config, part))
        return MeanOfFolds(loops)

    def prepare(self) -> None:
        """Once an actor, after `data` and `options` arrived and before its first trial; once more
        where it ran out of memory, which ended that trial."""

    @property
    def trial(self) -> TrialInfo:
        """The trial this actor runs now: its number in the sweep and its seed."""
        return self._trial

    @property
    def data(self) -> Dataset:
        """The data set of the sweep."""
        return self._dataset

    @property
    def options(self) -> TrialOptions:
        """The options that every trial of the sweep shares."""
        return self._options

    def setup(
        self,
        config: dict[str, Any],
        data: Dataset | None = None,
        options: TrialOptions | None = None,
    ) -> None:
        """Take the data over, once an actor, and start its first trial.

        Raises ValueError when data or options are missing, options.metric is not reported, or the
        data is pooled for folds and there are none.
        """
        import torch

        if data is None or options is None:
            raise ValueError(
                f"{type(self).__name__} must get data and options, but got none. Wrap it: "
                "tune.with_parameters(TorchTrainable, data=..., options=TrialOptions(...))."
            )
        self._dataset = data
        self._options = options
        if options.keep == "best":
            if data.is_pooled and options.folds == 1:
                raise ValueError(
                    f"{data.name} is pooled and has no validation rows: set folds to 2 or more, or "
                    "keep to 'last'."
                )
            one_of("metric", options.metric, self.reported)
        if self._validates_nothing and self.needs_validation:
            raise ValueError(
                f"{type(self).__name__} validates by itself and needs validation rows, but "
                f"{data.name} is pooled and has none: train on the training rows alone."
            )
        see_only_what_was_lent()
        torch.set_num_threads(options.cpu_threads)
        size = None if self._group is not None else self._too_large()
        if size is not None:
            self._last = {**self._nothing(0, 0.0), "checkpoint_bytes": size}
            self._ended("no_room", f"a checkpoint may take {size} bytes")
            return
        self._start(config)

    def _too_large(self) -> int | None:
        """The bytes of the largest checkpoint where there is no room for it."""
        limit = self._options.checkpoint_limit
        if limit is None:
            return None
        size = self.largest_checkpoint(limit.configurations, self._dataset, self._options)
        return None if size is None or size <= limit.bytes else size

    @property
    def _leads(self) -> bool:
        """Whether workers train for this actor."""
        return self._options.workers > 1 and self._group is None

    def join(self, rank: int, size: int, meeting: str) -> None:
        """Be the worker of a trial, before `setup`: see `trainables.loops.Group`."""
        raise NotImplementedError(f"{type(self).__name__} trains in one process.")

    @property
    def rank(self) -> int:
        """Which worker of the trial this is, from 0; 0 in a trial's own actor too."""
        return 0 if self._group is None else self._group.rank

    @property
    def loop(self) -> Loop:
        """What is trained now. Raises CheckpointError when it ran out of memory."""
        return self._running()

    @property
    def end(self) -> Mapping[str, Any] | None:
        """The report of a trial that has ended by itself; None while it has not."""
        return self._end

    @property
    def reported(self) -> tuple[str, ...]:
        """The metrics that a trial with this sweep's options reports: spreads only of folds, none
        of validation where there are no rows for it."""
        if self._validates_nothing:
            return tuple(name for name in self.metrics if not name.startswith("val_"))
        spreads = self._spreads() if self._options.folds == 1 else ()
        return tuple(name for name in self.metrics if name not in spreads)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another trial in this actor. Always True: Ray has no fallback for anything else."""
        self._start(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch and report the metrics; `done` at options.max_epochs.

        A trial that diverges reports outcome="diverged", one that runs out of memory (also while
        it is built) outcome="out_of_memory" and gives all its memory back; both report done=True,
        a `detail` in words, and NaN for what they could not measure. A trial restored at its last
        epoch reports that epoch again. Where options.checkpoint_limit is too low, the report is
        outcome="no_room" with the `checkpoint_bytes` that there should be, and nothing is trained.
        """
        from trainables.loops import Diverged, is_out_of_memory

        if self._end is not None:
            return dict(self._end)
        loop = self._running()
        if loop.epoch >= self._options.max_epochs:
            return {**self._last, "done": True}
        epoch, started = loop.epoch + 1, time.perf_counter()
        try:
            self._last = loop.run_epoch()
            self._best.offer(self._last, loop.weights)
            return {**self._last, "done": loop.epoch >= self._options.max_epochs}
        except Diverged as error:
            self._last = self._nothing(error.epoch, error.seconds)
            return self._ended("diverged", str(error))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            words = str(error)
        # Not above: while an exception is handled, its traceback holds on to the tensors.
        del loop
        return self._out_of_memory(epoch, time.perf_counter() - started, words)

    def save(self, checkpoint_dir: str | None = None) -> Any:
        """`save_checkpoint`, and a copy in the sweep's storage, waited for where it is away."""
        save = super().save
        if self._storage is None:  # outside a sweep: whoever asked wants to know
            return save(checkpoint_dir)
        epoch = self._last.get("epoch")
        return saving.patiently(
            lambda scratch: saving.flushed(save(checkpoint_dir or scratch)), epoch=epoch
        )

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write last.pt, best.pt and checkpoint.json; see `trainables.loops.checkpoint`.

        Raises CheckpointError when the trial ran out of memory: nothing of it is left.
        """
        from trainables.loops import Checkpoint, write_checkpoint

        checkpoint = Checkpoint(
            state=self._running().state_dict(),
            configuration=self._hyperparameters,
            metrics=self._last,
            best_epoch=self._best.epoch,
            best_metrics=self._best.metrics,
            best_weights=self._best.weights,
        )
        write_checkpoint(checkpoint_dir, checkpoint)

    def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
        """Go on from a checkpoint directory, under this trial's own configuration.

        A fork, whose checkpoint is another trial's, also has a seed and a best epoch of its own.

        Raises CorruptCheckpointError when it is damaged, CheckpointError when it holds another
        architecture than this trial's configuration.
        """
        from trainables.loops import CheckpointError, Forks, is_out_of_memory, read_checkpoint

        loop = self._running()
        # Whoever takes values over copies them to where its own are. There they would be twice, and
        # torch.optim's counters of steps would be waited for at each step.
        saved = read_checkpoint(str(checkpoint))
        load: Callable[[Mapping[str, Any]], None] = loop.load_state_dict
        if self._trial.fork and isinstance(loop, Forks):
            load = loop.fork
        try:
            load(saved.state)
        except (KeyError, RuntimeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            raise CheckpointError(
                f"The checkpoint {checkpoint} must hold the model of this trial's configuration, "
                f"but it was written with {dict(saved.configuration)}: {error}"
            ) from error
        self._end = None
        if self._trial.fork:
            return
        self._last = dict(saved.metrics)
        self._best.epoch = saved.best_epoch
        self._best.metrics = dict(saved.best_metrics)
        self._best.weights = None if saved.best_weights is None else dict(saved.best_weights)

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        """Take over what a checkpoint has as its best weights, to `score` with them.

        Raises CheckpointError when the loop cannot, or they are another architecture's.
        """
        from trainables.loops import CheckpointError, Scores

        loop = self._running()
        if not isinstance(loop, Scores):
            raise CheckpointError(f"{type(self).__name__} cannot take over weights by themselves.")
        try:
            loop.load_weights(weights)
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"The weights must be those of this trial's configuration: {error}"
            ) from error

    def score(self) -> dict[str, float] | None:
        """The metrics of the test rows by the weights that are kept: accuracy, f1 and what else the
        loop measures. None where it cannot tell, and in a cross-validation, which has k models.

        Look once, at the end, whoever chooses by it has no test rows left: and the loop cannot go
        on after it, it has the weights of the best epoch.
        """
        from trainables.loops import Scores

        loop, data = self._running(), self._dataset
        if self._options.folds > 1 or not isinstance(loop, Scores):
            return None
        self._take_best(loop)
        return loop.score(data.x_test, data.y_test)

    def _take_best(self, loop: Scores) -> None:
        """Give a loop the weights that are kept, unless it has them."""
        if self._best.weights is not None and self._best.epoch != self._running().epoch:
            loop.load_weights(self._best.weights)

    def cleanup(self) -> None:
        """Ray's last call to an actor."""
        self._let_go()
        if self._team is not None:
            self._team.dismiss()

    @property
    def _validates_nothing(self) -> bool:
        """Whether all rows are training rows."""
        return self._dataset.is_pooled and self._options.folds == 1

    def _start(self, config: dict[str, Any]) -> None:
        """Build everything a trial has from its configuration, and from nothing else."""
        from trainables.loops import BestEpoch, is_out_of_memory, seed_initial_weights

        options = self._options
        self._let_go()  # first, so that two trials never need their memory together
        self._hyperparameters, self._trial = split_config(config, default_seed=options.seed)
        self._best = BestEpoch(options.metric, options.mode, options.keep)
        self._last = {}
        self._end = None
        words = None
        started = time.perf_counter()
        hyperparameters = Hyperparameters(self._hyperparameters)
        try:
            if not self._is_prepared and not self._leads:
                self.prepare()
                self._is_prepared = True
            seed_initial_weights(self._trial.seed)
            if self._leads:
                self._loop = self._led(config)
            else:
                self._loop = self.build(hyperparameters)
                self.check_config(hyperparameters)
            if self._trial.restore_from is not None:
                with saving.on_disk(self._trial.restore_from) as checkpoint:
                    self.load_checkpoint(checkpoint)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            words = str(error)
        if words is not None:
            epoch = 1 if self._loop is None else self._loop.epoch + 1
            self._out_of_memory(epoch, time.perf_counter() - started, words)

    def _led(self, config: dict[str, Any]) -> Loop:
        """The loop that workers run: those of the trial before, unless one of them failed."""
        from trainables.team import Team, TeamLoop

        if self._team is None or not self._team.works:
            self._team = Team(type(self), self._options.workers)
        return TeamLoop(self._team, config)

    def _running(self) -> Loop:
        if self._loop is None:
            from trainables.loops import CheckpointError

            raise CheckpointError(
                "This trial ran out of memory and gave it back: it has nothing to save or to load."
            )
        return self._loop

    def _let_go(self) -> None:
        """Drop everything a trial has."""
        from trainables.loops import uses_gpu

        self._loop = None
        self._best = None  # type: ignore[assignment]  # _start writes the next
        if uses_gpu():
            gc.collect()  # a model that refers to itself holds its memory until then

    def _out_of_memory(self, epoch: int, seconds: float, words: str) -> dict[str, Any]:
        """Give the trial's memory back; the report of its end."""
        from trainables.loops import release_memory

        self._let_go()
        release_memory()
        self._last = self._nothing(epoch, seconds)
        return self._ended("out_of_memory", words)

    def _nothing(self, epoch: int, seconds: float) -> dict[str, Any]:
        """The metrics of an epoch that came to nothing."""
        nothing: dict[str, Any] = dict.fromkeys(self.reported, math.nan)
        return {**nothing, "epoch": epoch, "epoch_seconds": seconds}

    def _ended(self, outcome: str, words: str) -> dict[str, Any]:
        detail = words.strip().partition("\n")[0]
        self._end = {**self._last, "outcome": outcome, "detail": detail, "done": True}
        return dict(self._end)  # Ray writes into what it is given

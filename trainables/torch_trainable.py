"""The class that hands a torch loop to Ray Tune.

torch and the loops are imported inside the methods: the driver imports this class only to send it
to its workers, and importing torch there would delay the first result of a sweep by a second.
"""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any, ClassVar

import ray
from ray import tune

from trainables.options import TrialInfo, TrialOptions, split_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from trainables.data import Dataset
    from trainables.loops import BestEpoch, Optimizer, SupervisedLoop, TensorData


class TorchTrainable(tune.Trainable):
    """Trains an MLP with SGD; one step is one epoch.

    Override `build_model` and `build_optimizer` for another model. Hand the class to Ray with its
    data and options, which go through the object store once a node:

        tune.with_parameters(TorchTrainable, data=dataset, options=TrialOptions(max_epochs=9))

    The configuration holds hyperparameters in natural units and, under the reserved key `_trial`,
    what `TrialInfo` describes. Used here: learning_rate (0.01), momentum (0.9), weight_decay (0),
    batch_size (128), and those of `build_mlp`.

    An actor can run one trial after the other: `reset_config` rebuilds everything, and the same
    trial gives the same numbers in a fresh actor and in a used one.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "val_f1",
        "epoch",
        "epoch_seconds",
        "samples_per_second",
    )
    default_metric: ClassVar[str] = "val_accuracy"

    # Written by setup and _start.
    _dataset: Dataset
    _options: TrialOptions
    _device: torch.device
    _tensors: TensorData
    _hyperparameters: dict[str, Any]
    _trial: TrialInfo
    _loop: SupervisedLoop
    _best: BestEpoch
    _last: dict[str, float]

    def build_model(
        self, config: Mapping[str, Any], input_shape: tuple[int, ...], classes: int
    ) -> nn.Module:
        """Build the model of a configuration, from [n, *input_shape] to logits [n, classes].

        The global generators are seeded with the trial's seed before this is called. The model must
        not write into its input: it is shared with the other workers and read-only.
        """
        from trainables.models import build_mlp

        return build_mlp(config, input_shape, classes)

    def build_optimizer(self, config: Mapping[str, Any], model: nn.Module) -> Optimizer:
        """Build the optimizer of a configuration for a model that is on its device already."""
        from trainables.loops import SGD

        return SGD(
            model.parameters(),
            learning_rate=config.get("learning_rate", 0.01),
            momentum=config.get("momentum", 0.9),
            weight_decay=config.get("weight_decay", 0.0),
        )

    @property
    def trial(self) -> TrialInfo:
        """The trial this actor runs now: its number in the sweep and its seed."""
        return self._trial

    def setup(
        self,
        config: dict[str, Any],
        data: Dataset | None = None,
        options: TrialOptions | None = None,
    ) -> None:
        """Take the data over, once an actor, and start its first trial.

        Raises ValueError when data or options are missing, or options.metric is not reported.
        """
        import torch

        from trainables.loops import TensorData

        if data is None or options is None:
            raise ValueError(
                f"{type(self).__name__} must get data and options, but got none. Wrap it: "
                "tune.with_parameters(TorchTrainable, data=..., options=TrialOptions(...))."
            )
        if options.metric not in self.metrics:
            close = difflib.get_close_matches(options.metric, self.metrics, n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise ValueError(
                f"Unknown metric {options.metric!r}. {hint}Known: {', '.join(self.metrics)}."
            )
        torch.set_num_threads(options.cpu_threads)
        self._dataset = data
        self._options = options
        self._device = torch.device("cuda" if self._has_gpu() else "cpu")
        self._tensors = TensorData.of(data, self._device)
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another trial in this actor. Always True: Ray has no fallback for anything else."""
        self._start(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch and report the metrics; `done` at options.max_epochs.

        A trial that diverges reports outcome="diverged", done=True and NaN for what it could not
        measure. A trial restored at its last epoch reports that epoch again.
        """
        from trainables.loops import Diverged

        if self._loop.epoch >= self._options.max_epochs:
            return {**self._last, "done": True}
        try:
            self._last = self._loop.run_epoch()
        except Diverged as error:
            self._last = dict.fromkeys(self.metrics, math.nan)
            self._last.update(epoch=error.epoch, epoch_seconds=error.seconds)
            return {**self._last, "outcome": "diverged", "done": True}
        self._best.offer(self._last, self._loop.model)
        return {**self._last, "done": self._loop.epoch >= self._options.max_epochs}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write last.pt, best.pt and checkpoint.json; see `trainables.loops.checkpoint`."""
        from trainables.loops import Checkpoint, write_checkpoint

        checkpoint = Checkpoint(
            state=self._loop.state_dict(),
            configuration=self._hyperparameters,
            metrics=self._last,
            best_epoch=self._best.epoch,
            best_metrics=self._best.metrics,
            best_weights=self._best.weights,
        )
        write_checkpoint(checkpoint_dir, checkpoint)

    def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
        """Go on from a checkpoint directory, under this trial's own configuration.

        Raises CorruptCheckpointError when it is damaged, CheckpointError when it holds another
        architecture than this trial's configuration.
        """
        from trainables.loops import CheckpointError, read_checkpoint

        saved = read_checkpoint(str(checkpoint), device=self._device)
        try:
            self._loop.load_state_dict(saved.state)
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"The checkpoint {checkpoint} must hold the model of this trial's configuration, "
                f"but it was written with {dict(saved.configuration)}: {error}"
            ) from error
        self._last = dict(saved.metrics)
        self._best.epoch = saved.best_epoch
        self._best.metrics = dict(saved.best_metrics)
        self._best.weights = None if saved.best_weights is None else dict(saved.best_weights)

    def _start(self, config: dict[str, Any]) -> None:
        """Build everything a trial has from its configuration, and from nothing else."""
        from trainables.loops import BestEpoch, SupervisedLoop, seed_initial_weights

        options = self._options
        self._hyperparameters, self._trial = split_config(config, default_seed=options.seed)
        hyperparameters = self._hyperparameters
        seed_initial_weights(self._trial.seed)
        model = self.build_model(
            hyperparameters, self._dataset.input_shape, self._dataset.classes
        ).to(self._device)
        self._loop = SupervisedLoop(
            model,
            self.build_optimizer(hyperparameters, model),
            self._tensors,
            batch_size=int(hyperparameters.get("batch_size", 128)),
            seed=self._trial.seed,
            device=self._device,
        )
        self._best = BestEpoch(options.metric, options.mode)
        self._last = {}
        if self._trial.restore_from is not None:
            self.load_checkpoint(self._trial.restore_from)

    def _has_gpu(self) -> bool:
        """Whether Ray lent this trial a GPU; outside an actor, whether there is one."""
        import torch

        return torch.cuda.is_available() and (not ray.is_initialized() or bool(ray.get_gpu_ids()))

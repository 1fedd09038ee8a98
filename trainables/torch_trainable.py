"""The trainable of torch classifiers.

torch and the loops are imported inside the methods: the driver imports this class only to send it
to its workers, and importing torch there would delay the first result of a sweep by a second.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, cast

from trainables.checks import whole
from trainables.devices import device_type
from trainables.loop_trainable import LoopTrainable
from trainables.understood import check_names, readers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch import Tensor, nn

    from trainables.configuration import Hyperparameters
    from trainables.data import Dataset
    from trainables.loops import (
        Execution,
        FoldData,
        Loss,
        Optimizer,
        Schedule,
        SupervisedLoop,
        TensorData,
    )
    from trainables.options import TrialOptions

_BATCH_SIZE = 128
_COPIES = 4  # of the weights in a checkpoint, with Adam's two values for each and the best epoch's
_IMAGES = (2, 3)  # dimensions of a row: height and width, in colour with the channels before


class TorchTrainable(LoopTrainable):
    """Trains a classifier; one step is one epoch. By itself an MLP.

    Override `build_model` for another model, and, if wanted, `build_optimizer`, `build_loss`,
    `build_schedule`, `prepare_data` and `measure`.

    Used of a configuration: batch_size (128), augment, and what `build_mlp`, `build_optimizer`,
    `build_loss` and `build_schedule` of `trainables.models` and `trainables.loops` describe. A
    hyperparameter that none of them understands is refused; where a part is one's own, a trial
    refuses only what is misspelt, and a sweep, before its first trial, what is not read while such
    a part is built: see `check_reading`.
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
        "val_loss_std",  # over folds
        "val_accuracy_std",
        "val_f1_std",
    )

    # Written by prepare.
    _device: torch.device
    _execution: Execution
    _tensors: TensorData | FoldData
    _loop: SupervisedLoop | None

    def build_model(
        self, config: Mapping[str, Any], input_shape: tuple[int, ...], classes: int
    ) -> nn.Module:
        """Build the model of a configuration, from [n, *input_shape] to logits [n, classes].

        The global generators of Python, numpy and torch are seeded with the trial's seed before
        this is called, and again for each epoch. The model must not write into its input: it is
        shared with the other workers and read-only. Called once a fold in a cross-validation.
        """
        from trainables.models import build_mlp

        return build_mlp(config, input_shape, classes)

    def build_optimizer(self, config: Mapping[str, Any], model: nn.Module) -> Optimizer:
        """Build the optimizer of a configuration for a model that is on its device already.

        In a cross-validation the model holds the weights of all folds.
        """
        from trainables.loops import build_optimizer

        return build_optimizer(config, model.parameters(), fused=self._options.device.fused)

    def build_loss(self, config: Mapping[str, Any]) -> Loss:
        """Build the training loss: from logits [n, classes] and labels [n] to the rows' mean.

        What training changes of the buffers of an nn.Module is in the checkpoints, and goes on with
        a resume and with a fork. In a cross-validation one loss gets the rows of all folds.
        """
        from trainables.loops import build_loss

        return build_loss(config)

    def build_schedule(self, config: Mapping[str, Any]) -> Schedule:
        """Build the schedule of the learning rate."""
        from trainables.loops import build_schedule

        return build_schedule(config, self._options.max_epochs)

    def prepare_data(self, data: Dataset) -> Dataset:
        """Change the sweep's data, which is standardised before, once an actor.

        In a cross-validation it is called once a fold, whose rows are standardised by those it
        trains on; overridden it gives each fold rows of its own, so that k folds take k times the
        memory. To see what is built it is also called with one row of each part.
        """
        return data

    def measure(self, logits: Tensor, labels: Tensor) -> Mapping[str, float]:
        """Further metrics of the validation rows, from logits [n, classes] and labels [n], which
        are on the trial's device.

        Name them in `metrics` too.
        """
        return {}

    def prepare(self) -> None:
        """Put the data on the device, once an actor; where there is no room, its batches go there.

        Raises ValueError when there are fewer rows than folds.
        """
        import torch

        from trainables.data.splits import fold_datasets
        from trainables.loops import Execution, FoldData, TensorData

        options = self._options
        self._device = torch.device(self._device_type())
        own_model = not _is_ours(type(self).build_model)
        self._execution = Execution(options.device, self._device, own_model=own_model)
        data, place_for = self._dataset, self._execution.place_for
        if options.folds == 1:
            data = self.prepare_data(data)
            self._tensors = TensorData.of(data, place_for(data.nbytes))
        elif _is_ours(type(self).prepare_data):
            place = place_for(data.nbytes)
            self._tensors = FoldData.of(data, options.folds, options.fold_seed, place)
        else:
            parts = fold_datasets(data, options.folds, options.fold_seed)
            parts = [self.prepare_data(part) for part in parts]
            place = place_for(sum(part.nbytes for part in parts))
            self._tensors = FoldData.of_parts(parts, place)
            data = parts[0].pooled()
        self._dataset = data  # last: out of memory, this is done again for the next trial

    @classmethod
    def distributes(cls) -> bool:
        """Unless the loop is one's own: workers share each batch of ours."""
        return cls.build_loop is TorchTrainable.build_loop

    def join(self, rank: int, size: int, meeting: str) -> None:
        """Be the worker of a trial: on a GPU where there is one."""
        from trainables.loops import Group

        self._group = Group(rank, size, meeting=meeting, device=self._device_type())

    def build(self, config: Mapping[str, Any]) -> SupervisedLoop:
        """Build the loop of a trial: of all folds at once in a cross-validation."""
        return self.build_loop(config, self._dataset)

    def build_loop(self, config: Mapping[str, Any], data: Dataset) -> SupervisedLoop:
        """Build model, optimizer, loss and schedule, and the loop that trains with them."""
        from torch import nn

        from trainables.loops import FoldData, FoldsLoop, SupervisedLoop
        from trainables.models import stack, with_sizes

        loss = self.build_loss(config)
        if isinstance(loss, nn.Module):
            loss.to(self._device)  # the weights of classes, say
        options: dict[str, Any] = {
            "batch_size": whole("batch_size", config.get("batch_size", _BATCH_SIZE), 1),
            "seed": self._trial.seed,
            "device": self._device,
            "loss": loss,
            "schedule": self.build_schedule(config),
            "augment": config.get("augment", self._options.augment),
            "execution": self._execution,
            "group": self._group,
        }
        if type(self).measure is not TorchTrainable.measure:
            options["measure"] = self.measure
        tensors = self._tensors
        models = [
            with_sizes(self.build_model(config, data.input_shape, data.classes), data.input_shape)
            for _ in range(self._options.folds)
        ]
        model = models[0] if len(models) == 1 else stack(models)
        model = self._execution.prepare(model)
        optimizer = self.build_optimizer(config, model)
        if isinstance(tensors, FoldData):
            return FoldsLoop(model, optimizer, tensors, **options)
        return SupervisedLoop(model, optimizer, tensors, **options)

    def check_config(self, config: Hyperparameters) -> None:
        """Refuse what nothing read; with a part of one's own, only what is misspelt."""
        name = type(self).__name__
        if self._model_of() is not None:
            elsewhere = {n: f"trainables:{found}" for n in config for found in readers(n)}
            config.check(name, elsewhere=elsewhere)
        else:
            config.check_spelling(name)

    @property
    def model(self) -> nn.Module:
        """The model of the trial that runs now; in a cross-validation the stack of all folds."""
        return cast("SupervisedLoop", self._running()).model

    @classmethod
    def check_sweep(cls, names: Sequence[str], data: Dataset, options: TrialOptions) -> None:
        """Refuse parameters that the model does not read, and what needs images without any.

        What a model of one's own reads is found by `check_reading`.
        """
        super().check_sweep(names, data, options)
        has_images = len(data.input_shape) in _IMAGES
        if options.augment != "none" and not has_images:
            raise ValueError(
                f"augment changes images, but the rows of {data.name} have the shape "
                f"{data.input_shape}: set it to none."
            )
        kind = cls._model_of()
        if kind is None:
            return
        check_names(kind, names)
        if kind != "TorchTrainable" and not has_images:
            raise ValueError(
                f"{kind} needs images, rows of (height, width) or (channels, height, width), but "
                f"those of {data.name} have the shape {data.input_shape}: search a space of MLPs."
            )

    def skeleton(self, config: Mapping[str, Any]) -> Any:
        """The model without memory for its weights, and loss and schedule, where a part is one's
        own; None with a loop or an optimizer of one's own (torch.optim takes a second to import
        there), and where torch is not imported yet."""
        if not self.distributes() or self._model_of() is not None:
            return None
        if not _is_ours(type(self).build_optimizer) or "torch" not in sys.modules:
            return None
        from torch import nn

        from trainables.models import weightless

        for name in ("batch_size", "augment"):
            config.get(name)
        data = self.prepare_data(self._dataset)
        with weightless():
            model = self.build_model(config, data.input_shape, data.classes)
        # Which weights it updates is nothing to an optimizer of ours; a lazy model has none yet.
        optimizer = self.build_optimizer(config, nn.Linear(1, 1))
        return self, model, optimizer, self.build_loss(config), self.build_schedule(config)

    @classmethod
    def checkpoint_bytes(
        cls, config: Mapping[str, Any], data: Dataset, options: TrialOptions
    ) -> int | None:
        """About how large a checkpoint is: the weights, two values a weight for the optimizer
        (Adam's; no other keeps more), and the weights of the best epoch; for each fold.

        The model is built without memory for its weights. None where it cannot be: a model of one's
        own may read them while it is built.
        """
        from trainables.models import weightless, with_sizes

        trial = cls._untrained(data, options)
        try:
            prepared = trial.prepare_data(data)
            with weightless():
                model = trial.build_model(config, prepared.input_shape, prepared.classes)
                model = with_sizes(model, prepared.input_shape)
        except Exception:  # noqa: BLE001 - the trial itself will say what is wrong
            return None
        state = model.state_dict().values()
        weights = sum(t.numel() * t.element_size() for t in state)
        return int(_COPIES * weights * options.folds)

    @classmethod
    def _model_of(cls) -> str | None:
        """The built-in trainable that this one is, to its hyperparameters; None with a part of
        one's own."""
        parts = (cls.build_model, cls.build_optimizer, cls.build_loss, cls.build_schedule)
        if all(map(_is_ours, parts)):
            return cls.build_model.__qualname__.partition(".")[0]
        return None

    def _device_type(self) -> str:
        """Where this trial trains: cuda or cpu."""
        return device_type()


def _is_ours(part: Any) -> bool:
    """Whether a method is this package's, not a user's own."""
    return str(part.__module__).partition(".")[0] == "trainables"

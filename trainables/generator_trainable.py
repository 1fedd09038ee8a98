"""The trainable of a loop of one's own, written as a generator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from trainables.devices import device_type
from trainables.loop_trainable import LoopTrainable

if TYPE_CHECKING:
    from trainables.data import Dataset
    from trainables.loops import Epochs, Loop


class GeneratorTrainable(LoopTrainable):
    """Override `run_epochs`, and name in `metrics` what it yields.

    `epoch`, `epoch_seconds`, and the spreads of val_... metrics over the folds of a
    cross-validation come by themselves.
    """

    metrics: ClassVar[tuple[str, ...]] = ("val_accuracy", "epoch", "epoch_seconds")
    needs_validation: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        spreads = [f"{name}_std" for name in cls.metrics if name.startswith("val_")]
        spreads = [name for name in spreads if not name.endswith("_std_std")]
        # The command line checks --metric against this.
        cls.metrics = tuple(dict.fromkeys([*cls.metrics, "epoch", "epoch_seconds", *spreads]))

    @abstractmethod
    def run_epochs(
        self,
        config: Mapping[str, Any],
        data: Dataset,
        state: Mapping[str, Any] | None,
        epochs: Iterator[int],
    ) -> Epochs:
        """Train, and at the end of each epoch yield its metrics and the state to go on from.

        The state is a dictionary of tensors and plain values, state_dicts of models and optimizers
        say. It is not copied: leave it as it is until the next epoch begins.

        Args:
            config: the hyperparameters.
            data: the rows; those of its fold in a cross-validation.
            state: what was yielded, where a trial goes on; None where it starts. Another trial may
                have yielded it, under another configuration: where a state holds hyperparameters,
                as a state_dict of torch.optim does, set those of `config` after loading it.
            epochs: the numbers of the epochs, without an end. Taking one seeds the global
                generators of Python, numpy and torch, and so does the start, whether a trial goes
                on or not: one that goes on draws what it would have drawn.
        """

    def prepare(self) -> None:
        """Where trials share a GPU, a loop of one's own may take this trial's part of its memory,
        if it is torch's."""
        share = self._options.device.memory_share
        if share is not None and device_type() == "cuda":
            import torch

            # By number, which torch insists on here.
            torch.cuda.set_per_process_memory_fraction(share, torch.cuda.current_device())

    def build_loop(self, config: Mapping[str, Any], data: Dataset) -> Loop:
        """The loop that runs the generator."""
        from trainables.loops import GeneratorLoop

        return GeneratorLoop(
            lambda state, epochs: self.run_epochs(config, data, state, epochs),
            metrics=self.metrics,
            needed=self._options.metric.removesuffix("_std"),
            seed=self._trial.seed,
            fold=self._fold,
        )

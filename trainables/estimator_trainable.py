"""The trainable of scikit-learn's estimators."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from trainables.loop_trainable import LoopTrainable

if TYPE_CHECKING:
    from trainables.data import Dataset
    from trainables.loops import Loop


class EstimatorTrainable(LoopTrainable):
    """Override `build_estimator`."""

    metrics: ClassVar[tuple[str, ...]] = (
        "train_accuracy",
        "val_accuracy",
        "val_f1",
        "epoch",
        "epoch_seconds",
        "val_accuracy_std",
        "val_f1_std",
    )

    @abstractmethod
    def build_estimator(self, config: Mapping[str, Any], epoch: int) -> Any:
        """Build a classifier that is not fitted.

        One with `partial_fit` is built once and passes over the rows once an epoch; any other is
        built and fitted anew each epoch: let its budget, its number of trees say, grow with the
        epoch, which counts from 1. Give it `self.trial.seed` where it draws.
        """

    @classmethod
    def forks(cls) -> bool:
        """No, unless the loop is one's own: a checkpoint of ours holds no estimator, and a fork
        would train all epochs of the other trial again as it would have trained them itself."""
        return cls.build_loop is not EstimatorTrainable.build_loop

    def skeleton(self, config: Mapping[str, Any]) -> Any:
        """The estimators of the first and the last epoch; None with a loop of one's own."""
        if type(self).build_loop is not EstimatorTrainable.build_loop:
            return None
        return self, [self.build_estimator(config, e) for e in (1, self._options.max_epochs)]

    def build_loop(self, config: Mapping[str, Any], data: Dataset) -> Loop:
        """The loop that fits the estimator."""
        from trainables.loops import EstimatorLoop

        return EstimatorLoop(
            lambda epoch: self.build_estimator(config, epoch), data, seed=self._trial.seed
        )

    def save_estimator(self, path: Path) -> None:
        """Write the fitted estimator of the epoch that is kept as a file that joblib.load reads.

        It takes rows as the trial does, flattened, and predicts the numbers of classes. As after
        `score`, the loop cannot go on.

        Raises ValueError when it cannot be pickled, or `build_loop` builds another loop.
        """
        import pickle

        import joblib  # type: ignore[import-untyped]

        from trainables.loops import EstimatorLoop

        loop = self._running()
        if not isinstance(loop, EstimatorLoop):
            raise ValueError(f"{type(self).__name__} has a loop of its own, whose state it keeps.")
        self._take_best(loop)
        try:
            joblib.dump(loop.estimator, path)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            path.unlink(missing_ok=True)
            raise ValueError(f"The estimator cannot be pickled ({error}).") from error

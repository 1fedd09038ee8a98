"""Learning-rate schedules: the factor on a configuration's learning rate, over the epochs."""

import math
from collections.abc import Mapping
from typing import Any

from trainables.checks import one_of, whole

_NAMES = ("constant", "exponential", "plateau", "cosine")
_DECAY_RATE = 0.95
_PATIENCE = 3
_STEP_DOWN = 0.1  # 1e-2, then 1e-3
_LEAST_GAIN = 1e-4  # of the best loss; less is none, as in torch's ReduceLROnPlateau


class Schedule:
    """The constant schedule, and what every schedule offers."""

    by_batch = False
    """Whether the factor changes within an epoch."""

    def factor(self, epoch: int, batch: int = 0, batches: int = 1) -> float:
        """The factor on the learning rate for batch number `batch` of the `batches` of an epoch.

        Epochs count from 1, batches from 0.
        """
        return 1.0

    def observe(self, val_loss: float) -> None:
        """Hear the validation loss of the epoch that ended."""

    def state_dict(self) -> dict[str, Any]:
        """What the epoch alone does not tell."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a `state_dict()`, also of another schedule, of which this one knows nothing."""


class Exponential(Schedule):
    """rate^(epoch - 1), as torch's ExponentialLR: with 0.5 the factors are 1, 0.5, 0.25."""

    def __init__(self, rate: float) -> None:
        if not 0 < rate <= 1:
            raise ValueError(f"decay_rate must be within 0 < rate <= 1, but it is {rate}.")
        self._rate = rate

    def factor(self, epoch: int, batch: int = 0, batches: int = 1) -> float:
        return float(self._rate ** (epoch - 1))


class Cosine(Schedule):
    """(1 + cos(pi * t / T)) / 2 with t epochs done of T, from batch to batch (arXiv:1608.03983).

    Half way the factor is 0.5, after the last batch it would be 0.
    """

    by_batch = True

    def __init__(self, max_epochs: int) -> None:
        self._max_epochs = max_epochs

    def factor(self, epoch: int, batch: int = 0, batches: int = 1) -> float:
        return (1 + math.cos(math.pi * (epoch - 1 + batch / batches) / self._max_epochs)) / 2


class Plateau(Schedule):
    """Steps down to a tenth when the validation loss has not improved for some epochs.

    As torch's ReduceLROnPlateau: an improvement is a loss below (1 - 1e-4) of the best; after
    `patience` epochs without one, the next such epoch brings the step, and the count starts again.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._best = math.inf
        self._waited = 0
        self._steps = 0

    def factor(self, epoch: int, batch: int = 0, batches: int = 1) -> float:
        return _STEP_DOWN**self._steps

    def observe(self, val_loss: float) -> None:
        if val_loss < self._best * (1 - _LEAST_GAIN):
            self._best = val_loss
            self._waited = 0
            return
        self._waited += 1
        if self._waited > self._patience:
            self._steps += 1
            self._waited = 0

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._best = float(state.get("best", math.inf))
        self._waited = int(state.get("waited", 0))
        self._steps = int(state.get("steps", 0))


class WarmUp(Schedule):
    """Rises from batch to batch over the first epochs to what another schedule says.

    The factor of that schedule times t / epochs, as long as this is below 1, where t counts the
    epochs done, this batch included (arXiv:1706.02677).
    """

    by_batch = True

    def __init__(self, epochs: int, schedule: Schedule) -> None:
        self._epochs = epochs
        self._schedule = schedule

    def factor(self, epoch: int, batch: int = 0, batches: int = 1) -> float:
        done = epoch - 1 + (batch + 1) / batches
        return min(1.0, done / self._epochs) * self._schedule.factor(epoch, batch, batches)

    def observe(self, val_loss: float) -> None:
        self._schedule.observe(val_loss)

    def state_dict(self) -> dict[str, Any]:
        return self._schedule.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._schedule.load_state_dict(state)


def schedule_names() -> list[str]:
    """The names `build_schedule` knows."""
    return list(_NAMES)


def build_schedule(config: Mapping[str, Any], max_epochs: int) -> Schedule:
    """The schedule of a configuration.

    Args:
        config: schedule (default "constant"): constant; exponential, by decay_rate an epoch
            (0 < rate <= 1; default 0.95); plateau, a tenth after plateau_patience epochs (at least
            0; default 3) without a better validation loss; cosine, to 0 at max_epochs. Each with
            warmup_epochs (at least 0; default 0) of a linear rise before.
        max_epochs: epochs of a trial that is never stopped.

    Raises ValueError for an unknown name and for a number out of its range.
    """
    name = one_of("schedule", config.get("schedule", "constant"), _NAMES)
    rate = float(config.get("decay_rate", _DECAY_RATE))
    patience = whole("plateau_patience", config.get("plateau_patience", _PATIENCE), 0)
    warm_up = whole("warmup_epochs", config.get("warmup_epochs", 0), 0)
    schedules: dict[str, Schedule] = {
        "constant": Schedule(),
        "exponential": Exponential(rate),
        "plateau": Plateau(patience),
        "cosine": Cosine(max_epochs),
    }
    return WarmUp(warm_up, schedules[name]) if warm_up else schedules[name]

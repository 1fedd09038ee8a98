"""No early stopping: every trial trains to the last epoch."""

from __future__ import annotations

from caviar.schedulers.base import Action, Scheduler


class FullFidelity(Scheduler):
    """Every trial goes on."""

    def __init__(self, max_epochs: int) -> None:
        self._max_epochs = max_epochs

    def report(self, trial: int, epoch: int, score: float) -> Action:
        return Action.CONTINUE

    def table(self, trials: int | None) -> list[tuple[str, str]]:
        return [("every trial", f"{self._max_epochs} epochs")]

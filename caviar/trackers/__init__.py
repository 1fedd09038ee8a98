"""Other tools that a sweep tells what happens: TensorBoard, MLflow, Weights & Biases."""

from caviar.trackers.choose import check, chosen
from caviar.trackers.tracked_history import Followed, Tracker

__all__ = ["Followed", "Tracker", "check", "chosen"]

"""Other tools that a sweep tells what happens: TensorBoard, MLflow, Weights & Biases."""

from pipelines.engine.trackers.choose import check, chosen
from pipelines.engine.trackers.followed import Followed, Tracker

__all__ = ["Followed", "Tracker", "check", "chosen"]

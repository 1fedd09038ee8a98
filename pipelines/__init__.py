"""Recipes, a screenful each, and the engine they combine."""

from pipelines.engine import Result, Sweep, UsageError, run

__all__ = ["Result", "Sweep", "UsageError", "run"]

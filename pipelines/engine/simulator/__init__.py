"""Sweeps in simulated time on recorded learning curves: the live objects, and no Ray."""

from pipelines.engine.simulator.replay import Replay, simulate
from pipelines.engine.simulator.table import CurveTable, load_tables

__all__ = ["CurveTable", "Replay", "load_tables", "simulate"]

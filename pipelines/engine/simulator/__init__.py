"""Sweeps in simulated time on recorded learning curves: the live objects, and no Ray."""

from pipelines.engine.simulator.replay import Replay, simulate
from pipelines.engine.simulator.table import CurveTable, from_records, load_tables

__all__ = ["CurveTable", "Replay", "from_records", "load_tables", "simulate"]

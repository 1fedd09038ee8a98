"""Sweeps in simulated time on recorded learning curves: the live objects, and no Ray."""

from pipelines.engine.simulator.recorded import from_records, load_sweep
from pipelines.engine.simulator.replay import Replay, simulate
from pipelines.engine.simulator.table import CurveTable, load_tables

__all__ = ["CurveTable", "Replay", "from_records", "load_sweep", "load_tables", "simulate"]

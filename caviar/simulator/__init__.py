"""Sweeps in simulated time on recorded learning curves: the live objects, and no Ray."""

from caviar.simulator.recorded import from_records, load_sweep
from caviar.simulator.replay import Replay, simulate
from caviar.simulator.table import CurveTable, load_tables

__all__ = ["CurveTable", "Replay", "from_records", "load_sweep", "load_tables", "simulate"]

"""Which trial goes on: typed options, each of which builds its scheduler."""

from pipelines.engine.schedulers.options import (
    Asha,
    HyperBand,
    Median,
    NoStopping,
    Pbt,
    SchedulerOptions,
)

__all__ = ["Asha", "HyperBand", "Median", "NoStopping", "Pbt", "SchedulerOptions"]

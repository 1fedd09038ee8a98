"""Which trial goes on: typed options, each of which builds its scheduler."""

from caviar.schedulers.options import (
    Asha,
    HyperBand,
    Median,
    NoStopping,
    Pbt,
    SchedulerOptions,
)
from caviar.schedulers.panda_options import Panda

__all__ = ["Asha", "HyperBand", "Median", "NoStopping", "Panda", "Pbt", "SchedulerOptions"]

"""Terminals in memory, and sweeps that have something to say on them."""

from __future__ import annotations

import io

from rich.console import Console
from without_ray import controller, run_trial

from caviar.schedulers import Asha


def console(*, terminal=False, width=100):
    """A console that writes into its `file`."""
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=width, height=40, color_system=None
    )


def said(console):
    return console.file.getvalue()


STOPPING = Asha(quota=False)


def judged(*values, **options):
    """A sweep by ASHA after the default, which runs to epoch 3, and trials with these values at the
    first rung."""
    sweep = controller(scheduler=STOPPING, max_epochs=3, **options)
    sign = 1 if sweep.trials.objective.direction == "max" else -1
    run_trial(sweep, [sign * 0.5, sign * 0.6, sign * 0.7])
    for value in values:
        run_trial(sweep, [sign * value, sign * 0.8, sign * 0.9])
    return sweep

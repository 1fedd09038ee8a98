"""Why a sweep ended before its last trial, in words, and the line that goes on with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from pipelines.engine import files, sessions
from pipelines.engine.budget import HOPELESS, Stop
from pipelines.engine.causes import causes
from pipelines.engine.conductor import Conductor
from pipelines.engine.storage import written
from pipelines.engine.sweep import Sweep
from pipelines.engine.words import duration, shortened


def say(
    conductor: Conductor,
    sweep: Sweep,
    console: Console,
    *,
    recipe: str,
    name: str,
    first: Mapping[str, Any],
    ran: bool,
    finals: str | None = None,
) -> None:
    """Print it; nothing when the last trial has run.

    ``first`` holds the options of the first session, which the line need not repeat, ``ran`` says
    whether this session trained an epoch, and ``finals`` why they stopped before their end.
    """
    reason = finals or conductor.ended_because
    if reason is None:
        return
    if finals is None and reason == Stop.EXHAUSTED:
        who, count = type(sweep.searcher).__name__, len(conductor.records)
        text = f"Ended ({reason}): {who} knows of {count} trials and no more."
    else:
        command = ["caviar", "sweep", recipe, "--storage", written(sweep.storage)]
        command += ["--name", name]
        command += ["--resume", *_options(reason, conductor, sweep, first)]
        stopped = "Stopped" if ran else "Nothing was run"
        if finals is not None:
            stopped, why = "Stopped in the finals", ""
        elif reason == Stop.FAILURES:
            why = _hopeless(conductor, sweep, name)
        else:
            why = _why(reason, sweep)
        text = f"{stopped} ({reason}){why}. Go on with:\n  {shlex.join(command)}"
    # A folder may have brackets in its name.
    console.print(f"\n{text}", markup=False, highlight=False, soft_wrap=True)


def _why(reason: str, sweep: Sweep) -> str:
    if reason == Stop.TIME and sweep.time_budget is not None:
        return f": {duration(sweep.time_budget)} are spent"
    words = {
        Stop.EPOCHS: f": {sweep.max_total_epochs} epochs are trained",
        Stop.GPU_HOURS: f": {sweep.gpu_hours} GPU-hours are spent",
        Stop.PATIENCE: f": {sweep.patience} trials have ended without a better value",
        Stop.VALUE: f": {sweep.metric} has come to {sweep.stop_at}",
    }
    return next((text for stop, text in words.items() if stop == reason), "")


def _hopeless(conductor: Conductor, sweep: Sweep, name: str) -> str:
    """What most of them died of, and where to read on."""
    ours = {n: r for n, r in conductor.records.items() if r.session == conductor.session}
    commonest = causes(ours)[0]
    return (
        f": the first {HOPELESS} trials of this session all failed before the end of an epoch, "
        f"most often with {shortened(commonest.error)}; the tracebacks are in "
        f"{written(sweep.storage / name / files.ERRORS)}"
    )


def _options(
    reason: str, conductor: Conductor, sweep: Sweep, first: Mapping[str, Any]
) -> list[str]:
    """The limits that are not those of the first session; what stopped the sweep is raised."""
    asked = {name: getattr(sweep, name) for name in sessions.BUDGETS}
    changed = {name: value for name, value in asked.items() if value != first.get(name, value)}
    spent = {
        Stop.TIME: ("time_budget", conductor.elapsed),
        Stop.EPOCHS: ("max_total_epochs", conductor.epochs),
        Stop.GPU_HOURS: ("gpu_hours", conductor.meter.gpu_hours),
        Stop.PATIENCE: ("patience", 0),
    }
    for stop, (name, used) in spent.items():
        if stop == reason and asked[name] is not None:
            changed[name] = _twice(asked[name], used)
    if reason == Stop.VALUE:
        changed["stop_at"] = None
    return [word for name, value in changed.items() for word in (_option(name), _text(value))]


def _twice(limit: float, used: float) -> float:
    """Twice the limit, as often as it takes to exceed what is spent."""
    raised = 2 * limit
    while raised <= used:
        raised *= 2
    return raised


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _text(value: float | None) -> str:
    return "None" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

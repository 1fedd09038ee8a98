"""Why a sweep ended before its last trial, in words, and the line that continues it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from rich.console import Console

from caviar.base.failures import failure_groups
from caviar.base.format import duration, shortened
from caviar.base.uris import written
from caviar.controller.budget import HOPELESS
from caviar.controller.controller import SweepController
from caviar.store import layout
from caviar.sweep import rerun
from caviar.sweep.limits import Stop
from caviar.sweep.sweep import Sweep


def say(
    controller: SweepController,
    sweep: Sweep,
    console: Console,
    *,
    recipe: str,
    name: str,
    ran: bool,
    script: Sequence[str] | None = None,
    finals: str | None = None,
) -> None:
    """Print it; nothing when the last trial has run.

    `ran` says whether this session trained an epoch, `script` what starts it as of `run`, and
    `finals` why they stopped before their end. The line says what to raise: a sweep that continues
    takes the other options from its last session.
    """
    reason = finals or controller.ended_because
    if reason is None:
        return
    if finals is None and reason == Stop.EXHAUSTED:
        who, count = type(sweep.searcher).__name__, len(controller.trials)
        text = f"Ended ({reason}): {who} has no more than these {count} trials."
    else:
        raised = _raised(reason, controller, sweep)
        line = _line(sweep, raised, recipe=recipe, name=name, script=script)
        stopped = "Stopped" if ran else "Nothing was run"
        if finals is not None:
            stopped, why = "Stopped in the finals", ""
        elif reason == Stop.FAILURES:
            why = _hopeless(controller, sweep, name)
        else:
            why = _why(reason, sweep)
        text = f"{stopped} ({reason}){why}. Go on with:\n  {line}"
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


def _hopeless(controller: SweepController, sweep: Sweep, name: str) -> str:
    """What most of them died of, and where to read on."""
    ours = {n: r for n, r in controller.trials.items() if r.session == controller.session}
    commonest = failure_groups(ours)[0]
    return (
        f": the first {HOPELESS} trials of this session all failed before the end of an epoch, "
        f"most often with {shortened(commonest.message)}; the tracebacks are in "
        f"{written(sweep.storage / name / layout.ERRORS)}"
    )


def _raised(reason: str, controller: SweepController, sweep: Sweep) -> dict[str, float | None]:
    """The limit that stopped the sweep, by the name of its option, so that it does not again."""
    if reason == Stop.VALUE:
        return {"stop_at": None}
    spent = {
        Stop.TIME: ("time_budget", sweep.time_budget, controller.elapsed),
        Stop.EPOCHS: ("max_total_epochs", sweep.max_total_epochs, controller.trials.epochs),
        Stop.GPU_HOURS: ("gpu_hours", sweep.gpu_hours, controller.meter.gpu_hours),
        Stop.PATIENCE: ("patience", sweep.patience, 0),
    }
    return {
        name: _twice(limit, used)
        for stop, (name, limit, used) in spent.items()
        if stop == reason and limit is not None
    }


def _line(
    sweep: Sweep,
    raised: Mapping[str, float | None],
    *,
    recipe: str,
    name: str,
    script: Sequence[str] | None,
) -> str:
    """What continues the sweep: a command line, or the call where it was started from Python."""
    command = script or rerun.start(recipe)
    if command is None:
        options = {"name": name, "resume": True, **raised}
        of_recipe = "" if recipe == rerun.PYTHON else f", recipe={recipe!r}"
        arguments = ", ".join(f"{option}={value!r}" for option, value in options.items())
        return f"run(Sweep(…, {arguments}){of_recipe})"
    words = [*command, "--storage", written(sweep.storage), "--name", name, "--resume"]
    for option, value in raised.items():
        words += [_option(option), _text(value)]
    return shlex.join(words)


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

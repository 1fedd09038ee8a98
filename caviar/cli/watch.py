"""`caviar watch`: the live view of a sweep that was started elsewhere."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.panel import Panel

from caviar.base.errors import UsageError
from caviar.cli.arguments import add_experiment
from caviar.store import experiments
from caviar.store.session import How
from caviar.terminal import live_view

if TYPE_CHECKING:
    from caviar.terminal.watched import Watched

_RECENT = 6


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "watch",
        help="the live view of a sweep that runs elsewhere, until it ends",
        description="Show a sweep that another terminal or a cluster runs, as its folder in the "
        "storage has it, until it ends. Ctrl-C ends the watching, not the sweep.",
    )
    add_experiment(parser)
    parser.add_argument(
        "--every",
        metavar="SECONDS",
        type=float,
        default=2.0,
        help="the time between two looks (default: 2)",
    )
    parser.set_defaults(run=_watch)


def _watch(asked: argparse.Namespace) -> int:
    if not 0 < asked.every < float("inf"):
        raise UsageError(
            f"--every is a number of seconds above 0, and it is {asked.every:g}: give 2, or leave "
            "it out."
        )
    experiment = experiments.find(asked.experiment, asked.storage)
    from caviar.terminal.watched import Watched  # Optuna, half a second

    watched = Watched(experiment)
    try:
        _until_it_ends(watched, Console(), experiment.name, every=asked.every)
    finally:
        watched.close()
    return 0


def _until_it_ends(watched: Watched, console: Console, name: str, *, every: float) -> None:
    """Where there is no terminal, a line for each trial that ends meanwhile, and the end."""
    seen: set[int] = set()
    recent: list[int] = []
    with Live(console=console, auto_refresh=False, transient=True) as live:
        first = True
        while True:
            began = time.monotonic()
            watched.look()
            over = {n: r for n, r in watched.trials.items() if not r.unfinished and n not in seen}
            new = sorted(over, key=lambda n: (over[n].over or 0, n))
            seen.update(new)
            recent = [*recent, *new][-_RECENT:]
            if console.is_terminal:
                live.update(_view(watched, name, recent, console.size.height), refresh=True)
            elif not first:
                for n in new:
                    line = live_view.trial_line(watched, over[n], watched.reason(n))
                    console.print(line, soft_wrap=True, highlight=False)
            first = False
            if watched.ended:
                break
            # A long history takes long to read: no more than a quarter of the time goes there.
            time.sleep(max(every, 3 * (time.monotonic() - began)))
    console.print(_view(watched, name, recent, console.size.height))


def _view(watched: Watched, name: str, recent: list[int], height: int) -> Panel:
    state = watched.state
    if state.how is How.UNKNOWN and not state.in_finals:
        foot = "runs on another machine, or was killed there; Ctrl-C ends the watching"
    elif watched.ended:
        foot = str(state)
    else:
        foot = "running; Ctrl-C ends the watching, not the sweep"
    details = live_view.Details(
        title=f"caviar sweep {name}",
        foot=foot,
        rate=watched.trials.epochs / max(watched.elapsed, 1e-9),
        runs=not watched.ended,
        gpu_hours=watched.gpu_hours,
        rungs=watched.rungs,
        decisions=watched.decisions,
        recent=recent,
    )
    return live_view.panel(watched, details, height=height)

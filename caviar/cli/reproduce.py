"""`caviar reproduce`: a trial trained again, and whether its curve comes again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from caviar.base.format import configuration, how_it_ended
from caviar.base.trial import Report
from caviar.cli import arguments
from caviar.driver import loading
from caviar.store import experiments

TOLERANCE = 1e-6


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "reproduce",
        help="train a trial again, and compare the curves",
        description="Train a trial of a sweep again in this process, with its configuration, seed, "
        "data and options, and compare the curve with the recorded one. Before a fork of pbt or "
        "panda the trials that it goes on from are trained. On the machine and with the versions "
        "of the sweep the difference is 0. Exit code 1 where it is larger than the tolerance.",
    )
    arguments.add_experiment(parser)
    parser.add_argument("trial", metavar="TRIAL", type=int, help="the number of the trial")
    parser.add_argument(
        "--tolerance",
        metavar="X",
        type=float,
        default=TOLERANCE,
        help=f"how far a metric may be off (default: {TOLERANCE:g}); other processors round "
        "otherwise, and training makes that grow",
    )
    arguments.add_places(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    experiment = experiments.find(asked.experiment, asked.storage)
    from caviar.after import reproduction
    from caviar.controller import forks

    before = reproduction.original(experiment, asked.trial)
    record = before.record
    sweep = reproduction.with_other_places(
        before.options, data_dir=asked.data_dir, trainable=asked.trainable
    )
    trainable = loading.load_trainable(sweep)
    loading.check_metric(sweep, trainable)
    dataset, _ = loading.load_data(sweep)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"trial {record.number} of {experiment.name}: {how_it_ended(record.outcome)}, "
        f"{record.epoch} epochs, seed {record.seed}\n{configuration(record.config)}"
    )
    if before.ancestors:
        console.print("It is a fork, so what it goes on from is trained first:")
    for part in forks.schedule(before.ancestors, record):
        console.print(f"  {part}")
    console.print()
    console.print(f"{'epoch':>5}  {sweep.metric + ' then':>20}  {'now':>20}  difference")

    def line(report: Report, now: Mapping[str, float]) -> None:
        here = report.metrics.get(sweep.metric), now.get(sweep.metric)
        gap = reproduction.difference(report, now)
        where = f" ({gap.metric})" if gap.size else ""
        console.print(f"{report.epoch:>5}  {here[0]!s:>20}  {here[1]!s:>20}  {gap.size:.3g}{where}")

    found = reproduction.run(before, sweep, trainable, dataset, on_epoch=line)
    if found.traceback is not None:
        print(found.traceback, file=sys.stderr)
    console.print()
    console.print(_verdict(found, asked.tolerance))
    console.print(_surroundings(found))
    return 0 if found.is_same(asked.tolerance) else 1


def _verdict(found: Any, tolerance: float) -> str:
    """What came of it, in one line."""
    record = found.original.record
    gap = found.difference
    where = "" if gap.metric is None else f" ({gap.metric} at epoch {gap.epoch})"
    said = f"largest difference {gap.size:.3g}{where} over {found.epochs} epochs"
    if found.missing:
        said += f", and {found.missing} recorded epochs did not come again"
    if found.error is not None or record.error is not None:
        said += f"; then: {record.error or 'no error'}; now: {found.error or found.outcome}"
    elif found.outcome is not None:
        said += f"; now it ended as {found.outcome.replace('_', ' ')}"
    return ("The same: " if found.is_same(tolerance) else "Not the same: ") + said


def _surroundings(found: Any) -> str:
    """Which versions and which data are others now."""
    others = [f"{name} {then} then, {now} now" for name, then, now in found.other_versions()]
    data = found.other_data()
    if data is not None:
        others.append(f"data: {data[0]} then, {data[1]} now")
    workers = found.original.options.workers
    if workers > 1:
        others.append(f"workers: {workers} a trial then, one process now, which adds otherwise")
    if others:
        return "\n".join(["What differs:", *(f"  {other}" for other in others)])
    # Without a checksum its values may be others now.
    noted = {"versions": found.original.versions, "data": found.original.checksum}
    known = [name for name, value in noted.items() if value is not None]
    if not known:
        return "The sweep did not note its versions and its data."
    return f"Its {' and '.join(known)} are those of the sweep."

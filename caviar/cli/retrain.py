"""`caviar retrain`: the best configuration trained on all rows, or for more epochs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from caviar.base.format import configuration, number
from caviar.base.trial import TrialRecord
from caviar.cli import arguments
from caviar.driver import loading
from caviar.store import experiments, recording

FOLDER = "retrained"
"""Where it is put by default, in the folder of the sweep."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "retrain",
        help="train the best configuration on all rows, or for more epochs",
        description="Train one configuration of a sweep again: by default the best one, on the "
        "training and the validation rows together, for as many epochs as its best one took. A "
        "fork of pbt or panda is trained from the start. The test rows are looked at once, at the "
        "end. Exit code 1 where the training diverges or runs out of memory.",
    )
    arguments.add_experiment(parser)
    parser.add_argument(
        "--trial", metavar="N", type=int, help="the number of a trial; the best one by default"
    )
    parser.add_argument(
        "--on",
        choices=("train", "train+val"),
        default="train+val",
        help="train+val: all rows but the test's, the last epoch is kept (default); train: the "
        "rows of the sweep, the best epoch on the validation rows is kept",
    )
    parser.add_argument(
        "--epochs",
        metavar="E",
        type=int,
        help="by default as many as the best epoch of the trial took; with --on train as many as "
        "the sweep gave",
    )
    parser.add_argument(
        "--schedule-over",
        metavar="E",
        type=int,
        help="epochs over which a schedule that depends on their number (cosine) runs its course; "
        "by default --epochs, or those of the sweep where --epochs is left out",
    )
    parser.add_argument("--seed", metavar="S", type=int, help="the trial's own by default")
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        type=Path,
        help=f"where the checkpoint and its notes go; {FOLDER}/trial-N in the folder of the sweep "
        "by default",
    )
    arguments.add_places(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    experiment = experiments.find(asked.experiment, asked.storage)
    from caviar.after import reproduction, retraining
    from caviar.store import atomic_folder

    record = _record(experiment, asked.trial)
    before = reproduction.original(experiment, record.number)
    sweep = reproduction.with_other_places(
        before.options, data_dir=asked.data_dir, trainable=asked.trainable
    )
    plan = retraining.plan(
        experiment,
        record,
        rows=asked.on,
        epochs=asked.epochs,
        schedule_over=asked.schedule_over,
        seed=asked.seed,
        ancestors=before.ancestors,
    )
    out = asked.out or experiment.folder / FOLDER / f"trial-{record.number:04d}"
    atomic_folder.check_free(out)
    trainable = loading.load_trainable(sweep)
    retraining.check_trainable(trainable, plan.rows)
    data, inputs = retraining.load_rows(sweep, plan.rows)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"trial {record.number} of {experiment.name}\n{configuration(record.config)}\n")
    console.print(f"data       {data.describe()}")
    if recording.is_other_data(before.checksum, data):
        console.print(
            f"           other than the sweep's: {before.data} (checksum {before.checksum} then, "
            f"{data.checksum} now)"
        )
    console.print(f"epochs     {plan.epochs}, seed {plan.seed}")
    for note in plan.notes(sweep):
        console.print(note)
    console.print()

    def line(epoch: int, metrics: Mapping[str, float]) -> None:
        shown = [
            f"{name} {number(value)}"
            for name, value in metrics.items()
            if not name.endswith(("epoch", "seconds", "per_second"))
        ]
        console.print(f"{epoch:>5}/{plan.epochs}  {'  '.join(shown)}")

    try:
        found = retraining.run(
            plan, experiment, sweep, trainable, data, inputs, out=out, on_epoch=line
        )
    except retraining.TrainingFailed as error:
        print(f"caviar: {error}", file=sys.stderr)
        return 1
    test = found["test"]
    scores = "not taken: the class cannot score rows by itself"
    if test is not None:
        scores = "  ".join(f"{name} {number(value)}" for name, value in test.items())
    console.print(f"\ntest       {scores}\nfolder     {out}")
    if found["estimator"] is not None:
        console.print(f"estimator  {found['estimator']}")
    return 0


def _record(experiment: experiments.Experiment, trial: int | None) -> TrialRecord:
    records = experiment.trials()
    if trial is None:
        return experiment.best(records)
    return experiments.trial(records, trial, experiment.name)

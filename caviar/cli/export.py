"""`caviar export`: the weights of a trial with configuration and model card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from caviar.base.format import configuration, number
from caviar.cli import arguments
from caviar.driver import loading
from caviar.store import experiments


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "export",
        help="write a trial's model, configuration and model card",
        description="Write the model of a trial, by default the best one, with its configuration "
        "and a model card into a folder that needs no sweep.",
    )
    arguments.add_experiment(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--trial", metavar="N", type=int, help="the number of a trial; the best one by default"
    )
    which.add_argument(
        "--from",
        dest="retrained",
        metavar="FOLDER",
        type=Path,
        help="what caviar retrain wrote, in place of a trial's own checkpoint",
    )
    parser.add_argument(
        "--format",
        choices=("state_dict", "torchscript", "torch_export"),
        default="state_dict",
        help="state_dict: the weights alone (default); torch_export and torchscript: the whole "
        "model, which torch loads without Caviar and which standardises its input itself",
    )
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="a new folder")
    arguments.add_places(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    experiment = experiments.find(asked.experiment, asked.storage)
    from caviar.after import exporting, reproduction
    from caviar.store import atomic_folder

    atomic_folder.check_free(asked.out)
    records = experiment.trials()
    if asked.retrained is not None:
        retrained, trial = exporting.of_a_retraining(experiment, asked.retrained)
        record = experiments.trial(records, trial, experiment.name)
    else:
        retrained = None
        record = experiment.best(records)
        if asked.trial is not None:
            record = experiments.trial(records, asked.trial, experiment.name)
    before = reproduction.original(experiment, record.number)
    sweep = reproduction.with_other_places(
        before.options, data_dir=asked.data_dir, trainable=asked.trainable
    )
    trainable = loading.load_trainable(sweep)
    exporting.check_trainable(trainable, experiment, record)
    source = retrained or exporting.of_the_sweep(experiment, before, trainable)
    found = exporting.write(
        experiment, record, source, sweep, trainable, form=asked.format, out=asked.out
    )
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"trial {record.number} of {experiment.name}, epoch {found['epoch']}\n"
        f"{configuration(record.config)}\n"
    )
    for name, value in found["metrics"].items():
        if name == sweep.metric:
            console.print(f"{name:<16}{number(value)}")
    for name, value in (found["test"] or {}).items():
        console.print(f"{'test ' + name:<16}{number(value)}")
    console.print(f"model           {asked.out / found['file']}")
    console.print(f"card            {asked.out / 'README.md'}: choose a license in it")
    return 0

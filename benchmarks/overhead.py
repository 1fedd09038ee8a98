"""What Caviar costs beside plain Ray Tune and a plain PyTorch loop, all measured in one run.

    python benchmarks/overhead.py                          # about 35 minutes on two cores
    python benchmarks/overhead.py --seeds 0 --seconds 60   # a quick look

(a) wall seconds a trial, for trials with nothing to train; (b) training epochs a second of one MLP;
(c) job J1: two workers sweep an MLP on Fashion-MNIST for 120 seconds, imports and Ray's start
included. Prints the ratios and the seconds they are made of, and writes them to
`benchmarks/results/overhead.md` and `overhead.json`. Needs Fashion-MNIST (Debian's package
dataset-fashion-mnist, or --data) and an otherwise quiet machine: the load of others is printed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from overhead_parts import children, epochs, j1, trivial

from caviar.store.summary import versions
from trainables.data import find_fashion_mnist
from trainables.loops.onednn import is_faster

RESULTS = Path(__file__).parent / "results"
WAITING = ("between epochs", "between trials")
TOOLS = {"ours": "Caviar", "plain": "plain Ray", "reused": "Ray by hand"}
Runs = Mapping[str, list[j1.Outcome]]
"""The runs of job J1 by tool, those of the same seed at the same place."""
EXPECTED = {"trial": 10.0, "epoch": 1.5, "j1_epochs": 8.0, "first": 6.0, "catch_up": 25.0}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120, help="length of job J1")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)), help="of job J1")
    parser.add_argument("--rounds", type=int, default=12, help="of the comparison of epochs")
    parser.add_argument("--repeats", type=int, default=3, help="of the trials without work")
    parser.add_argument("--data", help="the folder of the four Fashion-MNIST files")
    asked = parser.parse_args()
    place = find_fashion_mnist(asked.data)
    if place is None:
        parser.error("Fashion-MNIST is not on this machine: name its folder with --data")

    busy = children.others_busy()
    trivials = [(trivial.measure("ours"), trivial.measure("plain")) for _ in range(asked.repeats)]
    rates = epochs.measure(asked.rounds)
    runs: Runs = {tool: [] for tool in TOOLS}
    for seed in asked.seeds:  # by turns, so that a change of the machine meets all of them
        for tool, measured in runs.items():
            measured.append(j1.measure(tool, asked.seconds, seed, place))
    text = "\n".join(
        [*head(busy), *trivial_part(trivials), *epoch_part(rates), *j1_part(runs, asked.seconds)]
    )
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "overhead.md").write_text(text + "\n")
    numbers = {
        "date": time.strftime("%Y-%m-%d"),
        "versions": versions(),
        "others_busy": busy,
        "trivial": [[dataclasses.asdict(cost) for cost in pair] for pair in trivials],
        "epochs": dataclasses.asdict(rates),
        "j1": {tool: [short(r, asked.seconds) for r in found] for tool, found in runs.items()},
    }
    (RESULTS / "overhead.json").write_text(json.dumps(numbers, indent=1) + "\n")


def head(busy: float | None) -> list[str]:
    """Date, machine, versions."""
    known = ", ".join(f"{name} {version}" for name, version in versions().items())
    load = "unknown" if busy is None else f"{busy:.0%} of the processors"
    return [
        "# Overhead: Caviar beside plain Ray Tune and plain PyTorch",
        "",
        f"{time.strftime('%Y-%m-%d')}; {platform.machine()}, {os.cpu_count()} cores; {known}. "
        f"Load of others before the start: {load}. Written by `python benchmarks/overhead.py`.",
        "Ratios hold within this run; the seconds are this machine's.",
        "",
    ]


def trivial_part(pairs: Sequence[tuple[trivial.Cost, trivial.Cost]]) -> list[str]:
    """(a)"""
    ours = [pair[0] for pair in pairs]
    plain = [pair[1] for pair in pairs]
    ratio = statistics.median(b.span / a.span for a, b in pairs)
    whole = statistics.median(b.whole / a.whole for a, b in pairs)

    def row(name: str, costs: Sequence[trivial.Cost]) -> list[str]:
        return [
            name,
            f"{statistics.median(c.span for c in costs):.3f}",
            f"{statistics.median(c.whole for c in costs):.3f}",
        ]

    return [
        f"## (a) {trivial.TRIALS} trials of {trivial.REPORTS} reports with nothing to train",
        "",
        f"**{ratio:.1f} times** less a trial (expected: {EXPECTED['trial']:g}); {whole:.1f} times "
        "with the start and the end of Ray.",
        "",
        *table(
            ["wall seconds a trial", "first to last trial", "whole process"],
            [
                row("Caviar (actors reused; history, summary and checkpoints written)", ours),
                row("Ray Tune, class trainable, no reuse", plain),
            ],
        ),
        "",
    ]


def epoch_part(rates: epochs.Rates) -> list[str]:
    """(b)"""
    return [
        f"## (b) Training epochs a second: MLP 784–{epochs.HIDDEN}–10, {epochs.ROWS} images, "
        f"batch {epochs.BATCH}, one thread",
        "",
        f"**{rates.ratio:.2f} times** (median over {rates.rounds} rounds, by turns; expected: "
        f"{EXPECTED['epoch']:g})",
        "",
        *table(
            ["", "epochs a second"],
            [
                ["Caviar's loop, training", f"{rates.ours:.1f}"],
                ["nn.Module, DataLoader over a TensorDataset, torch.optim", f"{rates.plain:.1f}"],
                [
                    f"Caviar's loop with the evaluation on {epochs.VAL_ROWS} images",
                    f"{rates.ours_with_validation:.1f}",
                ],
            ],
        ),
        "",
    ]


def j1_part(runs: Runs, seconds: float) -> list[str]:
    """(c)"""
    ours, plain, reused = runs["ours"], runs["plain"], runs["reused"]
    reached = [mine.reaches(its.best) for mine, its in zip(ours, plain, strict=True)]
    caught = ["never" if at is None else f"{at:.1f} s" for at in reached]
    moments = [moment for moment in j1.MOMENTS if moment <= seconds]
    products = (
        ", and the large products of matrices by oneDNN, which this processor runs faster than MKL"
        if is_faster()
        else ""
    )
    return [
        f"## (c) Job J1, {seconds:g} s from the start of the process, two workers",
        "",
        f"**{times(ours, plain):.1f} times the epochs** of plain Ray (expected: "
        f"{EXPECTED['j1_epochs']:g}). "
        f"First result after {spread([run.first for run in ours])} s (expected: "
        f"{EXPECTED['first']:g}; plain Ray {spread([run.first for run in plain])} s). "
        f"Plain Ray's best after {seconds:g} s was reached after {', '.join(caught)} "
        f"(expected: {EXPECTED['catch_up']:g} s).",
        "",
        "The layers are the same: Caviar trains its own MLP, with He's initial weights, dropout "
        f"masks drawn ahead{products}; plain Ray an `nn.Sequential` as one writes it, with "
        "torch's, and a DataLoader, as Ray's documentation has it. Ray by hand is what someone "
        "writes who knows where its seconds go: a class trainable whose actors are reused, rows in "
        f"the object store and slices of them. It has {times(reused, plain):.1f} times plain Ray's "
        f"epochs, and Caviar {times(ours, reused):.1f} times the epochs of that.",
        "",
        *table(
            ["", "trials", "epochs", "first result, s", *(f"best at {m} s" for m in moments)],
            [
                [
                    f"{TOOLS[run.tool]}, seed {run.seed}",
                    str(run.trials),
                    str(run.epochs),
                    f"{run.first:.1f}",
                    *(("–" if (b := run.best_at(m)) is None else f"{b:.4f}") for m in moments),
                ]
                for found in runs.values()
                for run in found
            ],
        ),
        "",
        "Of the epochs had batches of 32 rows, the slowest: "
        + ", ".join(f"{name} {small_batches(runs[tool]):.0%}" for tool, name in TOOLS.items())
        + ".",
        "",
        *worker_seconds(runs),
        "",
        *what_is_left(ours, plain),
        "",
    ]


def times(these: Sequence[j1.Outcome], those: Sequence[j1.Outcome]) -> float:
    """How many times the epochs, mean over the seeds."""
    return statistics.mean(a.epochs / b.epochs for a, b in zip(these, those, strict=True))


def small_batches(runs: Sequence[j1.Outcome]) -> float:
    """The share of the epochs with the smallest batches."""
    return sum(run.batch_sizes.get(32, 0) for run in runs) / sum(run.epochs for run in runs)


def worker_seconds(runs: Runs) -> list[str]:
    """What the workers of each tool did, and what its driver took."""

    def row(name: str, seconds: Callable[[j1.Outcome], float]) -> list[str]:
        sums = [(sum(map(seconds, found)), found) for found in runs.values()]
        return [
            name,
            *(f"{total / len(found):.1f}" for total, found in sums),
            *(f"{1000 * total / sum(r.epochs for r in found):.1f}" for total, found in sums),
        ]

    names = TOOLS.values()
    return [
        "Where the seconds of the workers went (mean over seeds):",
        "",
        *table(
            ["", *(f"{n}, s" for n in names), *(f"{n}, ms an epoch" for n in names)],
            [
                *(row(part, lambda run, name=part: run.parts[name]) for part in j1.PARTS),
                row("(the driver's CPU)", lambda run: run.driver_cpu_seconds),
            ],
        ),
    ]


def what_is_left(ours: Sequence[j1.Outcome], plain: Sequence[j1.Outcome]) -> list[str]:
    """Where Caviar's workers do not train, and why."""
    everything = sum(sum(run.parts.values()) for run in ours)
    working = sum(run.parts["train"] + run.parts["evaluate"] for run in ours)

    def share(*parts: str) -> str:
        return f"{sum(run.parts[part] for run in ours for part in parts) / everything:.0%}"

    return [
        f"What is left of a worker's time in Caviar: training {share('train')}, evaluation "
        f"{share('evaluate')}, start-up {share('start-up')}, waiting {share(*WAITING)}, the rest "
        f"{share('build', 'load data', 'checkpoint')}. The start-up is Ray's own processes, then "
        "the imports of torch and Ray in a worker, which are begun as soon as Ray takes a job. The "
        "waiting is one round trip to the driver a report, and its work on a new trial: the "
        "proposal of the model, the history on disk, Ray's own loop, on the cores that the workers "
        "train on. Were there nothing but training and evaluation, it would be "
        f"{times(ours, plain) * everything / working:.1f} times the epochs of plain Ray: the rest "
        "is how long an epoch takes of the configurations that each model prefers, about half of "
        "it in matrix products."
    ]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [
        f"| {' | '.join(heads)} |",
        f"| {' | '.join(['---'] * len(heads))} |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def spread(values: Sequence[float]) -> str:
    """`5.2–5.9`, or one figure."""
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low}–{high}"


def short(run: j1.Outcome, seconds: float) -> dict[str, Any]:
    """A run without its whole curve."""
    values = dataclasses.asdict(run)
    del values["curve"]
    best = {moment: run.best_at(moment) for moment in j1.MOMENTS if moment <= seconds}
    return {**values, "epochs": run.epochs, "first": run.first, "best_at": best}


if __name__ == "__main__":
    main()

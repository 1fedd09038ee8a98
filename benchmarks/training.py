"""Epochs a second of our loops beside the plain PyTorch loop, and what else an epoch costs.

    python benchmarks/training.py             # about 4 minutes on two cores
    python benchmarks/training.py --rounds 1  # a quick look

(a) an MLP on Fashion-MNIST, a CNN and a ResNet-18 on the subset of CIFAR-10, against the loop of
PyTorch's tutorials (DataLoader with two workers, and with none), by turns in one run; on a GPU the
operations a second too, against a large product of matrices; (b) the cost of metrics, validation
and checkpoints; (c) the cost of five folds, in epochs of one. Writes `results/training.md` and
`training.json`. Ray is not imported. Needs Fashion-MNIST (--fashion-mnist, or Debian's package
dataset-fashion-mnist) and `cifar10_6k.npz` (--cifar10), and an otherwise quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training_parts import costs, flops, plain
from training_parts.jobs import Job, jobs

from trainables.data import Dataset, load

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CIFAR10 = ROOT.parent / "shared" / "data" / "cifar10_6k.npz"
WORKERS = 2


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison")
    parser.add_argument("--fashion-mnist", metavar="FOLDER", help="the folder of its four files")
    parser.add_argument("--cifar10", type=Path, default=CIFAR10, help="the .npz of a subset")
    asked = parser.parse_args()
    if not asked.cifar10.is_file():
        parser.error(f"{asked.cifar10} is not there: name an .npz of CIFAR-10 with --cifar10")
    started = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)  # as a trial has it, of which several run side by side
    on_gpu = device.type == "cuda"
    grey = load(
        "fashion_mnist", data_dir=asked.fashion_mnist, train_size=10_000, val_size=2_000
    ).standardised()
    colour = load(
        "cifar10", data_dir=str(asked.cifar10), train_size=4_000 if on_gpu else 500, val_size=250
    ).standardised()
    work = jobs(grey, colour)
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if on_gpu else f"{platform.machine()}, one thread",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "epochs": [_epochs(job, device, asked.rounds) for job in work],
        "costs": [_costs(job, device, asked.rounds) for job in work[:2]],
        "folds": [_folds(job, device, asked.rounds) for job in _small(work)],
    }
    found["seconds"] = round(time.perf_counter() - started)
    assert "ray" not in sys.modules, "loops, models and data must not import Ray"
    text = _text(found)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "training.md").write_text(text)
    (RESULTS / "training.json").write_text(json.dumps(found, indent=1) + "\n")


def _epochs(job: Job, device: torch.device, rounds: int) -> dict[str, Any]:
    seconds = costs.by_turns(
        {
            "ours": job.loop(device).run_epoch,
            "plain": plain.epoch(job, device, WORKERS),
            "plain, no workers": plain.epoch(job, device, 0),
        },
        rounds,
    )
    rates = {name: 1 / statistics.median(found) for name, found in seconds.items()}
    row: dict[str, Any] = {
        "job": job.name,
        "data": job.data.describe(),
        "epochs_a_second": rates,
        "ratio": costs.ratio(seconds, "plain", "ours"),
        "ratio_without_workers": costs.ratio(seconds, "plain, no workers", "ours"),
    }
    if device.type == "cuda":
        row["flops_a_second"] = flops.of_a_row(job, device) * len(job.data.x_train) * rates["ours"]
        row["flops_of_the_device"] = flops.of_the_device(device)
    return row


def _costs(job: Job, device: torch.device, rounds: int) -> dict[str, Any]:
    return {
        "job": job.name,
        **costs.metrics(job, device, rounds),
        **costs.checkpoints(job, device, rounds),
    }


def _small(work: list[Job]) -> list[Job]:
    """Where folds cost least, and where they cost what they are."""
    digits: Dataset = load("digits").standardised()
    mlp = replace(work[0], name="MLP 64–32–10 on digits", data=digits, config={"units_1": 32})
    return [
        replace(mlp, batch_size=32),
        mlp,
        replace(work[0], name="MLP 784–100–100–10 on Fashion-MNIST"),
        replace(
            work[1],
            name="CNN, 2 blocks from 8 filters",
            config={"filters": 8, "conv_blocks": 2, "dense_units": 32},
        ),
    ]


def _folds(job: Job, device: torch.device, rounds: int) -> dict[str, Any]:
    return {
        "job": f"{job.name}, batches of {job.batch_size}",
        "folds": 5,
        "epochs_of_one": costs.folds(job, device, rounds),
    }


def _text(found: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        "# Training: Caviar's loops beside the plain PyTorch loop",
        "",
        f"{found['device']}, {found['cores']} cores; {versions}; load before the start "
        f"{found['load']}; {found['seconds']} s. Written by `python benchmarks/training.py`. "
        "Ratios are medians over rounds by turns; the seconds are this machine's.",
        "",
        "## Epochs a second, with validation",
        "",
        "| job | Caviar | DataLoader, 2 workers | DataLoader, none | times as fast | without "
        "workers |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in found["epochs"]:
        rates = row["epochs_a_second"]
        lines.append(
            f"| {row['job']}; {row['data']} | {rates['ours']:.3g} | {rates['plain']:.3g} | "
            f"{rates['plain, no workers']:.3g} | **{row['ratio']:.2f}** | "
            f"{row['ratio_without_workers']:.2f} |"
        )
    for row in found["epochs"]:
        if "flops_a_second" in row:
            share = row["flops_a_second"] / row["flops_of_the_device"]
            lines += [
                "",
                f"{row['job']}: {row['flops_a_second'] / 1e12:.3g} TFLOP/s, {share:.1%} of the "
                f"{row['flops_of_the_device'] / 1e12:.3g} of a product of matrices in bfloat16.",
            ]
    lines += [
        "",
        "## What an epoch costs beside its arithmetic",
        "",
        "| job | bare training epoch | metrics and divergence | validation | remember the best | "
        "write a checkpoint | read it |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in found["costs"]:
        times = [f"{1000 * row[name]:.3g} ms" for name in ("remember", "write", "read")]
        lines.append(
            f"| {row['job']} | {1000 * row['bare_seconds']:.3g} ms | {row['metrics']:+.1%} | "
            f"{row['validation']:+.1%} | {' | '.join(times)} |"
        )
    lines += [
        "",
        "## Five folds side by side, in epochs of one fold",
        "",
        "| job | epochs of one fold (5 would be one after the other) |",
        "| --- | --- |",
    ]
    lines += [f"| {row['job']} | **{row['epochs_of_one']:.2f}** |" for row in found["folds"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

"""What an epoch costs beside its arithmetic: metrics, checkpoints, folds."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from torch.nn import functional

from trainables.loops import (
    BestEpoch,
    Checkpoint,
    Execution,
    FoldData,
    FoldsLoop,
    build_optimizer,
    read_checkpoint,
    write_checkpoint,
)
from trainables.models import stack
from trainables.options import DeviceOptions
from training_parts.jobs import Job


def by_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round, one after the other; the first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(seconds: dict[str, list[float]], of: str, to: str) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(
        one / other for one, other in zip(seconds[of], seconds[to], strict=True)
    )


def metrics(job: Job, device: torch.device, rounds: int) -> dict[str, float]:
    """A training epoch with its losses, accuracy and the look for divergence, against the same
    batches without; and the validation, in shares of the bare epoch."""
    loop, other = job.loop(device), job.loop(device)

    def bare() -> None:
        for rows in other._order(1):
            x, y = other._batch(rows)
            with other._execution.precision():
                logits = other._logits(x)
            other.optimizer.zero_grad()
            functional.cross_entropy(logits, y).backward()
            other.optimizer.step()

    seconds = by_turns(
        {
            "bare": bare,
            "trained": lambda: loop._train(1, time.perf_counter()),
            "validated": loop._validate,
        },
        rounds,
    )
    return {
        "metrics": ratio(seconds, "trained", "bare") - 1,
        "validation": ratio(seconds, "validated", "bare"),
        "bare_seconds": statistics.median(seconds["bare"]),
    }


def checkpoints(job: Job, device: torch.device, rounds: int) -> dict[str, float]:
    """Seconds to remember the best epoch, and to write and read a checkpoint."""
    loop = job.loop(device)
    row = loop.run_epoch()
    best = BestEpoch("val_accuracy", "max", keep="last")
    with tempfile.TemporaryDirectory() as folder:

        def write() -> None:
            content = Checkpoint(
                state=loop.state_dict(),
                configuration=dict(job.config),
                metrics=row,
                best_epoch=1,
                best_metrics=row,
                best_weights=best.weights,
            )
            write_checkpoint(folder, content)

        ways: dict[str, Callable[[], object]] = {
            "remember": lambda: best.offer(row, loop.weights),
            "write": write,
            "read": lambda: loop.load_state_dict(read_checkpoint(folder).state),
        }
        seconds = by_turns(ways, rounds)
    return {name: statistics.median(found) for name, found in seconds.items()}


def folds(job: Job, device: torch.device, rounds: int, count: int = 5) -> float:
    """An epoch of all folds side by side, in epochs of one of them."""
    data = FoldData.of(job.data, count, 0, device)
    execution = Execution(DeviceOptions(), device)
    model = execution.prepare(stack([job.model() for _ in range(count)]))
    rates = {"learning_rate": job.learning_rate, "momentum": job.momentum}
    side_by_side = FoldsLoop(
        model,
        build_optimizer({"optimizer": "sgd", **rates}, model.parameters()),
        data,
        batch_size=job.batch_size,
        seed=0,
        device=device,
        execution=execution,
    )
    alone = _one_fold(job, count).loop(device)
    seconds = by_turns({"all": side_by_side.run_epoch, "one": alone.run_epoch}, rounds)
    return ratio(seconds, "all", "one")


def _one_fold(job: Job, count: int) -> Job:
    from dataclasses import replace

    from trainables.data.splits import fold_datasets

    return replace(job, data=fold_datasets(job.data, count, 0)[0])

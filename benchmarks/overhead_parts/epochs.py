"""(b) Training epochs a second of an MLP 784-128-10: ours, and nn.Module with a DataLoader.

python -m overhead_parts.epochs FOLDER SPAWNED ROUNDS
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overhead_parts import children

ROWS = 10_000
VAL_ROWS = 5_000
BATCH = 128
HIDDEN = 128
EPOCHS_A_TURN = 5
LEARNING_RATE, MOMENTUM = 0.01, 0.9


@dataclass(frozen=True, slots=True)
class Rates:
    """Epochs a second, medians over the rounds; `ratio` is the median of the rounds' ratios."""

    ours: float
    ours_with_validation: float
    plain: float
    ratio: float
    rounds: int


def measure(rounds: int) -> Rates:
    """Both by turns in one process, which has one thread."""
    child = children.run("overhead_parts.epochs", str(rounds))
    ours, whole, plain = (child.answer[name] for name in ("ours", "ours_with_validation", "plain"))
    return Rates(
        statistics.median(ours),
        statistics.median(whole),
        statistics.median(plain),
        statistics.median(a / b for a, b in zip(ours, plain, strict=True)),
        rounds,
    )


def _compare(rounds: int) -> dict[str, list[float]]:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from trainables.data import load
    from trainables.loops import SGD, Execution, SupervisedLoop, TensorData
    from trainables.options import DeviceOptions

    torch.set_num_threads(1)
    data = TensorData.of(load("fashion_mnist", train_size=ROWS, val_size=VAL_ROWS))

    def model() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, data.classes)
        )

    our_model = Execution(DeviceOptions(), "cpu").prepare(model())  # as a sweep prepares its MLP
    optimizer = SGD(our_model.parameters(), learning_rate=LEARNING_RATE, momentum=MOMENTUM)
    loop = SupervisedLoop(our_model, optimizer, data, batch_size=BATCH, seed=0)

    def ours() -> dict[str, float]:
        reports = [loop.run_epoch() for _ in range(EPOCHS_A_TURN)]
        trained = sum(ROWS / report["samples_per_second"] for report in reports)
        whole = sum(report["epoch_seconds"] for report in reports)
        return {"ours": EPOCHS_A_TURN / trained, "ours_with_validation": EPOCHS_A_TURN / whole}

    their_model = model()
    their_optimizer = torch.optim.SGD(their_model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    their_loss = nn.CrossEntropyLoss()
    loader: Any = DataLoader(
        TensorDataset(data.x_train, data.y_train), batch_size=BATCH, shuffle=True
    )

    def plain() -> dict[str, float]:
        their_model.train()
        start = time.perf_counter()
        for _ in range(EPOCHS_A_TURN):
            for x, y in loader:
                their_optimizer.zero_grad()
                their_loss(their_model(x), y).backward()
                their_optimizer.step()
        return {"plain": EPOCHS_A_TURN / (time.perf_counter() - start)}

    found: dict[str, list[float]] = {"ours": [], "ours_with_validation": [], "plain": []}
    turns: list[Callable[[], dict[str, float]]] = [ours, plain]
    for turn in turns:  # not counted: caches, first allocations
        turn()
    for number in range(rounds):
        for turn in turns if number % 2 == 0 else reversed(turns):
            for name, rate in turn().items():
                found[name].append(rate)
    return found


if __name__ == "__main__":
    _, folder, _, rounds = sys.argv
    children.answer(Path(folder), _compare(int(rounds)))

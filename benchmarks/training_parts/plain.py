"""The training loop of PyTorch's tutorials: a Dataset with a transform, a DataLoader with workers.

As https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html has it, with the
loss read for each batch, and its test loop at the end of the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training_parts.jobs import Job


class Images(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Bytes on the host, made a normalised tensor one by one, as ToTensor and Normalize do."""

    def __init__(self, x: Any, y: Any) -> None:
        self._mean, self._deviation = float(x.mean()), float(x.std())
        span = float(x.max() - x.min())
        self._low, self._span = float(x.min()), span
        self._x = np.round((x - x.min()) / span * 255).astype(np.uint8)
        self._y = y

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        image = torch.from_numpy(self._x[number]).float().div(255)
        image = image.mul(self._span).add(self._low)
        return image.sub(self._mean).div(self._deviation), int(self._y[number])


def epoch(job: Job, device: torch.device, workers: int) -> Callable[[], None]:
    """A function that trains one epoch, then tests."""
    data, model = job.data, job.model().to(device)
    train = DataLoader(
        Images(data.x_train, data.y_train), job.batch_size, shuffle=True, num_workers=workers
    )
    test = DataLoader(Images(data.x_val, data.y_val), job.batch_size, num_workers=workers)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=job.learning_rate, momentum=job.momentum)

    def run() -> None:
        model.train()
        seen = 0.0
        for x, y in train:
            x, y = x.to(device), y.to(device)
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            seen += loss.item()
        model.eval()
        found, right = 0.0, 0
        with torch.no_grad():
            for x, y in test:
                x, y = x.to(device), y.to(device)
                logits = model(x)
                found += criterion(logits, y).item()
                right += int((logits.argmax(1) == y).sum().item())

    return run

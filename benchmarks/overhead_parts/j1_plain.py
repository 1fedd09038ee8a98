"""Job J1 with plain Ray Tune: a function trainable, as Ray documents it.

The rows come from a DataLoader, as in its examples with torch; the validation rows come at once,
which is kinder to it.

python -m overhead_parts.j1_plain FOLDER SPAWNED SECONDS SEED DATA
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from ray import tune
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from overhead_parts import j1_job, j1_ray
from overhead_parts.marks import Marks


def train(config: dict[str, Any], place: Path) -> None:
    """One trial."""
    marks, me = Marks(), str(os.getpid())
    torch.set_num_threads(1)
    with marks.during(me, "load data"):
        pixels, labels = j1_ray.load(place)
        rows = TensorDataset(pixels[: j1_job.TRAIN_ROWS], labels[: j1_job.TRAIN_ROWS])
        batches = DataLoader(rows, batch_size=config["batch_size"], shuffle=True)
        x_val, y_val = pixels[j1_job.TRAIN_ROWS :], labels[j1_job.TRAIN_ROWS :]
    with marks.during(me, "build"):
        model = j1_job.build(config)
        optimizer = j1_ray.sgd(model, config)
        criterion = nn.CrossEntropyLoss()
    for _ in range(j1_job.MAX_EPOCHS):
        with marks.during(me, "train"):
            model.train()
            for x, y in batches:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
        with marks.during(me, "evaluate"):
            model.eval()
            with torch.no_grad():
                accuracy = (model(x_val).argmax(1) == y_val).double().mean().item()
        tune.report({"val_accuracy": accuracy})


if __name__ == "__main__":
    j1_ray.main(lambda place: tune.with_parameters(train, place=place), reuse_actors=False)

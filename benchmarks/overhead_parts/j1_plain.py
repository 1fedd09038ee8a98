"""Job J1 with plain Ray Tune: a function trainable, OptunaSearch and ASHA as Ray documents them.

The rows come from a DataLoader, as in its examples with torch; the validation rows come at once,
which is kinder to it.

python -m overhead_parts.j1_plain FOLDER SPAWNED SECONDS SEED DATA
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from overhead_parts import children, j1_job
from overhead_parts.marks import Marks


def space(trial: Any) -> None:
    """The search space, define-by-run, as the units of a layer depend on the number of layers."""
    trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
    trial.suggest_float("one_minus_momentum", 1e-3, 1e-1, log=True)
    trial.suggest_categorical("batch_size", [32, 64, 128, 256])
    for layer in range(1, trial.suggest_int("hidden_layers", 1, 3) + 1):
        trial.suggest_int(f"units_{layer}", 32, 256)
    trial.suggest_float("dropout", 0.0, 0.5)
    trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True)


def load(place: Path) -> tuple[Tensor, Tensor]:
    """The training images in 0 … 1 and their labels."""
    with gzip.open(place / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(place / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    rows = j1_job.TRAIN_ROWS + j1_job.VAL_ROWS
    x = torch.from_numpy(pixels[:rows].astype(np.float32) / 255)
    return x, torch.from_numpy(labels[:rows].astype(np.int64))


def train(config: dict[str, Any], place: str) -> None:
    """One trial."""
    marks, me = Marks(), str(os.getpid())
    torch.set_num_threads(1)
    with marks.during(me, "load data"):
        pixels, labels = load(Path(place))
        rows = TensorDataset(pixels[: j1_job.TRAIN_ROWS], labels[: j1_job.TRAIN_ROWS])
        batches = DataLoader(rows, batch_size=config["batch_size"], shuffle=True)
        x_val, y_val = pixels[j1_job.TRAIN_ROWS :], labels[j1_job.TRAIN_ROWS :]
    with marks.during(me, "build"):
        model = j1_job.build(config)
        optimizer = torch.optim.SGD(
            model.parameters(),
            lr=config["learning_rate"],
            momentum=1 - config["one_minus_momentum"],
            weight_decay=config["weight_decay"],
        )
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


class Notes(tune.Callback):
    """When which result reached the driver."""

    def __init__(self, spawned: float) -> None:
        self.spawned = spawned
        self.results: list[list[Any]] = []

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        at, batch_size = time.time() - self.spawned, trial.config["batch_size"]
        self.results.append([at, trial.trial_id, result["val_accuracy"], batch_size])


def main(folder: Path, spawned: float, seconds: float, seed: int, place: str) -> None:
    notes = Notes(spawned)
    ray.init(address="local", num_cpus=j1_job.WORKERS)
    tune.Tuner(
        tune.with_parameters(train, place=place),
        tune_config=tune.TuneConfig(
            metric="val_accuracy",
            mode="max",
            search_alg=OptunaSearch(space=space, metric="val_accuracy", mode="max", seed=seed),
            scheduler=ASHAScheduler(
                max_t=j1_job.MAX_EPOCHS,
                grace_period=1,
                reduction_factor=j1_job.REDUCTION_FACTOR,
            ),
            num_samples=-1,
            max_concurrent_trials=j1_job.WORKERS,
            time_budget_s=seconds + j1_job.AFTER - (time.time() - spawned),
        ),
        run_config=tune.RunConfig(
            name="plain", storage_path=str(folder), callbacks=[notes], verbose=0
        ),
    ).fit()
    children.answer(folder, {"results": notes.results, "driver_cpu_seconds": time.process_time()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5])

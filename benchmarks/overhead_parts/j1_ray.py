"""What job J1 needs with Ray Tune itself, whatever the trainable: space, rows, searcher and ASHA.

OptunaSearch and ASHA are put together as Ray documents them.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from torch import Tensor, nn

from overhead_parts import children, j1_job


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
    """The training images in 0 … 1 and their labels, [15000, 784] and [15000]."""
    with gzip.open(place / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(place / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    rows = j1_job.TRAIN_ROWS + j1_job.VAL_ROWS
    x = torch.from_numpy(pixels[:rows].astype(np.float32) / 255)
    return x, torch.from_numpy(labels[:rows].astype(np.int64))


def sgd(model: nn.Module, config: Mapping[str, Any]) -> torch.optim.SGD:
    """torch's own optimizer of a configuration."""
    return torch.optim.SGD(
        model.parameters(),
        lr=config["learning_rate"],
        momentum=1 - config["one_minus_momentum"],
        weight_decay=config["weight_decay"],
    )


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


def main(with_data: Callable[[Path], Any], *, reuse_actors: bool) -> None:
    """Run the job; the arguments are FOLDER SPAWNED SECONDS SEED DATA.

    `with_data`: from the folder of the data to the trainable, once Ray has started.
    """
    folder, spawned = Path(sys.argv[1]), float(sys.argv[2])
    seconds, seed, place = float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5])
    notes = Notes(spawned)
    ray.init(address="local", num_cpus=j1_job.WORKERS)
    tune.Tuner(
        with_data(place),
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
            reuse_actors=reuse_actors,
            time_budget_s=seconds + j1_job.AFTER - (time.time() - spawned),
        ),
        run_config=tune.RunConfig(
            name="plain", storage_path=str(folder), callbacks=[notes], verbose=0
        ),
    ).fit()
    children.answer(folder, {"results": notes.results, "driver_cpu_seconds": time.process_time()})

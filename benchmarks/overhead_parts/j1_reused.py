"""Job J1 with Ray Tune by someone who knows where its seconds go: a class trainable whose actors
are reused, the rows shared through the object store and sliced, nothing else of Caviar's.

python -m overhead_parts.j1_reused FOLDER SPAWNED SECONDS SEED DATA
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from ray import tune
from torch import Tensor
from torch.nn import functional

from overhead_parts import j1_job, j1_ray
from overhead_parts.marks import Marks


class Reused(tune.Trainable):
    """One trial after the other, in the same process."""

    def setup(self, config: dict[str, Any], rows: tuple[Tensor, Tensor] | None = None) -> None:
        assert rows is not None
        torch.set_num_threads(1)
        self._marks = Marks()
        self._x, self._y = rows
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        with self._marks.during(self.trial_id, "build"):
            self._batch_size = new_config["batch_size"]
            self._model = j1_job.build(new_config)
            self._optimizer = j1_ray.sgd(self._model, new_config)
        return True

    def step(self) -> dict[str, Any]:
        model, optimizer = self._model, self._optimizer
        with self._marks.during(self.trial_id, "train"):
            model.train()
            for rows in torch.randperm(j1_job.TRAIN_ROWS).split(self._batch_size):
                optimizer.zero_grad()
                functional.cross_entropy(model(self._x[rows]), self._y[rows]).backward()
                optimizer.step()
        with self._marks.during(self.trial_id, "evaluate"), torch.no_grad():
            model.eval()
            found = model(self._x[j1_job.TRAIN_ROWS :]).argmax(1)
            accuracy = (found == self._y[j1_job.TRAIN_ROWS :]).double().mean().item()
        return {"val_accuracy": accuracy}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        return {"model": self._model.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self._model.load_state_dict(checkpoint["model"])
        self._optimizer.load_state_dict(checkpoint["optimizer"])


def with_rows(place: Path) -> Any:
    """The trainable, given the rows."""
    return tune.with_parameters(Reused, rows=j1_ray.load(place))


if __name__ == "__main__":
    j1_ray.main(with_rows, reuse_actors=True)

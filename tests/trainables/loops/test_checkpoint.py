"""Checkpoint directories: round trips, damage, foreign formats."""

import json
import math
import os

import numpy as np
import pytest
import torch

from trainables.loops import (
    Checkpoint,
    CheckpointError,
    CorruptCheckpointError,
    read_checkpoint,
    write_checkpoint,
)


def example(**changes):
    fields = {
        "state": {
            "model": {"w": torch.arange(3.0)},
            "optimizer": {"velocities": [None]},
            "epoch": 4,
            "seed": 7,
        },
        "configuration": {"learning_rate": np.float32(0.5), "units_1": np.int64(8)},
        "metrics": {"val_accuracy": 0.5, "val_loss": math.nan},
        "best_epoch": 2,
        "best_metrics": {"val_accuracy": 0.75},
        "best_weights": {"w": torch.ones(3)},
    }
    return Checkpoint(**{**fields, **changes})


def test_round_trip(tmp_path):
    write_checkpoint(tmp_path / "new", example())
    found = read_checkpoint(tmp_path / "new")
    assert torch.equal(found.state["model"]["w"], torch.arange(3.0))
    assert (found.state["epoch"], found.state["seed"]) == (4, 7)
    assert found.state["optimizer"] == {"velocities": [None]}
    assert found.configuration == {"learning_rate": 0.5, "units_1": 8}
    assert found.metrics["val_accuracy"] == 0.5
    assert math.isnan(found.metrics["val_loss"])
    assert found.best_epoch == 2
    assert found.best_metrics == {"val_accuracy": 0.75}
    assert torch.equal(found.best_weights["w"], torch.ones(3))
    assert read_checkpoint(tmp_path / "new", training_state=False).state == {"epoch": 4}
    assert sorted(os.listdir(tmp_path / "new")) == ["best.pt", "checkpoint.json", "last.pt"]


def test_checkpoint_json_is_plain_json(tmp_path):
    write_checkpoint(tmp_path, example())

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    summary = json.loads((tmp_path / "checkpoint.json").read_text(), parse_constant=refuse)
    assert summary["format"] == 1
    assert summary["epoch"] == 4
    assert summary["best_epoch"] == 2
    assert summary["metrics"] == {"val_accuracy": 0.5, "val_loss": None}
    assert set(summary["files"]) == {"last.pt", "best.pt"}


def test_before_the_first_epoch(tmp_path):
    write_checkpoint(
        tmp_path, example(best_epoch=None, best_weights=None, best_metrics={}, metrics={})
    )
    found = read_checkpoint(tmp_path)
    assert found.best_epoch is None
    assert found.best_weights is None


@pytest.mark.parametrize("name", ["last.pt", "best.pt"])
def test_damage_is_detected(tmp_path, name):
    write_checkpoint(tmp_path, example())
    path = tmp_path / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptCheckpointError, match=f"{name} is cut short"):
        read_checkpoint(tmp_path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CorruptCheckpointError, match=f"{name} is damaged: its SHA-256"):
        read_checkpoint(tmp_path)
    path.unlink()
    with pytest.raises(CorruptCheckpointError, match=f"lacks {name}"):
        read_checkpoint(tmp_path)


def test_incomplete_directories(tmp_path):
    with pytest.raises(CorruptCheckpointError, match=r"no complete checkpoint"):
        read_checkpoint(tmp_path)
    write_checkpoint(tmp_path, example())
    path = tmp_path / "checkpoint.json"
    whole = path.read_text()
    for text in (whole[:50], "[]", "{}", '{"format": 1}', "\x80"):
        path.write_text(text)
        with pytest.raises(CorruptCheckpointError, match=r"checkpoint.json is damaged"):
            read_checkpoint(tmp_path)


def test_a_later_format_is_refused(tmp_path):
    write_checkpoint(tmp_path, example())
    path = tmp_path / "checkpoint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(CheckpointError, match="must be a checkpoint of format 1, but it has for"):
        read_checkpoint(tmp_path)


class Intruder:
    def __reduce__(self):
        return (os.mkdir, ("intruded",))


def test_code_in_a_checkpoint_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path, example(best_weights={"w": Intruder()}))
    with pytest.raises(CorruptCheckpointError, match=r"best.pt holds more than tensors"):
        read_checkpoint(tmp_path)
    assert not (tmp_path / "intruded").exists()


def test_a_configuration_that_is_no_json(tmp_path):
    with pytest.raises(TypeError, match="must hold plain values"):
        write_checkpoint(tmp_path, example(configuration={"space": object()}))

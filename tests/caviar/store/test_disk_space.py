"""Room for checkpoints: how large they may become, what is refused, with the numbers."""

from __future__ import annotations

import re
from collections import namedtuple
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ray import tune
from ray.tune.result import SHOULD_CHECKPOINT
from without_ray import CONDITIONAL, METRIC, controller

import search_spaces
from caviar import Sweep, UsageError
from caviar.driver import in_process, loading, runner
from caviar.ray.bridge import Events
from caviar.store import disk_space
from caviar.store.location import Location
from caviar.sweep.limits import Stop
from search_spaces import AtLeast, Choice, Float, Int, SearchSpace
from trainables import (
    CNNTrainable,
    LoopTrainable,
    ResNetTrainable,
    TorchTrainable,
    TrialInfo,
    TrialOptions,
)
from trainables.data import Dataset
from trainables.options import CheckpointLimit

OPTIONS = TrialOptions(max_epochs=1)


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(20, 3, 32, 32)).astype(np.float32)
    y = np.arange(20) % 10
    parts = {
        f"{axis}_{part}": v
        for part in ("train", "val", "test")
        for axis, v in {"x": x, "y": y}.items()
    }
    return Dataset(name="images", classes=10, **parts)


def test_the_largest_configuration():
    space = SearchSpace(
        "x",
        [
            Int(name="late", low=1, high=9, when=AtLeast("layers", 3)),
            Int(name="layers", low=1, high=4, default=1),
            Choice(name="filters", options=[64, 16, 32], default=16),
            Choice(name="widths", options=[[8, 8], [64], [1]], default=[1]),
            Choice(name="kind", options=["a", "b"], default="b"),
            Float(name="rate", low=0.1, high=0.5, default=0.2),
        ],
    )
    assert disk_space.largest(space) == {
        "late": 9, "layers": 4, "filters": 64, "widths": [64], "kind": "b", "rate": 0.5,
    }  # fmt: skip
    for name in search_spaces.names():
        search_spaces.get(name).validate(disk_space.largest(search_spaces.get(name)))


def test_the_default_and_some_random_ones_are_looked_at_too():
    found = list(disk_space.candidates(CONDITIONAL))
    assert found[:2] == [CONDITIONAL.default(), disk_space.largest(CONDITIONAL)]
    assert len(found) == 32
    assert list(disk_space.candidates(CONDITIONAL)) == found


@pytest.mark.parametrize(
    ("trainable", "config", "options"),
    [
        (TorchTrainable, {"units_1": 200, "optimizer": "adam"}, {}),
        (TorchTrainable, {"units_1": 200, "optimizer": "adam"}, {"folds": 3}),
        (CNNTrainable, {"optimizer": "adam", "filters": 16}, {}),
        (ResNetTrainable, {"optimizer": "adam", "depth": 8, "width": 16}, {}),
    ],
)
def test_it_is_what_a_checkpoint_takes(trainable, config, options, images, tmp_path):
    given = TrialOptions(max_epochs=1, **options)
    guess = trainable.largest_checkpoint([config], images, given)
    data = images if given.folds == 1 else images.pooled()
    with in_process.trial(
        trainable, config, info=TrialInfo(), data=data, options=given, gpus=0
    ) as running:
        running.train()
        running.save_checkpoint(str(tmp_path))
    real = sum(path.stat().st_size for path in tmp_path.glob("*.pt"))
    assert 0.9 * real <= guess <= 1.2 * real


def test_the_largest_of_them_counts(images):
    configs = [{"units_1": units} for units in (10, 1000, 100)]
    sizes = [TorchTrainable.largest_checkpoint([c], images, OPTIONS) for c in configs]
    assert TorchTrainable.largest_checkpoint(configs, images, OPTIONS) == sizes[1]
    assert sizes[0] < sizes[2] < sizes[1]
    # 3072 x 1000 + 1000 + 1000 x 10 + 10 weights of 4 bytes, four times
    assert sizes[1] == 4 * 4 * (3072 * 1000 + 1000 + 10_000 + 10)


class ReadsItsWeights(TorchTrainable):
    """Cannot be built without memory for its weights."""

    def build_model(self, config, input_shape, classes):
        model = super().build_model(config, input_shape, classes)
        assert model.output.weight.sum().item() < 1e9
        return model


class Keeps(LoopTrainable):
    """Says nothing of its size."""

    def build_loop(self, config, data):
        raise NotImplementedError


@pytest.mark.parametrize("trainable", [ReadsItsWeights, Keeps])
def test_who_cannot_tell(trainable, images):
    assert trainable.largest_checkpoint([{}], images, OPTIONS) is None


def test_nothing_is_refused_where_nobody_can_tell(images):
    given = replace(OPTIONS, checkpoint_limit=CheckpointLimit(bytes=0, configurations=({},)))
    with in_process.trial(
        ReadsItsWeights, {}, info=TrialInfo(), data=images, options=given, gpus=0
    ) as running:
        found = running.train()
    assert (found["epoch"], found.get("outcome")) == (1, None)


def test_a_trial_that_has_no_room_trains_nothing(images):
    configs = ({"units_1": 10}, {"units_1": 1000})
    size = TorchTrainable.largest_checkpoint(configs, images, OPTIONS)
    for room, outcome in ((size - 1, "no_room"), (size, None)):
        limit = CheckpointLimit(bytes=room, configurations=configs)
        given = replace(OPTIONS, checkpoint_limit=limit)
        with in_process.trial(
            TorchTrainable, configs[0], info=TrialInfo(), data=images, options=given, gpus=0
        ) as running:
            found = running.train()
        assert found.get("outcome") == outcome
        assert found["done"]
        assert found["epoch"] == (0 if outcome else 1)
        assert found.get("checkpoint_bytes") == (size if outcome else None)


Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def check(monkeypatch, tmp_path):
    """Whether 3 kept and 2 running trials have room for checkpoints of so many gigabytes."""

    def run(size, *, free, **changes):
        monkeypatch.setattr(
            disk_space.shutil, "disk_usage", lambda _: Usage(0, 0, round(free * 1e9))
        )
        room = disk_space.room(Sweep(**changes), concurrent=2, folder=tmp_path / "new" / "x")
        limit = room.limit(search_spaces.get("mlp"))
        assert len(limit.configurations) == 32
        if size * 1e9 > limit.bytes:
            raise room.error(round(size * 1e9), trained=False)

    return run


def test_room_enough(check):
    check(1.0, free=10.0)  # (3 + 2) trials x 2 checkpoints x 1 GB
    check(1.0, free=99.0, disk_limit=10.0)
    check(1.0, free=6.0, keep_checkpoints=1)


@pytest.mark.parametrize(
    ("free", "changes", "told"),
    [
        (9.9, {}, r"may take 10 GB \(2 of 1 GB for each of 2 running and 3 kept trials\), and "
         r"9\.9 GB are free at .*: lower --concurrent or --keep-checkpoints, or choose a .*"),
        (99, {"disk_limit": 9.0}, r"may take 10 GB .*, and --disk-limit is 9 GB: lower .*"),
        (99, {"keep_checkpoints": 48}, r"may take 100 GB .* 48 kept trials\), and 99 GB are .*"),
    ],
)  # fmt: skip
def test_too_little_room(free, changes, told, check):
    with pytest.raises(disk_space.NoRoomError, match="The checkpoints of this sweep " + told):
        check(1.0, free=free, **changes)


def test_what_cannot_be_taken_back_does_not_hide_the_refusal(check):
    def undo():
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(disk_space.NoRoomError, match=r"may take .* GB"),
        runner._if_refused(Sweep(), undo),
    ):
        check(1.0, free=9.9)


def test_what_earlier_sessions_saved_is_no_new_need(check, tmp_path, monkeypatch):
    place = tmp_path / "new" / "x" / "trials" / "trial-0000" / "checkpoint_000000"
    place.mkdir(parents=True)
    (place / "last.pt").write_bytes(bytes(1_000_000))
    check(0.0011, free=0.0101)
    (place / "last.pt").unlink()
    with pytest.raises(UsageError, match=re.escape("may take 0.011 GB")):
        check(0.0011, free=0.0101)


def test_what_is_trained_is_gone_on_from(tmp_path):
    room = disk_space.room(Sweep(disk_limit=1.0), concurrent=1, folder=tmp_path)
    error = room.error(10**9, trained=True)
    assert str(error).endswith("more room. With --resume the sweep goes on from what is trained.")
    assert error.trained


@pytest.mark.parametrize(("size", "ends"), [(999, False), (1000, False), (1001, True)])
def test_a_checkpoint_that_is_written_too_large_ends_the_sweep(size, ends, tmp_path):
    (tmp_path / "last.pt").write_bytes(bytes(size - 100))
    (tmp_path / "best.pt").write_bytes(bytes(100))
    sweep = controller(checkpoint_seconds=0.0)
    number = sweep.next().record.number
    events = Events(
        sweep,
        jobs={"a": sweep.job_of[number]},
        errors=tmp_path,
        trials=Location.of(tmp_path),
        metrics=(METRIC,),
        on_change=lambda _: None,
        most_bytes=1000,
    )
    trial = SimpleNamespace(trial_id="a", checkpoint=tune.Checkpoint(tmp_path))
    for epoch in (1, 2):
        result = {"epoch": epoch, METRIC: 0.5}
        events.on_trial_result(epoch, [trial], trial, result)
        assert result[SHOULD_CHECKPOINT] is (epoch == 1 or not ends), "none after the one too large"
        if epoch == 1:
            events.on_trial_save(epoch, [trial], trial)
    assert (events.too_large, sweep.stop_reason) == ((size, Stop.NO_ROOM) if ends else (None, None))


def test_a_checkpoint_that_storage_refused_is_not_measured(tmp_path):
    sweep = controller()
    number = sweep.next().record.number
    options = {"errors": tmp_path, "metrics": (METRIC,), "most_bytes": 0}
    options["trials"] = Location.of(tmp_path)
    events = Events(sweep, jobs={"a": sweep.job_of[number]}, on_change=lambda _: None, **options)
    trial = SimpleNamespace(trial_id="a", checkpoint=None)
    events.on_trial_save(1, [trial], trial)
    assert events.too_large is None


@pytest.mark.parametrize(
    ("trainable", "tells"), [(TorchTrainable, True), (ReadsItsWeights, False), (Keeps, False)]
)
def test_whether_a_class_tells_is_known_before_the_first_epoch(trainable, tells, images):
    space = search_spaces.get("mlp")
    assert loading.tells_checkpoint(trainable, space, images, OPTIONS) is tells

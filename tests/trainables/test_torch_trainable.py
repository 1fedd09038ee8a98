"""The class Ray runs, without starting Ray."""

import copy
import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from trainables import TorchTrainable, TrialInfo, TrialOptions, split_config
from trainables.loops import (
    METRICS,
    SPREADS,
    CheckpointError,
    CorruptCheckpointError,
    read_checkpoint,
)

CLOCKS = {"epoch_seconds", "samples_per_second"}
CONFIG = {"learning_rate": 0.1, "units_1": 8, "dropout": 0.2, "batch_size": 16}


@pytest.fixture
def make(blobs, monkeypatch, tmp_path):
    """Build a trainable as Ray does; its log directory is made in tmp_path."""
    monkeypatch.setattr("ray.tune.trainable.trainable.DEFAULT_STORAGE_PATH", str(tmp_path))

    def build(config=None, base=TorchTrainable, data=blobs, **options):
        class WithParameters(base):
            def setup(self, config):
                super().setup(config, data=data, options=TrialOptions(**options))

        options = {"max_epochs": 6, **options}
        return WithParameters(config=copy.deepcopy(config or CONFIG))

    return build


def trial(number=0, seed=5, restore_from=None, **changes):
    facts = {"number": number, "seed": seed, "restore_from": restore_from}
    return {**CONFIG, **changes, "_trial": facts}


def train(trainable, epochs=6):
    curve = [trainable.train() for _ in range(epochs)]
    return [{n: row[n] for n in (*METRICS, "done") if n not in CLOCKS} for row in curve]


def weights(trainable):
    return torch.cat([p.detach().flatten() for p in trainable._loop.model.parameters()])


def test_reports_the_metrics_and_ends_at_max_epochs(make):
    trainable = make(max_epochs=3)
    curve = [trainable.step() for _ in range(3)]
    assert set(curve[0]) == {*METRICS, "done"}
    assert TorchTrainable.metrics == (*METRICS, *SPREADS)
    assert [row["done"] for row in curve] == [False, False, True]
    assert [row["epoch"] for row in curve] == [1, 2, 3]
    again = trainable.step()
    assert (again["epoch"], again["done"]) == (3, True)


def test_a_used_actor_equals_a_fresh_one(make):
    """Bit for bit, after another architecture that diverged, and after the same trial."""
    fresh = make(trial(number=1))
    curve = train(fresh)
    used = make(trial(seed=9, hidden_layers=3, learning_rate=1e30))
    assert used.train()["outcome"] == "diverged"
    for _ in range(2):
        assert used.reset(trial(number=1)) is True
        assert train(used) == curve
        assert torch.equal(weights(used), weights(fresh))
        assert used._best.epoch == fresh._best.epoch
        for name, tensor in fresh._best.weights.items():
            assert torch.equal(used._best.weights[name], tensor)
    used.reset(trial(seed=6))
    assert (used._loop.epoch, used._best.epoch, used._best.weights) == (0, None, None)
    assert train(used) != curve


def test_the_seed_of_the_options_serves_plain_ray_tune(make):
    assert train(make(seed=5), 2) == train(make(trial(seed=5)), 2)
    assert train(make(seed=6), 2) != train(make(trial(seed=5)), 2)


@pytest.mark.parametrize("way", ["restore_from", "reset", "ray"])
def test_restored_trials_go_on_exactly(make, tmp_path, way):
    straight = make(trial())
    curve = train(straight)
    first = make(trial())
    train(first, 3)
    place = str(tmp_path / "checkpoint")
    saved = first.save(place)
    if way == "restore_from":
        second = make(trial(restore_from=place))
    elif way == "reset":
        second = make(trial(seed=9))
        train(second, 1)
        second.reset(trial(restore_from=place))
    else:
        second = make(trial())
        second.restore(saved)
    assert train(second, 3) == curve[3:]
    assert torch.equal(weights(second), weights(straight))
    assert second._best.epoch == straight._best.epoch
    for name, tensor in straight._best.weights.items():
        assert torch.equal(second._best.weights[name], tensor)


def test_a_trial_restored_at_its_end_reports_that_end(make, tmp_path):
    first = make(trial())
    last = train(first)[-1]
    first.save(str(tmp_path / "checkpoint"))
    second = make(trial(restore_from=str(tmp_path / "checkpoint")))
    assert train(second, 1) == [last]


@pytest.mark.parametrize(("metric", "mode", "better"), [("val_accuracy", "max", max)])
def test_checkpoint_holds_the_best_epoch(make, tmp_path, metric, mode, better):
    trainable = make(trial(learning_rate=2.0), metric=metric, mode=mode)
    curve = train(trainable)
    trainable.save(str(tmp_path / "checkpoint"))
    found = read_checkpoint(tmp_path / "checkpoint")
    values = [row[metric] for row in curve]
    assert found.best_epoch == 1 + values.index(better(values))
    assert found.best_metrics[metric] == better(values)
    assert found.configuration == {**CONFIG, "learning_rate": 2.0}
    trainable._loop.model.load_state_dict(found.best_weights)
    from trainables.loops import evaluate

    tensors = trainable._tensors
    result = evaluate(trainable._loop.model, tensors.x_val, tensors.y_val, 3)
    assert result.accuracy == better(values)


def test_divergence_is_an_outcome(make, tmp_path):
    trainable = make(trial(learning_rate=1e30))
    result = trainable.step()
    assert result["outcome"] == "diverged"
    assert result["done"] is True
    assert result["epoch"] == 1
    assert result["epoch_seconds"] > 0
    assert set(METRICS) <= set(result)
    assert all(math.isnan(result[name]) for name in ("train_loss", "val_loss", "val_accuracy"))
    # Ray checkpoints a trial at its end, a diverged one too.
    trainable.save(str(tmp_path / "checkpoint"))
    assert read_checkpoint(tmp_path / "checkpoint").best_epoch is None


def test_a_damaged_or_foreign_checkpoint_is_refused(make, tmp_path):
    place = tmp_path / "checkpoint"
    trainable = make(trial())
    trainable.save(str(place))
    with pytest.raises(CheckpointError, match="must hold the model of this trial's configuration"):
        make(trial(restore_from=str(place), units_1=9))
    (place / "last.pt").write_bytes(b"short")
    with pytest.raises(CorruptCheckpointError, match=r"last.pt is cut short"):
        make(trial(restore_from=str(place)))


def test_models_and_optimizers_of_ones_own(make, tmp_path):
    class Adam(TorchTrainable):
        def build_model(self, config, input_shape, classes):
            return torch.nn.Linear(input_shape[0], classes)

        def build_optimizer(self, config, model):
            return torch.optim.Adam(model.parameters(), lr=config["learning_rate"])

    straight, first = make(trial(), base=Adam), make(trial(), base=Adam)
    curve = train(straight)
    train(first, 2)
    first.save(str(tmp_path / "checkpoint"))
    second = make(trial(restore_from=str(tmp_path / "checkpoint")), base=Adam)
    assert train(second, 4) == curve[2:]


def test_setup_refuses(make, blobs):
    with pytest.raises(ValueError, match=r"Unknown metric 'val_acuracy'. Did you mean 'val_acc"):
        make(metric="val_acuracy")
    with pytest.raises(ValueError, match="must get data and options"):
        TorchTrainable(config={})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_epochs": 0}, "max_epochs must be at least 1, but it is 0"),
        ({"max_epochs": 1, "cpu_threads": 0}, "cpu_threads must be at least 1, but it is 0"),
        ({"max_epochs": 1, "seed": -1}, "seed must be at least 0, but it is -1"),
        ({"max_epochs": 1, "mode": "best"}, "mode must be 'max' or 'min', but it is 'best'"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        TrialOptions(**options)


def test_split_config():
    config = {"momentum": 0.9, "_trial": {"number": 2, "seed": 3, "restore_from": "/x"}}
    assert split_config(config) == (
        {"momentum": 0.9},
        TrialInfo(number=2, seed=3, restore_from="/x"),
    )
    assert split_config({"a": 1}, default_seed=4) == ({"a": 1}, TrialInfo(seed=4))
    with pytest.raises(ValueError, match=r"may hold number, seed, restore_from, fork.*\['sede'\]"):
        split_config({"_trial": {"sede": 1}})


def test_a_whole_trial_does_not_import_dynamo(tmp_path):
    """torch._dynamo costs a worker process 0.85 s, scikit-learn's metrics 1.3 s."""
    script = """
import sys
import numpy as np
import ray.tune.trainable.trainable as home
home.DEFAULT_STORAGE_PATH = sys.argv[1]
from trainables import Dataset, TorchTrainable, TrialOptions
from trainables.options import CheckpointLimit
x, y = np.zeros((40, 4), np.float32), np.arange(40) % 3
data = Dataset(name="x", x_train=x, y_train=y, x_val=x, y_val=y, x_test=x, y_test=y, classes=3)
kinds = ("he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "orthogonal", "torch")
limit = CheckpointLimit(bytes=1e9, configurations=tuple({"initialisation": k} for k in kinds))
options = TrialOptions(max_epochs=3, checkpoint_limit=limit)
class WithParameters(TorchTrainable):
    def setup(self, config):
        super().setup(config, data=data, options=options)
trainable = WithParameters(config={"dropout": 0.1, "weight_decay": 0.1})
trainable.train()
trainable.save(sys.argv[1] + "/checkpoint")
trainable.reset({"dropout": 0.0, "_trial": {"restore_from": sys.argv[1] + "/checkpoint"}})
assert trainable.train()["epoch"] == 2
print([name for name in ("torch._dynamo", "sympy", "sklearn") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


class Lazy(TorchTrainable):
    """A model that learns its sizes from the first rows."""

    def build_model(self, config, input_shape, classes):
        return nn.Sequential(
            nn.Flatten(), nn.LazyLinear(5), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(classes)
        )


@pytest.mark.parametrize("folds", [1, 3])
def test_lazy_layers_have_sizes_before_the_optimizer_sees_them(build, blobs, folds):
    trainable = build(Lazy, {"learning_rate": 0.1}, folds=folds)
    assert [trainable.train()["epoch"] for _ in range(2)] == [1, 2]
    assert not any(torch.nn.parameter.is_lazy(p) for p in trainable.model.parameters())
    options = TrialOptions(max_epochs=1, folds=folds)
    # Weights of 2·5 + 5, 5 + 5 + 5 + 5 + 1 and 5·3 + 3 numbers.
    found = Lazy.checkpoint_bytes({"learning_rate": 0.1}, blobs, options)
    assert found == pytest.approx(folds * 4 * (15 + 20 + 18) * 4, rel=0.05)

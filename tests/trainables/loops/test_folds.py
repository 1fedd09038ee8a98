"""Cross-validation: the folds, the models side by side, the means and spreads."""

import dataclasses
import statistics

import numpy as np
import pytest
import torch
from torch import nn

from trainables import TorchTrainable
from trainables.data.splits import deal_folds, fold_datasets, stratified_order
from trainables.loops import (
    SPREADS,
    FoldData,
    FoldsLoop,
    SupervisedLoop,
    TensorData,
    build_optimizer,
    seed_initial_weights,
)
from trainables.loops.supervised import batches_of
from trainables.models import build_cnn, build_mlp, stack
from trainables.models.stacked import Parallel


@pytest.mark.parametrize(("rows", "classes", "folds"), [(100, 3, 5), (101, 7, 2), (23, 4, 4)])
def test_folds_are_stratified(rows, classes, folds):
    generator = np.random.default_rng(0)
    y = generator.integers(0, classes, rows)
    fold = deal_folds(y, folds, seed=0)
    sizes = np.bincount(fold, minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    for label in range(classes):
        counts = np.bincount(fold[y == label], minlength=folds)
        assert counts.max() - counts.min() <= 1
    assert np.array_equal(fold, deal_folds(y, folds, seed=0))
    assert not np.array_equal(fold, deal_folds(y, folds, seed=1))


@pytest.mark.parametrize("folds", [0, 1, 4])
def test_impossible_folds(folds):
    with pytest.raises(ValueError, match=rf"folds must be within 2 .. 3.* but it is {folds}"):
        deal_folds(np.array([0, 1, 0]), folds, seed=0)


@pytest.mark.parametrize("classes", [2, 10])
def test_every_part_of_the_stratified_order_is_stratified(classes):
    generator = np.random.default_rng(0)
    y = generator.choice(classes, 500, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
    order = stratified_order(y, seed=0)
    assert sorted(order) == list(range(500))
    shares = np.bincount(y, minlength=classes) / 500
    for first, last in ((0, 100), (100, 350), (350, 500), (0, 37)):
        counts = np.bincount(y[order[first:last]], minlength=classes)
        assert np.all(np.abs(counts - shares * (last - first)) <= 2)
    assert np.array_equal(order, stratified_order(y, seed=0))
    assert not np.array_equal(order, stratified_order(y, seed=1))


def test_each_row_validates_once_and_trains_in_all_other_folds(blobs):
    data = FoldData.of(blobs, 4, seed=0)
    assert len(data.pool.x_train) == 150
    assert sorted(torch.cat(data.val).tolist()) == list(range(150))
    for train, val in zip(data.train, data.val, strict=True):
        assert sorted([*train.tolist(), *val.tolist()]) == list(range(150))
    again = FoldData.of(blobs.pooled(), 4, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(data.val, again.val, strict=True))
    assert data.shift is None


def test_every_kind_of_trainable_gets_the_same_folds(blobs):
    """Those that train all folds at once, and those that train one after the other."""
    data = FoldData.of(blobs, 4, seed=3)
    for rows, part in zip(data.val, fold_datasets(blobs, 4, seed=3), strict=True):
        assert np.array_equal(data.pool.x_train[rows].numpy(), part.x_val)
        assert len(part.x_train) + len(part.x_val) == 150
        assert np.array_equal(part.x_test, blobs.x_test)
    parts = fold_datasets(blobs.standardised(), 4, seed=3)
    assert all(np.abs(part.x_train.mean(0)).max() < 1e-5 for part in parts)
    assert not any(np.abs(part.x_val.mean(0)).max() < 1e-5 for part in parts)


def test_pooled_rows_are_shared_and_not_copied(blobs):
    pooled = blobs.pooled()
    assert np.array_equal(pooled.x_train[:100], blobs.x_train)
    assert np.array_equal(pooled.y_train[100:], blobs.y_val)
    assert np.array_equal(pooled.x_test, blobs.x_test)
    assert len(pooled.x_val) == 0
    assert pooled.pooled() is pooled
    data = FoldData.of(pooled, 3, seed=0)
    assert data.pool.x_train.data_ptr() == pooled.x_train.ctypes.data


@pytest.mark.parametrize("shape", [(2,), (8, 8), (3, 4, 4)])
def test_each_fold_is_standardised_by_its_own_training_rows(shape):
    """What was standardised by rows that a fold validates on is standardised anew."""
    generator = np.random.default_rng(0)
    y = np.arange(60) % 3
    deviation = 3 * (1 + y.reshape(-1, *[1] * len(shape)))
    x = (5 + deviation * generator.normal(size=(60, *shape))).astype(np.float32)
    data = make_dataset(x, y)
    folds = FoldData.of(data.standardised(), 3, seed=0)
    loop = FoldsLoop(nn.Linear(1, 1), Idle(), folds, batch_size=60, seed=0)
    axes = {1: (0,), 2: (0, 1, 2), 3: (0, 2, 3)}[len(shape)]
    pooled = np.concatenate([data.x_train, data.x_val])
    rows = torch.stack(folds.train)
    seen = loop._batch(rows)[0].view(*rows.shape, *shape)
    for number, own in enumerate(folds.train):
        raw = pooled[own.numpy()]
        mean, deviation = raw.mean(axes, keepdims=True), raw.std(axes, keepdims=True)
        np.testing.assert_allclose(seen[number], (raw - mean) / deviation, atol=1e-4)


class Doubled(TorchTrainable):
    def prepare_data(self, data):
        assert len(data.x_val) > 0
        return dataclasses.replace(data, x_train=2 * data.x_train, x_val=2 * data.x_val)


class Unchanged(TorchTrainable):
    def prepare_data(self, data):
        return data


@pytest.mark.parametrize("standardise", [True, False])
def test_data_is_prepared_after_each_fold_is_standardised(build, blobs, standardise):
    """As without folds, where the sweep standardises and the trainable prepares."""
    data = blobs.standardised() if standardise else blobs
    expected = fold_datasets(data, 3, seed=0)
    seen = {}
    for kind in (TorchTrainable, Unchanged, Doubled):
        trainable = build(kind, {"units_1": 8}, data=data.pooled(), folds=3)
        row = trainable.step()
        assert trainable.data.is_pooled
        folds = trainable._tensors
        for part in ("train", "val"):
            for number, rows in enumerate(getattr(folds, part)):
                x = folds.pool.x_train[rows]
                if folds.shift is not None:
                    x = (x - folds.shift[number]) * folds.factor[number]
                factor = 2 if kind is Doubled else 1
                wanted = factor * getattr(expected[number], f"x_{part}")
                np.testing.assert_allclose(x, wanted, atol=1e-5)
                wanted = getattr(expected[number], f"y_{part}")
                assert np.array_equal(folds.pool.y_train[rows], wanted)
        seen[kind] = row["train_loss"], row["val_loss"]
    assert seen[Unchanged] == pytest.approx(seen[TorchTrainable], rel=1e-4)
    assert seen[Doubled] != pytest.approx(seen[TorchTrainable], rel=1e-2)


def make_dataset(x, y):
    from trainables.data import Dataset

    return Dataset(
        name="made",
        x_train=x[:48],
        y_train=y[:48],
        x_val=x[48:],
        y_val=y[48:],
        x_test=x[:3],
        y_test=y[:3],
        classes=3,
    )


class Idle:
    """An optimizer that does nothing."""

    def zero_grad(self):
        pass

    def step(self):
        pass


@pytest.mark.parametrize(
    ("builder", "config"),
    [
        (build_mlp, {"hidden_layers": 2, "units_1": 7, "units_2": 5, "activation": "tanh"}),
        (build_mlp, {"normalisation": "batch", "units_1": 6}),
        (build_mlp, {"normalisation": "layer", "units_1": 6}),
        (build_mlp, {"normalisation": "group", "units_1": 32}),
        (build_cnn, {"filters": 2, "conv_blocks": 2, "dense_units": 4}),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_stacked_models_compute_what_each_does(builder, config, training):
    torch.manual_seed(0)
    models = [builder(config, (8, 8), 4).train(training) for _ in range(3)]
    x = torch.randn(3, 9, 8, 8)
    expected = torch.stack([model(part) for model, part in zip(models, x, strict=True)])
    stacked = stack(models).train(training)
    for layer in stacked.modules():  # their statistics have moved already
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
    torch.testing.assert_close(stacked(x), expected, rtol=1e-4, atol=1e-5)
    parallel = builder is build_cnn or config.get("normalisation") == "group"
    assert isinstance(stacked, Parallel) == parallel


def test_another_models_layers_are_called_one_after_the_other():
    class Own(nn.Sequential):
        pass

    assert isinstance(stack([Own(nn.Linear(2, 2)) for _ in range(2)]), Parallel)
    odd = [nn.Sequential(nn.Bilinear(2, 2, 2)) for _ in range(2)]
    assert isinstance(stack(odd), Parallel)
    for options in ({"affine": False}, {"track_running_stats": False}):
        odd = [nn.Sequential(nn.BatchNorm1d(2, **options)) for _ in range(2)]
        assert isinstance(stack(odd), Parallel)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_every_fold_trains_as_a_loop_of_its_own_would(blobs, optimizer, normalisation):
    config = {"units_1": 8, "normalisation": normalisation, "optimizer": optimizer}
    config["learning_rate"] = 0.02

    def model(number):
        seed_initial_weights(number)
        return build_mlp(config, blobs.input_shape, blobs.classes)

    folds = FoldData.of(blobs, 3, seed=0)
    together = stack([model(number) for number in range(3)])
    loop = FoldsLoop(
        together, build_optimizer(config, together.parameters()), folds, batch_size=16, seed=4
    )
    rows = loop.run_epoch(), loop.run_epoch()
    pool = folds.pool
    accuracies = []
    for number in range(3):
        alone = model(number)
        val = folds.val[number]
        data = TensorData(
            x_train=pool.x_train,
            y_train=pool.y_train,
            x_val=pool.x_train[val],
            y_val=pool.y_train[val],
            classes=3,
        )
        single = SupervisedLoop(
            alone, build_optimizer(config, alone.parameters()), data, batch_size=16, seed=4
        )
        single._order = lambda epoch, n=number: tuple(rows[n] for rows in loop._order(epoch))
        found = single.run_epoch(), single.run_epoch()
        accuracies.append(found)
    for epoch in range(2):
        for metric in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_f1"):
            values = [found[epoch][metric] for found in accuracies]
            assert rows[epoch][metric] == pytest.approx(statistics.fmean(values), abs=2e-5)
        for spread in SPREADS:
            values = [found[epoch][spread.removesuffix("_std")] for found in accuracies]
            assert rows[epoch][spread] == pytest.approx(statistics.stdev(values), abs=2e-5)


def test_orders_of_the_folds(blobs):
    """150 rows in 4 folds: two train on 112 and two on 113, of which one is left out."""
    folds = FoldData.of(blobs, 4, seed=0)
    loop = FoldsLoop(nn.Linear(1, 1), Idle(), folds, batch_size=50, seed=0)
    for epoch in (1, 2):
        batches = loop._order(epoch)
        assert [tuple(rows.shape) for rows in batches] == [(4, 50), (4, 50), (4, 12)]
        for number, rows in enumerate(torch.cat(batches, dim=1)):
            assert len(set(rows.tolist())) == 112
            assert set(rows.tolist()) <= set(folds.train[number].tolist())
    assert not torch.equal(loop._order(1)[0], loop._order(2)[0])


def test_a_single_row_left_joins_the_batch_before():
    sizes = [len(rows) for rows in batches_of(torch.arange(33), 16)]
    assert sizes == [16, 17]
    assert [len(rows) for rows in batches_of(torch.arange(34), 16)] == [16, 16, 2]
    assert [len(rows) for rows in batches_of(torch.arange(1), 16)] == [1]


def test_the_same_folds_for_every_trial_and_another_seed(build, blobs):
    one = build(TorchTrainable, {"_trial": {"seed": 1}}, folds=5)
    other = build(TorchTrainable, {"_trial": {"seed": 2}, "units_1": 3}, folds=5)
    third = build(TorchTrainable, {"_trial": {"seed": 1}}, folds=5, fold_seed=1)
    for a, b in zip(one._tensors.val, other._tensors.val, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one._tensors.val[0], third._tensors.val[0])


def test_metrics_of_ones_own_are_averaged(build, blobs):
    class Own(TorchTrainable):
        metrics = (*TorchTrainable.metrics, "val_first_logit", "val_rows")

        def measure(self, logits, labels):
            return {"val_first_logit": logits[0, 0], "val_rows": len(labels)}

    row = build(Own, {}, folds=4).step()
    assert {type(row[name]) for name in ("val_first_logit", "val_rows")} == {float}
    assert row["val_rows"] == 150 / 4
    row = build(Own, {}).step()
    assert row["val_rows"] == 50
    assert {type(row[name]) for name in ("val_first_logit", "val_rows")} == {float}


@pytest.mark.parametrize("folds", [1, 3])
def test_a_measure_that_returns_nothing_is_refused(build, folds):
    class Own(TorchTrainable):
        def measure(self, logits, labels):
            return None

    with pytest.raises(TypeError, match=r"must return metrics by their names, .* NoneType: let it"):
        build(Own, {}, folds=folds).step()


def test_a_spread_can_be_optimised_with_folds_only(build):
    assert build(TorchTrainable, {}, folds=2, metric="val_accuracy_std", mode="min").step()
    with pytest.raises(ValueError, match="Unknown metric 'val_accuracy_std'"):
        build(TorchTrainable, {}, metric="val_accuracy_std")


def test_pooled_data_without_folds_is_refused(build, blobs):
    with pytest.raises(ValueError, match="blobs is pooled and has no validation rows: set folds"):
        build(TorchTrainable, {}, data=blobs.pooled())
    build(TorchTrainable, {}, data=blobs.pooled(), folds=3).step()


def test_a_data_set_without_validation_rows_is_refused_unless_pooled(blobs):
    with pytest.raises(ValueError, match="x_val and y_val of blobs must have the same number"):
        dataclasses.replace(blobs, x_val=blobs.x_val[:0], y_val=blobs.y_val[:0])

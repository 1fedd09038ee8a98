"""The score on the test rows, the weights that are kept, and training without validation rows."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import SGDClassifier

from trainables import EstimatorTrainable, GeneratorTrainable, TorchTrainable
from trainables.loops import BestEpoch, CheckpointError, read_checkpoint
from trainables.models import build_mlp

CONFIG = {"units_1": 8, "learning_rate": 0.1, "batch_size": 16}


class Measuring(TorchTrainable):
    """Measures the share of the rows that it takes for the first class."""

    metrics = (*TorchTrainable.metrics, "val_first")

    def measure(self, logits, labels):
        return {"val_first": (logits.argmax(1) == 0).float().mean().item()}


class Incremental(EstimatorTrainable):
    """A linear classifier, a pass over the rows an epoch."""

    def build_estimator(self, config, epoch):
        return SGDClassifier(loss="log_loss", alpha=0.01, random_state=self.trial.seed)


class Own(GeneratorTrainable):
    """A loop of one's own, which cannot be asked for a score."""

    def run_epochs(self, config, data, state, epochs):
        for _ in epochs:
            yield {"val_accuracy": 0.5}, {}


def accuracy(trainable, weights, data):
    """By hand: of the test rows, with these weights."""
    model = build_mlp(trainable._hyperparameters, data.input_shape, data.classes)
    model.load_state_dict(weights)
    with torch.inference_mode():
        found = model.eval()(torch.from_numpy(data.x_test)).argmax(1)
    return float(np.mean(found.numpy() == data.y_test))


def test_the_score_is_that_of_the_best_epoch(build, blobs, tmp_path):
    trainable = build(TorchTrainable, {**CONFIG, "learning_rate": 3.0})
    curve = [trainable.step()["val_accuracy"] for _ in range(6)]
    assert curve.index(max(curve)) < 5, "the best epoch is not the last: else this shows nothing"
    trainable.save_checkpoint(str(tmp_path))
    score = trainable.score()
    assert set(score) == {"loss", "accuracy", "f1"}
    best = read_checkpoint(tmp_path).best_weights
    assert score["accuracy"] == pytest.approx(accuracy(trainable, best, blobs), abs=1e-12)
    for name, tensor in trainable._loop.weights().items():
        assert torch.equal(tensor, best[name])


def test_what_is_measured_belongs_to_the_score(build, blobs):
    trainable = build(Measuring, CONFIG)
    trainable.step()
    score = trainable.score()
    assert set(score) == {"loss", "accuracy", "f1", "first"}
    assert 0 <= score["first"] <= 1


def test_the_score_of_an_estimator(build, blobs):
    trainable = build(Incremental, {})
    for _ in range(3):
        trainable.step()
    score = trainable.score()
    estimator = trainable._loop.estimator
    assert trainable._loop.epoch == trainable._best.epoch, "made again up to the best epoch"
    assert score["accuracy"] == np.mean(estimator.predict(blobs.x_test) == blobs.y_test)


class Predicts:
    """An estimator that predicts what it is told to."""

    def __init__(self, found):
        self.found = found

    def fit(self, x, y):
        pass

    def predict(self, x):
        return np.resize(self.found, (len(x), *self.found.shape[1:]))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (np.array([0, 2]), None),
        (np.array([0.0, 2.0]), None),
        (np.array([True]), None),
        (np.array([1.0, 0.37]), "within 0 .. 2, but Predicts predicts 0.37: build a classifier"),
        (np.array([1, 3]), "Predicts predicts 3: build"),
        (np.array([-1]), "Predicts predicts -1: build"),
        (np.array([np.nan]), "Predicts predicts nan: build"),
        (np.array(["1"]), r"an array of shape \(50,\) and type <U1: build"),
        (np.zeros((1, 3)), r"an array of shape \(50, 3\) and type float64: build"),
    ],
)
def test_an_estimator_that_predicts_no_classes_is_refused(build, found, told):
    class Predicting(EstimatorTrainable):
        def build_estimator(self, config, epoch):
            return Predicts(found)

    trainable = build(Predicting, {})
    if told is None:
        assert 0 < trainable.step()["val_accuracy"] < 1
        return
    with pytest.raises(ValueError, match=told):
        trainable.step()


@pytest.mark.parametrize(("kind", "options"), [(Own, {}), (TorchTrainable, {"folds": 2})])
def test_some_cannot_be_scored(build, kind, options):
    trainable = build(kind, CONFIG if kind is TorchTrainable else {}, **options)
    trainable.step()
    assert trainable.score() is None


def test_weights_of_another_architecture_are_refused(build):
    weights = build(TorchTrainable, {**CONFIG, "units_1": 4})._loop.weights()
    with pytest.raises(CheckpointError, match="must be those of this trial's configuration"):
        build(TorchTrainable, CONFIG).load_weights(weights)
    with pytest.raises(CheckpointError, match="Own cannot take over weights by themselves"):
        build(Own, {}).load_weights({})


# Without validation rows.


@pytest.mark.parametrize("kind", [TorchTrainable, Measuring, Incremental])
def test_all_rows_train_and_the_last_epoch_is_kept(build, blobs, kind):
    config = {} if kind is Incremental else {**CONFIG, "learning_rate": 3.0}
    trainable = build(kind, config, data=blobs.pooled(), keep="last")
    rows = [trainable.step() for _ in range(6)]
    assert set(rows[0]) == {*trainable.reported, "done"}
    assert not [name for name in rows[0] if name.startswith("val_")]
    assert trainable._best.epoch == 6
    assert len(trainable.data.x_train) == 150
    last = dict(trainable._loop.weights())
    for name, value in trainable._best.weights.items():
        assert (
            torch.equal(value, last[name])
            if isinstance(value, torch.Tensor)
            else (value == last[name])
        )
    assert math.isfinite(trainable.score()["accuracy"])


def test_more_rows_are_trained_on(build, blobs):
    """An epoch of one batch that holds all rows; its loss is that of the initial weights."""
    options = {**CONFIG, "batch_size": 1000, "dropout": 0.0}
    trainable = build(TorchTrainable, options, data=blobs.pooled(), keep="last")
    model = build_mlp(options, (2,), 3)
    model.load_state_dict({n: t.clone() for n, t in trainable._loop.weights().items()})
    x = torch.from_numpy(np.concatenate([blobs.x_train, blobs.x_val]))
    y = torch.from_numpy(np.concatenate([blobs.y_train, blobs.y_val]))
    expected = torch.nn.functional.cross_entropy(model(x), y).item()
    assert trainable.step()["train_loss"] == pytest.approx(expected, rel=1e-6)


def test_plateau_goes_by_the_training_loss(build, blobs):
    """A learning rate of 0: the loss never improves, so each epoch but the first steps down."""
    config = {**CONFIG, "learning_rate": 0.0, "schedule": "plateau", "plateau_patience": 0}
    trainable = build(
        TorchTrainable, {**config, "batch_size": 1000}, data=blobs.pooled(), keep="last"
    )
    for _ in range(3):
        trainable.step()
    assert trainable._loop.state_dict()["schedule"]["steps"] == 2


def test_a_training_loss_that_is_not_finite_ends_it(build, blobs):
    trainable = build(
        TorchTrainable, {**CONFIG, "learning_rate": 1e38}, data=blobs.pooled(), keep="last"
    )
    assert trainable.step()["outcome"] == "diverged"


def test_who_validates_by_itself_needs_rows_for_it(build, blobs):
    with pytest.raises(ValueError, match="Own validates by itself and needs validation rows"):
        build(Own, {}, data=blobs.pooled(), keep="last")


def test_keep_is_checked(build):
    with pytest.raises(ValueError, match=r"Unknown keep 'lst'\. Did you mean 'last'"):
        build(TorchTrainable, CONFIG, keep="lst")


def test_the_last_epoch_is_kept_whatever_it_reports():
    best = BestEpoch("val_loss", "min", "last")
    for epoch in (1, 2, 3):
        assert best.offer({"epoch": epoch}, lambda epoch=epoch: {"w": epoch})
    assert (best.epoch, best.weights) == (3, {"w": 3})

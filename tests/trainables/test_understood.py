"""What the built-in trainables understand, against what their builders read."""

import subprocess
import sys

import pytest
import torch

import trainables
from trainables import TrialOptions, understood
from trainables.configuration import Hyperparameters
from trainables.loops import build_loss, build_optimizer, build_schedule
from trainables.models import build_cnn, build_mlp, build_resnet

MODELS = {
    "TorchTrainable": build_mlp,
    "CNNTrainable": build_cnn,
    "ResNetTrainable": build_resnet,
}
OF_THE_TRAINABLE = {"batch_size", "augment"}


def test_every_built_in_trainable_is_there():
    assert list(understood.BUILT_IN) == list(MODELS)


@pytest.mark.parametrize("kind", MODELS)
def test_the_names_are_those_that_the_builders_read(kind):
    # weight_decay_on: weight_decay is only asked for by that name where it is switched on
    config = Hyperparameters({"units_1": 4, "learning_rate": 0.1, "weight_decay_on": True})
    model = MODELS[kind](config, (8, 8), 3)
    build_optimizer(config, model.parameters())
    build_loss(config)
    build_schedule(config, 3)
    asked = {name for name in config._asked if not name.startswith("units_")}
    assert understood.BUILT_IN[kind] == asked | OF_THE_TRAINABLE
    assert not understood.not_understood(kind, config._asked)


@pytest.mark.parametrize(
    ("kind", "names", "told"),
    [
        ("TorchTrainable", ["learning_rate", "filters"], "hyperparameter filters, and CNNTr.* wou"),
        ("TorchTrainable", ["depth", "filters"], "s depth, filters, and CNN.* and ResNetTrainable"),
        ("ResNetTrainable", ["units_3"], "hyperparameter units_3, and TorchTrainable would"),
        ("CNNTrainable", ["momentun"], "hyperparameter momentun, and no built-in trainable does"),
    ],
)
def test_names_that_are_not_understood_are_named(kind, names, told):
    with pytest.raises(ValueError, match=told):
        understood.check_names(kind, names)
    understood.check_names(kind, ["learning_rate", "dropout"])


class Own(trainables.TorchTrainable):
    def build_model(self, config, input_shape, classes):
        raise NotImplementedError


class OwnLoop(trainables.TorchTrainable):
    def build_loop(self, config, data):
        raise NotImplementedError


class OnlyRenamed(trainables.CNNTrainable):
    pass


@pytest.mark.parametrize(
    ("kind", "names", "options", "told"),
    [
        (trainables.TorchTrainable, ["units_1"], {}, None),
        (trainables.TorchTrainable, ["width"], {}, "does not understand .* width, and ResNet"),
        (trainables.TorchTrainable, [], {"augment": "flip"}, r"augment changes images.* \(2,\)"),
        (OnlyRenamed, ["filters"], {}, r"CNNTrainable needs images.* blobs have the shape \(2,\)"),
        (OnlyRenamed, ["units_1"], {}, "CNNTrainable does not understand"),
        (Own, ["whatever"], {}, None),
        (Own, ["whatever"], {"augment": "crop"}, "augment changes images"),
        (trainables.EstimatorTrainable, ["whatever"], {}, None),
        (trainables.EstimatorTrainable, [], {"workers": 2}, "trains in one process, .* 2 workers"),
        (OwnLoop, [], {"workers": 2}, "OwnLoop trains in one process"),
        (trainables.TorchTrainable, [], {"workers": 2}, None),
        (trainables.TorchTrainable, [], {"folds": 150}, None),
        (trainables.EstimatorTrainable, [], {"folds": 151}, r"within 2 .. 150, the .* it is 151"),
        (trainables.TorchTrainable, [], {"metric": "val_f1_std", "folds": 2}, None),
        (OwnLoop, [], {"metric": "val_f1_std"}, "val_f1_std is a spread .*, or take val_f1"),
    ],
)
def test_what_would_fail_every_trial_is_refused(blobs, kind, names, options, told):
    asked = TrialOptions(max_epochs=1, **options)
    if told is None:
        kind.check_sweep(names, blobs, asked)
        return
    with pytest.raises(ValueError, match=told):
        kind.check_sweep(names, blobs, asked)


@pytest.mark.parametrize("kind", [trainables.CNNTrainable, trainables.ResNetTrainable])
def test_images_are_images(digits, kind):
    kind.check_sweep(["learning_rate"], digits, TrialOptions(max_epochs=1, augment="crop"))


class Reads(trainables.TorchTrainable):
    """Reads `height`, and `width` where it is not 1."""

    def build_model(self, config, input_shape, classes):
        size = config["height"] * (1 if config["height"] == 1 else config["width"])
        return torch.nn.Sequential(torch.nn.LazyLinear(size), torch.nn.Linear(size, classes))


class Keeps(Reads):
    def build_model(self, config, input_shape, classes):
        model = super().build_model(config, input_shape, classes)
        model.config = config
        return model


class ReadsAll(Reads):
    def build_model(self, config, input_shape, classes):
        return super().build_model(dict(config), input_shape, classes)


class CannotBeBuilt(Reads):
    def build_model(self, config, input_shape, classes):
        raise ValueError("needs its rows")


class OwnOptimizer(Reads):
    def build_optimizer(self, config, model):
        raise AssertionError("torch.optim would be imported")


class ReadsLater(trainables.EstimatorTrainable):
    """Reads `alpha`, and `trees` from the second epoch on."""

    def build_estimator(self, config, epoch):
        return config.get("alpha"), config["trees"] if epoch > 1 else None


SMALL = {"height": 1, "width": 1, "learning_rate": 0.1, "batch_size": 8, "loss": "cross_entropy"}


@pytest.mark.parametrize(
    ("kind", "configurations", "told"),
    [
        (Reads, [SMALL | {"height": 2}], None),
        (Reads, [SMALL, SMALL | {"height": 2}], None),
        (Reads, [{"height": 1}, {"height": 2, "width": 1, "depth": 1}], None),
        (Reads, [SMALL, SMALL], r"Reads does not read the hyperparameter width\. It reads aug"),
        (
            Reads,
            [SMALL | {"height": 2, "depth": 3, "units_1": 4}],
            r"the hyperparameters depth, units_1\. It reads .*: drop the rest from the space, or",
        ),
        (Reads, [{"height": 1, "learnin_rate": 1}], "learnin_rate'. Did you mean 'learning_rate"),
        (Reads, [SMALL | {"width": 2, "label_smoothin": 1}], "Did you mean 'label_smoothing'"),
        (Keeps, [SMALL | {"depth": 3}], None),
        (Keeps, [{"height": 1, "learnin_rate": 1}], "Did you mean 'learning_rate'"),
        (ReadsAll, [SMALL | {"depth": 3}], None),
        (CannotBeBuilt, [SMALL | {"depth": 3}], None),
        (OwnOptimizer, [SMALL | {"depth": 3}], None),
        (ReadsLater, [{"trees": 3}], None),
        (ReadsLater, [{"trees": 3, "alfa": 1}], r"hyperparameter alfa\. It reads alpha, trees: "),
    ],
)
def test_what_nothing_reads_is_refused_before_the_first_trial(blobs, kind, configurations, told):
    options = TrialOptions(max_epochs=2)
    if told is None:
        kind.check_reading(configurations, blobs, options)
        return
    with pytest.raises(ValueError, match=told):
        kind.check_reading(configurations, blobs, options)


def test_to_look_at_what_is_read_imports_nothing_large():
    """torch._dynamo would cost the driver a second before its first result."""
    script = """
import sys
import numpy as np
import trainables
from trainables import Dataset, TorchTrainable, TrialOptions
def look(kind):
    kind.check_reading([{"units": 8}, {"units": 8}], data, TrialOptions(max_epochs=1))
x, y = np.zeros((4, 4), np.float32), np.arange(4) % 3
data = Dataset(name="x", x_train=x, y_train=y, x_val=x, y_val=y, x_test=x, y_test=y, classes=3)
class NeedsTorch(TorchTrainable):
    def build_model(self, config, input_shape, classes):
        raise AssertionError
look(NeedsTorch)
assert "torch" not in sys.modules
from torch import nn
class Own(TorchTrainable):
    def build_model(self, config, input_shape, classes):
        layers = nn.Embedding(3, 4), nn.GRU(4, 4), nn.LazyLinear(config["units"])
        return nn.Sequential(*layers, nn.Linear(config["units"], classes))
look(Own)
print([name for name in ("torch._dynamo", "sympy", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr

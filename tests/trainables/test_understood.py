"""What the built-in trainables understand, against what their builders read."""

import pytest

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

"""Hyperparameters that nothing understands are refused by name."""

import numpy as np
import pytest
import torch

import search_spaces
from trainables import CNNTrainable, ResNetTrainable, TorchTrainable
from trainables.configuration import Hyperparameters
from trainables.loops import SGD


class OwnModel(TorchTrainable):
    """Reads one hyperparameter and keeps the rest for later."""

    def build_model(self, config, input_shape, classes):
        width = config["width"]
        hidden = [torch.nn.Flatten(), torch.nn.Linear(64, width), torch.nn.ReLU()]
        return torch.nn.Sequential(*hidden, torch.nn.Linear(width, classes))


def test_reading_is_understanding():
    config = Hyperparameters({"a": 1, "b": 2, "c": 3})
    assert config.get("a") == 1
    assert "b" in config
    assert config.get("d", 4) == 4
    assert config.unread() == ["c"]
    assert {**config} == {"a": 1, "b": 2, "c": 3}
    assert config.unread() == []


@pytest.mark.parametrize(
    ("trainable", "space"),
    [
        (TorchTrainable, "mlp"),
        (TorchTrainable, "mlp_heaton"),
        (TorchTrainable, "abs"),
        (TorchTrainable, "art"),
        (TorchTrainable, "ng"),
        (CNNTrainable, "cnn"),
        (CNNTrainable, "kt"),
        (ResNetTrainable, "resnet"),
    ],
)
def test_every_configuration_of_the_built_in_spaces_is_understood(build, digits, trainable, space):
    """Drawn at random, with whatever conditions leave out; models are built, not trained."""
    found = search_spaces.get(space)
    trained = build(trainable, found.default(), data=digits)
    generator = np.random.default_rng(0)
    for _ in range(6):
        trained.reset(found.sample(generator))


@pytest.mark.parametrize(
    ("trainable", "config", "message"),
    [
        (
            TorchTrainable,
            {"learning_rat": 0.1},
            r"TorchTrainable does not understand the hyperparameter 'learning_rat'. "
            r"Did you mean 'learning_rate'\? It reads activation, .*weight_decay_on",
        ),
        (TorchTrainable, {"xyz": 1}, "'xyz'. It reads activation"),
        (TorchTrainable, {"conv_blocks": 2}, "'conv_blocks'. trainables:CNNTrainable does: name"),
        (TorchTrainable, {"depth": 18}, "'depth'. trainables:ResNetTrainable does"),
        (CNNTrainable, {"hidden_layers": 2}, "'hidden_layers'. trainables:TorchTrainable does"),
        (CNNTrainable, {"kernel": 3}, r"'kernel'. Did you mean 'kernel_size'\?"),
        (ResNetTrainable, {"filters": 3}, "'filters'. trainables:CNNTrainable does"),
        (
            OwnModel,
            {"width": 3, "momentun": 0.9},
            r"OwnModel does not understand the hyperparameter 'momentun'. Did you mean 'momentum'",
        ),
    ],
)
def test_what_is_not_understood_is_refused(build, digits, trainable, config, message):
    with pytest.raises(ValueError, match=message):
        build(trainable, config, data=digits)


def test_what_a_condition_leaves_without_effect_is_understood(build, digits):
    config = {"optimizer": "adam", "momentum": 0.95, "hidden_layers": 1, "units_4": 50}
    build(TorchTrainable, {**config, "decay_rate": 0.9}, data=digits).train()


def test_the_hyperparameters_of_ones_own_model_are_its_own(build, digits):
    build(OwnModel, {"width": 8, "height": 3, "units_1": 5}, data=digits).train()


def test_an_optimizer_of_ones_own_may_leave_some_alone(build, digits):
    class OwnOptimizer(TorchTrainable):
        def build_optimizer(self, config, model):
            return SGD(model.parameters(), learning_rate=config["learning_rate"])

    build(OwnOptimizer, search_spaces.get("mlp").default(), data=digits).train()
    with pytest.raises(ValueError, match=r"'hidden_layer'. Did you mean 'hidden_layers'\?"):
        build(OwnOptimizer, {"learning_rate": 0.1, "hidden_layer": 2}, data=digits)

"""The MLP, CNN and ResNet of a configuration, and what they are built from."""

import math

import pytest
import torch
from torch import nn

from trainables.models import (
    activation,
    activation_names,
    build_cnn,
    build_mlp,
    build_resnet,
    initialisation_names,
    initialise,
    normalisation,
    normalisation_names,
)
from trainables.models.dropout import Dropout

BUILDERS = {"mlp": build_mlp, "cnn": build_cnn, "resnet": build_resnet}
SMALL = {"conv_blocks": 2, "filters": 16, "depth": 8, "width": 16, "units_1": 32}


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def kinds(model):
    return [type(layer) for layer in model.modules() if not list(layer.children())]


@pytest.mark.parametrize(
    ("name", "at_minus_one", "at_one"),
    [
        ("relu", 0.0, 1.0),
        ("leaky_relu", -0.01, 1.0),
        ("elu", math.exp(-1) - 1, 1.0),
        ("selu", 1.0507009873554805 * 1.6732632423543772 * (math.exp(-1) - 1), 1.0507009873554805),
        ("gelu", -0.5 * math.erfc(math.sqrt(0.5)), 1 - 0.5 * math.erfc(math.sqrt(0.5))),
        ("silu", -1 / (1 + math.e), 1 / (1 + math.exp(-1))),
        ("softplus", math.log(1 + math.exp(-1)), math.log(1 + math.e)),
        ("softsign", -0.5, 0.5),
        ("tanh", -math.tanh(1), math.tanh(1)),
        ("sigmoid", 1 / (1 + math.e), 1 / (1 + math.exp(-1))),
    ],
)
def test_activations_by_their_formulas(name, at_minus_one, at_one):
    values = activation(name)(torch.tensor([-1.0, 1.0])).tolist()
    assert values == pytest.approx([at_minus_one, at_one], abs=1e-6)


def test_activation_names():
    assert len(activation_names()) == 10
    with pytest.raises(ValueError, match=r"Unknown activation 'gelo'. Did you mean 'gelu'\?"):
        activation("gelo")


@pytest.mark.parametrize(
    ("config", "input_shape", "shapes"),
    [
        ({}, (28, 28), [(128, 784), (10, 128)]),
        ({"hidden_layers": 0}, (64,), [(10, 64)]),
        ({"hidden_layers": 2, "units_1": 32, "units_2": 16, "units_3": 8}, (8, 8), None),
        ({"hidden_layers": 2.0, "units_1": 32, "units_2": 16.0}, (8, 8), None),
    ],
)
def test_mlp_shapes(config, input_shape, shapes):
    model = build_mlp(config, input_shape, 10)
    found = [tuple(layer.weight.shape) for layer in model if isinstance(layer, nn.Linear)]
    assert found == (shapes or [(32, 64), (16, 32), (10, 16)])
    assert model(torch.zeros(5, *input_shape)).shape == (5, 10)


def test_mlp_order_of_layers():
    config = {"hidden_layers": 2, "dropout": 0.25, "activation": "tanh"}
    kinds = [type(layer) for layer in build_mlp(config, (4,), 3)]
    hidden = [nn.Linear, nn.Tanh, Dropout]
    assert kinds == [nn.Flatten, *hidden, *hidden, nn.Linear]
    assert build_mlp(config, (4,), 3)[3].p == 0.25
    assert not any(isinstance(layer, nn.Dropout) for layer in build_mlp({"dropout": 0}, (4,), 3))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden_layers": -1}, "hidden_layers must be a whole number of at least 0, but it is -1"),
        ({"hidden_layers": 1.5}, "hidden_layers must be a whole number"),
        ({"units_1": 0}, "units_1 must be a whole number of at least 1, but it is 0"),
        ({"dropout": 1.0}, "dropout must be within 0 <= p < 1, but it is 1.0"),
        ({"dropout": math.nan}, "dropout must be within"),
        ({"activation": "rellu"}, "Did you mean 'relu'"),
    ],
)
def test_mlp_refuses(config, message):
    with pytest.raises(ValueError, match=message):
        build_mlp(config, (4,), 3)


@pytest.mark.parametrize(
    ("name", "images", "layer"),
    [
        ("none", True, None),
        ("batch", True, nn.BatchNorm2d),
        ("batch", False, nn.BatchNorm1d),
        ("layer", True, nn.GroupNorm),
        ("layer", False, nn.LayerNorm),
        ("group", True, nn.GroupNorm),
    ],
)
def test_normalisation_layers(name, images, layer):
    found = normalisation(name, 48, images=images)
    assert layer is None if found is None else type(found) is layer
    if layer is nn.GroupNorm:
        assert found.num_groups == (1 if name == "layer" else 3)  # 16 channels a group


def test_normalisation_names():
    assert normalisation_names() == ["none", "batch", "layer", "group"]
    assert normalisation("group", 20, images=True).num_groups == 1
    with pytest.raises(ValueError, match=r"Unknown normalisation 'bach'. Did you mean 'batch'\?"):
        normalisation("bach", 4, images=True)


@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("name", ["batch", "layer", "group"])
def test_normalised_values_have_mean_0_and_variance_1(name, images):
    """Over the batch for each channel, or over each row; 16 channels are one group."""
    torch.manual_seed(0)
    x = 3 * torch.randn((64, 16, 4, 4) if images else (64, 16)) + 5
    y = normalisation(name, 16, images=images)(x).detach()
    others = [0, *range(2, x.dim())] if name == "batch" else list(range(1, x.dim()))
    assert y.mean(others).abs().max() < 1e-5
    assert (y.var(others, unbiased=False) - 1).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("name", "gain", "variance"),
    [  # 400 inputs, 100 outputs
        ("he_normal", 2, 1 / 400),
        ("he_uniform", 2, 1 / 400),
        ("xavier_normal", 1, 2 / 500),
        ("xavier_uniform", 1, 2 / 500),
        # 100 orthonormal rows of 400: each has length 1, so a mean square of 1 / 400
        ("orthogonal", 2, 1 / 400),
    ],
)
def test_variance_of_initial_weights(name, gain, variance):
    torch.manual_seed(0)
    for active, factor in (("relu", gain), ("tanh", 1)):
        model = nn.Sequential(nn.Linear(400, 100), nn.Linear(400, 100))
        initialise(model, name, activation=active, output=model[1])
        hidden, output = (layer.weight.var().item() for layer in model)
        assert hidden == pytest.approx(factor * variance, rel=0.03)
        assert output == pytest.approx(variance, rel=0.03)
        assert not model[0].bias.any()


def test_initialisation_of_torch_is_left_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(9, 4))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    initialise(model, "torch", activation="relu", output=model[0])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert "torch" in initialisation_names()
    with pytest.raises(
        ValueError, match=r"Unknown initialisation 'he_norml'. Did you mean 'he_normal'"
    ):
        initialise(model, "he_norml", activation="relu", output=model[0])


@pytest.mark.parametrize("family", ["cnn", "resnet"])
@pytest.mark.parametrize("input_shape", [(8, 8), (28, 28), (3, 32, 32), (1, 9, 7)])
def test_images_of_every_shape(family, input_shape):
    config = {"conv_blocks": 4, "filters": 4, "depth": 8, "width": 4}
    model = BUILDERS[family](config, input_shape, 10)
    assert model(torch.zeros(5, *input_shape)).shape == (5, 10)


@pytest.mark.parametrize("family", ["cnn", "resnet"])
def test_flat_rows_are_no_images(family):
    with pytest.raises(ValueError, match=r"needs images, .* but the rows have the shape \(64,\)"):
        BUILDERS[family]({}, (64,), 10)


def test_cnn_by_hand():
    """3 x 3 kernels without bias before batch norm, 2 numbers a channel; mean over the image."""
    model = build_cnn({}, (3, 32, 32), 10)
    convolutions = 27 * 32 + 9 * 32 * 64 + 9 * 64 * 128
    assert parameters(model) == convolutions + 2 * (32 + 64 + 128) + 128 * 100 + 100 + 1010
    assert model[:-5](torch.zeros(2, 3, 32, 32)).shape == (2, 128, 4, 4)
    config = {"conv_blocks": 1, "convolutions": 2, "normalisation": "none", "dropout": 0.5}
    block = [nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU, nn.AvgPool2d]
    head = [nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear, nn.ReLU, Dropout, nn.Linear]
    found = kinds(build_cnn({**config, "pooling": "average"}, (8, 8), 3))
    assert found[1:] == [*block, *head]


@pytest.mark.parametrize(
    ("depth", "width", "count"),
    [
        # Table 6 of the paper says 0.27M without the two 1 x 1 shortcuts: 269,722 + 576 + 2,176.
        (20, 16, 272_474),
        # The networks of https://github.com/kuangliu/pytorch-cifar for ten classes.
        (18, 64, 11_173_962),
        (34, 64, 21_282_122),
        (50, 64, 23_520_842),
    ],
)
def test_resnets_have_as_many_parameters_as_published(depth, width, count):
    with torch.device("meta"):
        model = build_resnet({"depth": depth, "width": width}, (3, 32, 32), 10)
    assert parameters(model) == count
    convolutions = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d) and "shortcut" not in name
    ]
    assert len(convolutions) + 1 == depth


def test_without_normalisation_a_resnet_starts_as_its_shortcuts():
    torch.manual_seed(0)
    model = build_resnet({"depth": 50, "width": 8, "normalisation": "none"}, (3, 16, 16), 10)
    x = torch.randn(8, 3, 16, 16)
    assert 0.1 < model(x).std() < 10
    assert model.block_1_2(y := model.activation(model.stem(x)).repeat(1, 4, 1, 1)).equal(y)


@pytest.mark.parametrize("family", BUILDERS)
@pytest.mark.parametrize("normal", ["none", "batch", "layer", "group"])
def test_normalisation_dropout_and_activation_are_taken_from_the_configuration(family, normal):
    config = {**SMALL, "normalisation": normal, "dropout": 0.25, "activation": "silu"}
    model = BUILDERS[family](config, (8, 8), 10)
    found = kinds(model)
    assert nn.SiLU in found
    assert nn.ReLU not in found
    assert found.count(Dropout) == 1
    norms = {nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm} & set(found)
    assert len(norms) == (0 if normal == "none" else 1)
    x = torch.randn(4, 8, 8)
    model(x).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("family", BUILDERS)
def test_the_same_seed_draws_the_same_weights(family):
    def weights(seed, **config):
        torch.manual_seed(seed)
        model = BUILDERS[family]({**SMALL, **config}, (8, 8), 10)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))
    assert not torch.equal(weights(1), weights(1, initialisation="orthogonal"))


@pytest.mark.parametrize(
    ("family", "config", "message"),
    [
        ("cnn", {"conv_blocks": 0}, "conv_blocks must be a whole number of at least 1"),
        ("cnn", {"filters": "many"}, "filters must be a whole number .* but it is many"),
        ("cnn", {"kernel_size": 4}, "kernel_size must be odd, to keep the size, but it is 4"),
        ("cnn", {"pooling": "avg"}, "Unknown pooling 'avg'. .*Known: max, average"),
        ("cnn", {"dropout": 1}, "dropout must be within"),
        ("cnn", {"normalisation": "instance"}, "Unknown normalisation 'instance'"),
        ("resnet", {"depth": 19}, r"depth must be 18, 34, 50, 101, 152, 200 or 6 n \+ 2 from 8"),
        ("resnet", {"depth": 2}, "but it is 2"),
        ("resnet", {"width": 0}, "width must be a whole number of at least 1"),
        ("resnet", {"activation": "rellu"}, "Did you mean 'relu'"),
        ("mlp", {"initialisation": "xavier"}, "Did you mean 'xavier_normal'|'xavier_uniform'"),
    ],
)
def test_models_refuse(family, config, message):
    with pytest.raises(ValueError, match=message):
        BUILDERS[family](config, (8, 8), 3)

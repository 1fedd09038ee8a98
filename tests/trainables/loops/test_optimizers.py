"""Every optimizer against torch.optim's, against values worked by hand, and over a resume."""

import math

import pytest
import torch

from search_spaces.documented.optimization import OPTIMIZER, OPTIMIZER_ABS
from trainables.loops import OptimizerOptions, build_optimizer, optimizer_names

TORCH = {
    "sgd": lambda p, **o: torch.optim.SGD(p, momentum=0.9, **o),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": lambda p, **o: torch.optim.RMSprop(p, alpha=0.9, **o),
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
}


def parameters(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in ((7, 5), (5,), (30, 40))]


def steps(optimizer, tensors, count, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        for tensor in tensors:
            tensor.grad = torch.randn(tensor.shape, generator=generator)
        optimizer.step()


def one_weight(steps=1, gradient=0.5, **config):
    weight = torch.tensor([1.0])
    optimizer = build_optimizer(config, [weight])
    found = []
    for _ in range(steps):
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        found.append(weight.item())
    return found


def test_the_documented_optimizers_are_all_there():
    assert optimizer_names() == list(TORCH)
    assert set(OPTIMIZER.options) < set(OPTIMIZER_ABS.options) == set(optimizer_names())


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("weight_decay", [0.0, 0.03])
@pytest.mark.parametrize("name", TORCH)
def test_equals_torch(name, weight_decay, fused):
    ours, theirs = parameters(), parameters()
    config = {"optimizer": name, "learning_rate": 0.05, "weight_decay": weight_decay}
    steps(build_optimizer(config, ours, fused=fused), ours, 20, seed=1)
    steps(TORCH[name](theirs, lr=0.05, weight_decay=weight_decay), theirs, 20, seed=1)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["adam", "adamw", "adamax", "nadam"])
def test_betas_and_epsilon_reach_the_update(name):
    ours, theirs = parameters(), parameters()
    options = {"optimizer": name, "learning_rate": 0.05, "beta1": 0.8, "beta2": 0.9}
    steps(build_optimizer({**options, "epsilon": 0.1}, ours), ours, 10, seed=1)
    kind = TORCH[name]
    steps(kind(theirs, lr=0.05, betas=(0.8, 0.9), eps=0.1, weight_decay=0), theirs, 10, seed=1)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("fused", [True, False])
def test_nesterov_equals_torch(fused):
    ours, theirs = parameters(), parameters()
    options = {"nesterov": True, "momentum": 0.8}
    steps(build_optimizer(options, ours, fused=fused), ours, 10, seed=1)
    steps(torch.optim.SGD(theirs, 0.01, momentum=0.8, nesterov=True), theirs, 10, seed=1)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(
    ("config", "expected"),
    [  # weight 1, gradient 0.5
        ({"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9}, [0.95, 0.855]),
        ({"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True}, [0.905]),
        # The first step of Adam and its kin is the learning rate, whatever the gradient.
        ({"optimizer": "adam", "learning_rate": 0.1}, [0.9, 0.8]),
        ({"optimizer": "adamw", "learning_rate": 0.1, "weight_decay": 0.5}, [0.85]),
        ({"optimizer": "adamax", "learning_rate": 0.1}, [0.9, 0.8]),
        # s = 0.1 * 0.25 = 0.025; 0.1 * 0.5 / sqrt(0.025) = 0.316228
        ({"optimizer": "rmsprop", "learning_rate": 0.1}, [1 - 0.1 * 0.5 / math.sqrt(0.025)]),
        # momentum is its beta: s = 0.5 * 0.25
        (
            {"optimizer": "rmsprop", "learning_rate": 0.1, "momentum": 0.5},
            [1 - 0.1 * 0.5 / math.sqrt(0.125)],
        ),
        # s = 0.25, then 0.5
        ({"optimizer": "adagrad", "learning_rate": 0.1}, [0.9, 0.9 - 0.05 / math.sqrt(0.5)]),
        # d = sqrt(1e-6) / sqrt(0.025 + 1e-6) * 0.5
        (
            {"optimizer": "adadelta", "learning_rate": 1.0},
            [1 - math.sqrt(1e-6 / 0.025001) * 0.5],
        ),
    ],
)
def test_by_hand(config, expected):
    assert one_weight(len(expected), **config) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", TORCH)
def test_state_round_trip(name, tmp_path):
    """Ten steps equal five, saved, loaded into a fresh optimizer, and five more: bit for bit."""
    config = {"optimizer": name, "learning_rate": 0.05, "weight_decay": 0.01}
    straight, broken = parameters(), parameters()
    optimizer = build_optimizer(config, straight)
    steps(optimizer, straight, 5, seed=1)
    steps(optimizer, straight, 5, seed=2)

    first = build_optimizer(config, broken)
    steps(first, broken, 5, seed=1)
    torch.save(first.state_dict(), tmp_path / "state.pt")
    resumed = build_optimizer(config, broken)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    steps(resumed, broken, 5, seed=2)
    for one, other in zip(straight, broken, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", TORCH)
def test_a_state_from_another_memory_layout(name):
    """A convolution trained with channels first goes on with channels last, value by value."""
    first = [torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))]
    last = [first[0].clone().contiguous(memory_format=torch.channels_last)]
    gradient = torch.randn(first[0].shape, generator=torch.Generator().manual_seed(1))
    before = build_optimizer({"optimizer": name}, first)
    after = build_optimizer({"optimizer": name}, last)
    first[0].grad = gradient
    before.step()
    last[0].copy_(first[0])
    after.load_state_dict(before.state_dict())
    last[0].grad = gradient.contiguous(memory_format=torch.channels_last)
    before.step()
    after.step()
    assert torch.allclose(first[0], last[0])


@pytest.mark.parametrize("name", TORCH)
def test_no_gradient_no_update(name):
    moving, still = torch.tensor([1.0]), torch.tensor([1.0])
    optimizer = build_optimizer({"optimizer": name, "learning_rate": 0.1}, [moving, still])
    moving.grad = torch.tensor([1.0])
    optimizer.step()
    assert still.item() == 1.0
    assert moving.item() < 1.0
    optimizer.zero_grad()
    assert moving.grad is None
    before = moving.item()
    optimizer.step()
    assert moving.item() == before


def test_the_state_of_another_optimizer_is_refused():
    sgd, adam = (build_optimizer({"optimizer": n}, [torch.zeros(3)]) for n in ("sgd", "adam"))
    with pytest.raises(ValueError, match=r"Adam keeps \['means', 'squares'\], .* \['velocities'\]"):
        adam.load_state_dict(sgd.state_dict())


@pytest.mark.parametrize(
    ("config", "weight_decay"),
    [
        ({}, 0.0),
        ({"weight_decay": 0.5}, 0.5),
        ({"weight_decay_on": True, "weight_decay": 0.5}, 0.5),
        ({"weight_decay_on": False, "weight_decay": 0.5}, 0.0),
        ({"weight_decay_on": False}, 0.0),
        ({"weight_decay_on": True}, 1e-4),
    ],
)
def test_the_switch_of_weight_decay(config, weight_decay):
    assert OptimizerOptions.of(config).weight_decay == weight_decay


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"optimizer": "RMSprop"}, r"Unknown optimizer 'RMSprop'. Did you mean 'rmsprop'\?"),
        ({"optimizer": "adam", "beta1": 1.0}, "beta1 must be within 0 <= p < 1, but it is 1.0"),
        ({"optimizer": "adam", "epsilon": -1}, "epsilon must be at least 0, but it is -1"),
        ({"optimizer": "rmsprop", "momentum": 1.5}, "beta must be within"),
        ({"optimizer": "adadelta", "learning_rate": math.nan}, "learning_rate must be at least 0"),
        ({"momentum": 0.0, "nesterov": True}, "nesterov needs a momentum above 0"),
    ],
)
def test_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build_optimizer(config, [torch.zeros(1)])


@pytest.mark.parametrize("name", TORCH)
def test_nothing_to_train(name):
    with pytest.raises(ValueError, match="must be given at least one parameter"):
        build_optimizer({"optimizer": name}, [])

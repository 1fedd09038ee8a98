"""Our SGD against torch's, and against values worked by hand."""

import math

import pytest
import torch

from trainables.loops import SGD


def parameters(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in ((7, 5), (5,), (300, 40))]


def steps(optimizer, tensors, count, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        for tensor in tensors:
            tensor.grad = torch.randn(tensor.shape, generator=generator)
        optimizer.step()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize(("fused", "tolerance"), [(True, 0.0), (False, 1e-6)])
def test_equals_torch(momentum, weight_decay, fused, tolerance):
    ours, theirs = parameters(), parameters()
    options = {"momentum": momentum, "weight_decay": weight_decay}
    steps(SGD(ours, learning_rate=0.1, **options), ours, 10, seed=1)
    steps(torch.optim.SGD(theirs, lr=0.1, fused=fused, **options), theirs, 10, seed=1)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance)


def test_by_hand():
    weight = torch.tensor([1.0])
    optimizer = SGD([weight], learning_rate=0.1, momentum=0.9, weight_decay=0.5)
    for expected in (0.9, 0.765):  # g = 0.5 + 0.5 w: v = 1, w = 0.9; then v = 0.9 + 0.95 = 1.85
        weight.grad = torch.tensor([0.5])
        optimizer.step()
        if expected == 0.9:
            assert weight.item() == pytest.approx(0.9)
    assert weight.item() == pytest.approx(0.9 - 0.185)


def test_no_gradient_no_update():
    moving, still = torch.tensor([1.0]), torch.tensor([1.0])
    optimizer = SGD([moving, still], learning_rate=0.1, momentum=0.9, weight_decay=0.1)
    moving.grad = torch.tensor([1.0])
    optimizer.step()
    assert still.item() == 1.0
    assert moving.item() == pytest.approx(0.89)
    assert optimizer.state_dict()["velocities"][1] is None
    optimizer.zero_grad()
    optimizer.step()
    assert moving.grad is None
    assert moving.item() == pytest.approx(0.89)


def test_state_round_trip(tmp_path):
    straight, broken = parameters(), parameters()
    steps(optimizer := SGD(straight, learning_rate=0.1, momentum=0.9), straight, 5, seed=1)
    steps(optimizer, straight, 5, seed=2)

    steps(optimizer := SGD(broken, learning_rate=0.1, momentum=0.9), broken, 5, seed=1)
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    resumed = SGD(broken, learning_rate=0.1, momentum=0.9)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    steps(resumed, broken, 5, seed=2)
    for one, other in zip(straight, broken, strict=True):
        assert torch.equal(one, other)


def test_loaded_state_is_a_copy():
    tensors = parameters()
    steps(first := SGD(tensors, learning_rate=0.1, momentum=0.9), tensors, 1, seed=1)
    before = first.state_dict()["velocities"][0].clone()
    second = SGD(tensors, learning_rate=0.1, momentum=0.9)
    second.load_state_dict(first.state_dict())
    steps(second, tensors, 1, seed=2)
    assert torch.equal(first.state_dict()["velocities"][0], before)


def test_weights_of_two_types_are_updated_pass_by_pass():
    """The fused kernel of a GPU takes weights of one type alone."""
    ours = [
        torch.ones(3, dtype=dtype, requires_grad=True) for dtype in (torch.float32, torch.double)
    ]
    optimizer = SGD(ours, learning_rate=0.1, momentum=0.9)
    assert not optimizer.fused
    for weight in ours:
        weight.grad = torch.full_like(weight, 0.5)
    optimizer.step()
    assert [weight.tolist() for weight in ours] == [[pytest.approx(0.95)] * 3] * 2


def test_foreign_state_is_refused():
    optimizer = SGD([torch.zeros(3)], learning_rate=0.1)
    for velocities in ([], [torch.zeros(2)], [None, None]):
        with pytest.raises(ValueError, match="velocities must have the shapes"):
            optimizer.load_state_dict({"steps": 1, "velocities": velocities})


@pytest.mark.parametrize("name", ["learning_rate", "momentum", "weight_decay"])
@pytest.mark.parametrize("value", [-0.1, math.nan])
def test_refused_values(name, value):
    options = {"learning_rate": 0.1, name: value}
    with pytest.raises(ValueError, match=f"{name} must be at least 0, but it is {value}"):
        SGD([torch.zeros(1)], **options)


def test_refuses_nothing_to_train():
    with pytest.raises(ValueError, match="at least one parameter"):
        SGD([], learning_rate=0.1)

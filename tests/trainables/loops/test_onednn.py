"""Linear layers by oneDNN: the same function, where it pays and where torch can do it."""

import copy

import pytest
import torch
from torch import nn

from trainables import CNNTrainable, DeviceOptions, TorchTrainable
from trainables.loops import Execution, onednn
from trainables.loops.onednn import OneDNNLinear, by_onednn

MANY, FEW = 400, 20  # rows of 300 x 200: 24 million products, and 1.2


@pytest.fixture
def faster(monkeypatch):
    monkeypatch.setattr(onednn, "is_faster", lambda: True)


def layers(*, bias=True):
    torch.manual_seed(0)
    usual = nn.Linear(300, 200, bias=bias)
    model = nn.Sequential(copy.deepcopy(usual))
    by_onednn(model)
    return usual, model[0]


class Called:
    """Notes the rows that go to oneDNN."""

    def __init__(self, monkeypatch):
        self.rows = []
        real = torch.Tensor.to_mkldnn
        monkeypatch.setattr(
            torch.Tensor, "to_mkldnn", lambda x: self.rows.append(len(x)) or real(x)
        )


@pytest.fixture
def called(monkeypatch):
    return Called(monkeypatch)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [MANY, FEW])
def test_outputs_and_gradients_are_those_of_the_usual_layer(faster, called, rows, bias):
    usual, ours = layers(bias=bias)
    assert type(ours) is OneDNNLinear
    found = []
    for layer in (usual, ours):
        x = torch.randn(rows, 300, generator=torch.Generator().manual_seed(1)).requires_grad_()
        y = layer(x)
        y.square().sum().backward()
        found.append([y, x.grad, *(parameter.grad for parameter in layer.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)
    assert called.rows == ([MANY] if rows == MANY else [])


def test_names_weights_and_states_stay(faster):
    usual, ours = layers()
    assert list(ours.state_dict()) == list(usual.state_dict()) == ["weight", "bias"]
    assert isinstance(ours, nn.Linear)
    x = torch.randn(MANY, 300)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), usual(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "x",
    [torch.zeros(MANY, 300, dtype=torch.double), torch.zeros(1, MANY, 300)],
    ids=["float64", "three dimensions"],
)
def test_what_it_is_not_made_for_goes_the_usual_way(faster, called, x):
    _, ours = layers()
    assert ours.to(x.dtype)(x).shape == (*x.shape[:-1], 200)
    assert called.rows == []


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_autocast_and_traces_go_the_usual_way(faster, called):
    _, ours = layers()
    x = torch.randn(MANY, 300)
    with torch.autocast("cpu", torch.bfloat16):
        assert ours(x).dtype == torch.bfloat16
    torch.jit.trace(ours, x, check_trace=False)  # the check calls it once more, untraced
    assert torch.export.export(ours, (x,)).module()(x).shape == (MANY, 200)
    assert called.rows == []


@pytest.mark.parametrize("kind", [TorchTrainable, CNNTrainable])
def test_our_models_are_computed_so_and_those_of_ones_own_are_not(faster, build, digits, kind):
    class Own(kind):
        def build_model(self, config, input_shape, classes):
            return super().build_model(config, input_shape, classes)

    for built, expected in ((kind, OneDNNLinear), (Own, nn.Linear)):
        model = build(built, {}, data=digits).loop.model
        assert {type(one) for one in model.modules() if isinstance(one, nn.Linear)} == {expected}
    meta = Execution(DeviceOptions(), "meta").prepare(nn.Sequential(nn.Linear(2, 2)))
    assert type(meta[0]) is nn.Linear


@pytest.mark.parametrize(
    ("maker", "vectors", "has_mkl", "expected"),
    [
        ("vendor_id\t: AuthenticAMD\n", "AVX512", True, True),
        ("vendor_id\t: AuthenticAMD\n", "AVX2", True, False),
        ("vendor_id\t: AuthenticAMD\n", "AVX512", False, False),
        ("vendor_id\t: GenuineIntel\n", "AVX512", True, False),
        ("Features : asimd\n", "DEFAULT", False, False),
    ],
)
def test_on_which_processors(monkeypatch, tmp_path, maker, vectors, has_mkl, expected):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{maker}model\t\t: 2\n")
    monkeypatch.setattr(onednn, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: vectors)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: has_mkl)
    onednn.is_faster.cache_clear()
    assert onednn.is_faster() is expected
    onednn.is_faster.cache_clear()

"""What trains on one device trains on another: every tensor is where the operation needs it.

torch's meta device stands in for a GPU. It computes nothing, but its tensors are elsewhere than the
CPU's, and each operation on tensors of both is refused, as CUDA refuses it.
"""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from trainables import DeviceOptions, TorchTrainable, devices
from trainables.loops import Execution, FoldData, TensorData, is_out_of_memory

MOVES = {"_to_copy", "to", "copy_"}


class Elsewhere(TorchDispatchMode):
    """Refuses tensors of two devices, and answers what meta tensors have no numbers for."""

    def __init__(self):
        super().__init__()
        self.places = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        # A number on the CPU goes with everything.
        places = {t.device.type for t in tensors if t.dim() > 0 or t.device.type != "cpu"}
        if len(places) > 1 and name not in MOVES:
            raise RuntimeError(f"{func} has tensors on {' and '.join(sorted(places))}")
        self.places |= places
        if "meta" not in places:
            return func(*args, **kwargs)
        if name in ("_local_scalar_dense", "item"):
            return torch.ones((), dtype=args[0].dtype).item()
        if name == "bincount":
            return torch.empty(args[2], dtype=torch.int64, device="meta")
        if name == "index" and args[1][0].dtype == torch.bool:
            return args[0]
        if name == "multi_margin_loss_backward":
            return args[1]
        if name.startswith("_fused"):
            return None
        return func(*args, **kwargs)


@pytest.fixture
def elsewhere(monkeypatch):
    monkeypatch.setattr(TorchTrainable, "_device_type", lambda self: "meta")
    with Elsewhere() as mode:
        yield mode


@pytest.mark.parametrize("room", [True, False], ids=["data on the device", "data on the host"])
@pytest.mark.parametrize("name", CASES)
def test_a_trial_and_the_next_one(build, digits, elsewhere, monkeypatch, name, room):
    if not room:
        monkeypatch.setattr(Execution, "place_for", lambda self, nbytes: torch.device("cpu"))
    kind, config, options = CASES[name]
    trainable = build(kind, {**config, "batch_size": 500}, data=digits, **options)
    data = (
        trainable._tensors.pool if isinstance(trainable._tensors, FoldData) else trainable._tensors
    )
    assert data.device.type == ("meta" if room else "cpu")
    for _ in range(2):
        first, second = trainable.step(), trainable.step()
        assert (first["epoch"], second["epoch"]) == (1, 2)
        state = trainable.loop.state_dict()
        weights = {weight.device.type for weight in trainable.loop.weights().values()}
        assert weights == {"meta"}
        trainable.loop.load_state_dict(state)
        assert trainable.step()["epoch"] == 3
        if "folds" not in options:
            assert trainable.score()["accuracy"] > 0
        assert trainable.reset(config)
    assert elsewhere.places == {"cpu", "meta"}


def test_the_test_can_fail(build, digits, elsewhere):
    trainable = build(TorchTrainable, {}, data=digits)
    trainable._loop._data = TensorData.of(digits)
    trainable._loop._batch = lambda rows: (
        trainable._loop._data.x_train.index_select(0, rows),
        trainable._loop._data.y_train.index_select(0, rows),
    )
    with pytest.raises(RuntimeError, match="has tensors on cpu and meta"):
        trainable.step()


def test_a_loss_with_weights_is_moved(build, digits, elsewhere):
    class Weighted(TorchTrainable):
        def build_loss(self, config):
            return nn.CrossEntropyLoss(weight=torch.ones(10, device="cpu"))

    trainable = build(Weighted, {}, data=digits)
    assert trainable.step()["epoch"] == 1
    assert trainable._loop._loss.weight.device.type == "meta"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA driver error: out of memory"), True),
        (RuntimeError("NCCL error: Cuda failure 2 'out of memory'"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("CUDA error: out of memory"), False),
    ],
)
def test_running_out_of_memory_is_recognised(error, expected):
    assert is_out_of_memory(error) is expected


@pytest.mark.parametrize(
    ("initialised", "refused", "expected"), [(False, 0, False), (True, 0, False), (True, 1, True)]
)
def test_a_convolution_that_found_no_algorithm(monkeypatch, initialised, refused, expected):
    """For want of memory, or because the GPU is not one that cuDNN was made for."""
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: initialised)
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda: {"num_ooms": refused})
    error = RuntimeError("GET was unable to find an engine to execute this computation")
    assert is_out_of_memory(error) is expected


@pytest.mark.parametrize(
    ("is_actor", "lent", "seen"), [(True, [], ""), (True, [1], "0,1"), (False, [], "0,1")]
)
def test_a_trial_without_a_gpu_sees_none(monkeypatch, is_actor, lent, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    monkeypatch.setattr("ray.get_gpu_ids", lambda: lent)
    monkeypatch.setattr(devices, "_is_actor", lambda: is_actor)
    devices.see_only_what_was_lent()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen


@pytest.mark.parametrize(
    ("lent", "there", "usable", "expected"),
    [
        ([], 2, True, "cpu"),
        ([0], 2, True, "cuda"),
        ([0], 0, False, "cpu"),  # a number that Ray was told, without a GPU
        ([], 2, False, "cpu"),
        ([0], 2, False, "This trial has a GPU that torch cannot use: run caviar doctor"),
        (None, 2, True, "cuda"),  # without Ray
        (None, 2, False, "cpu"),
    ],
)
def test_the_device_is_what_ray_lent(monkeypatch, lent, there, usable, expected):
    monkeypatch.setattr("ray.is_initialized", lambda: lent is not None)
    monkeypatch.setattr("ray.get_gpu_ids", lambda: lent)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
    monkeypatch.setattr(devices, "gpus_of_this_machine", lambda: there)
    trainable = TorchTrainable.__new__(TorchTrainable)
    if " " in expected:
        with pytest.raises(RuntimeError, match=expected):
            trainable._device_type()
    else:
        assert trainable._device_type() == expected


def test_no_room_for_the_data_ends_one_trial_and_the_next_one_works(build, digits, monkeypatch):
    class Shifted(TorchTrainable):
        def prepare_data(self, data):
            return replace(data, x_train=data.x_train + 1)

    real, calls = TensorData.of, []

    def full_once(data, device):
        calls.append(device)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return real(data, device)

    monkeypatch.setattr(TensorData, "of", full_once)
    trainable = build(Shifted, {}, data=digits)
    row = trainable.step()
    assert (row["outcome"], row["done"], row["epoch"]) == ("out_of_memory", True, 1)
    assert trainable.reset({})
    assert trainable.step()["epoch"] == 1
    assert np.array_equal(trainable.data.x_train, digits.x_train + 1)  # prepared once, not twice
    assert trainable.reset({})
    assert len(calls) == 2
    # As if there had been no trial before.
    assert trainable.step()["train_loss"] == build(Shifted, {}, data=digits).step()["train_loss"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", CASES)
def test_a_real_gpu_has_the_curve_of_a_cpu(build, digits, monkeypatch, tmp_path, name):
    """Wherever the data is, and after a resume. Without dropout, whose masks differ."""
    kind, config, options = CASES[name]
    config = {**config, "dropout": 0.0, "batch_size": 100}
    exact = DeviceOptions(precision="float32", tf32=False, channels_last=False)
    rows = {}
    for place in ("cpu", "cuda", "cuda, data on the host"):
        with monkeypatch.context() as patch:
            if place == "cpu":
                patch.setattr(TorchTrainable, "_device_type", lambda self: "cpu")
            if place.endswith("host"):
                patch.setattr(Execution, "place_for", lambda self, nbytes: torch.device("cpu"))
            trainable = build(kind, config, data=digits, device=exact, **options)
            rows[place] = [trainable.step() for _ in range(3)][-1]
            assert {w.device.type for w in trainable.loop.weights().values()} == {place[:4]}
            if place == "cuda":
                trainable.save(str(tmp_path))
    for place in rows:
        for metric in ("train_loss", "val_loss"):
            assert rows[place][metric] == pytest.approx(rows["cpu"][metric], rel=1e-2)
    resumed = {**config, "_trial": {"restore_from": str(tmp_path)}}
    assert build(kind, resumed, data=digits, device=exact, **options).step()["epoch"] == 4

"""The device options: what they settle to, and what they do on a CPU; CUDA by stand-ins."""

import pytest
import torch
from torch import nn

from trainables import CNNTrainable, DeviceOptions, TorchTrainable
from trainables.loops import Execution


@pytest.fixture
def cuda(monkeypatch):
    """Notes what would be set on a GPU."""
    calls = {}
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda v: calls.update(matmul=v))
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda f, d: calls.update(share=f, device=d)
    )
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", torch.backends.cudnn.allow_tf32)
    return calls


@pytest.mark.parametrize(
    ("options", "device", "autocast", "channels_last"),
    [
        ({}, "cpu", None, False),
        ({"precision": "float32"}, "cpu", None, False),
        ({"precision": "bfloat16"}, "cpu", torch.bfloat16, False),
        ({"channels_last": True}, "cpu", None, True),
        ({}, "cuda", torch.bfloat16, True),
        ({"precision": "float32"}, "cuda", None, True),
        ({"channels_last": False}, "cuda", torch.bfloat16, False),
    ],
)
def test_defaults_by_device(cuda, options, device, autocast, channels_last):
    found = Execution(DeviceOptions(**options), device)
    assert (found.autocast_to, found.channels_last) == (autocast, channels_last)
    assert ("matmul" in cuda) == (device == "cuda")


def test_an_old_gpu_keeps_float32(cuda, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert Execution(DeviceOptions(), "cuda").autocast_to is None


@pytest.mark.parametrize(("tf32", "matmul"), [(True, "high"), (False, "highest")])
def test_tf32_and_the_share_of_memory_are_set_on_a_gpu(cuda, tf32, matmul):
    Execution(DeviceOptions(tf32=tf32, memory_share=0.25), "cuda")
    assert cuda == {"matmul": matmul, "share": 0.25, "device": torch.device("cuda")}
    assert torch.backends.cudnn.allow_tf32 is tf32


@pytest.mark.parametrize(
    ("asked", "gpus", "share"),
    [
        (None, 0.25, 0.25),  # four trials on a GPU
        (None, 0, 1.0),
        (None, 1, 1.0),
        (None, 4, 1.0),
        (0.2, 0.25, 0.2),
        (0.5, 1, 0.5),
    ],
)
def test_a_fraction_of_a_gpu_is_a_share_of_its_memory(cuda, asked, gpus, share):
    Execution(DeviceOptions(memory_share=asked).sharing(gpus), "cuda")
    assert cuda["share"] == share


def test_a_trial_has_its_share_before_it_allocates_anything(build, cuda, monkeypatch):
    """A stand-in for the GPU: the trial is told that it has one, and moves nothing there."""
    monkeypatch.setattr(TorchTrainable, "_has_gpu", lambda self: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)

    def moved(data, device):
        assert (device.type, cuda["share"]) == ("cuda", 0.25)
        raise torch.OutOfMemoryError("moved to the GPU")

    monkeypatch.setattr("trainables.loops.TensorData.of", moved)
    with pytest.raises(torch.OutOfMemoryError, match="moved to the GPU"):
        build(TorchTrainable, {}, device=DeviceOptions(precision="float32").sharing(0.25))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_share_of_a_real_gpu_is_enforced(build):
    """A layer of half the GPU's memory fails with a quarter, and the next trial on it works."""
    total = torch.cuda.get_device_properties(0).total_memory
    width = total // 2 // 4 // 2  # of two inputs: width x 2 numbers of four bytes
    shared = build(TorchTrainable, {"units_1": width}, device=DeviceOptions().sharing(0.25))
    try:
        row = shared.step()
        assert (row["outcome"], row["done"]) == ("out_of_memory", True)
        assert shared.reset({"units_1": 8})
        assert shared.step()["epoch"] == 1
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
def test_precision_of_the_layers_and_of_the_loss(precision):
    execution = Execution(DeviceOptions(precision=precision), "cpu")
    seen = []
    model = nn.Linear(4, 3)
    model.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    for _ in range(2):  # the context is used again for every batch
        with execution.precision():
            logits = execution.outputs(model(torch.randn(2, 4)))
        assert not torch.is_autocast_enabled("cpu")
    low = precision == "bfloat16"
    assert seen == [torch.bfloat16 if low else torch.float32] * 2
    assert logits.dtype == torch.float32
    assert next(model.parameters()).dtype == torch.float32


def test_channels_last_gives_the_same_numbers(build, digits):
    """In both layouts, with the convolutions really running in the one asked for."""
    layouts, rows = [], []

    class Spy(CNNTrainable):
        def build_model(self, config, input_shape, classes):
            model = super().build_model(config, input_shape, classes)
            convolution = model.convolution_2_1
            convolution.register_forward_hook(lambda m, i, out: layouts.append((m, out)))
            return model

    for channels_last in (False, True):
        options = DeviceOptions(channels_last=channels_last)
        row = build(Spy, {"filters": 4}, data=digits, device=options).step()
        layer, out = layouts[-1]
        for tensor in (layer.weight, out):
            assert tensor.is_contiguous(memory_format=torch.channels_last) == channels_last
        rows.append(row)
    for metric in ("train_loss", "val_loss"):
        assert rows[0][metric] == pytest.approx(rows[1][metric], rel=1e-3)


@pytest.mark.parametrize(
    ("optimizer", "kernel"), [("sgd", "_fused_sgd_"), ("adam", "_fused_adam_")]
)
def test_fused_kernels_are_an_option_and_give_the_same_numbers(
    build, digits, monkeypatch, optimizer, kernel
):
    calls = []
    real = getattr(torch, kernel)
    monkeypatch.setattr(torch, kernel, lambda *a, **o: calls.append(kernel) or real(*a, **o))
    rows = []
    for fused in (True, False):
        calls.clear()
        config = {"optimizer": optimizer, "learning_rate": 0.01}
        trainable = build(TorchTrainable, config, data=digits, device=DeviceOptions(fused=fused))
        rows.append(trainable.step())
        assert bool(calls) is fused
    for metric in ("train_loss", "val_loss"):
        assert rows[0][metric] == pytest.approx(rows[1][metric], rel=1e-4)


def test_compiling_comes_with_a_warning(build, monkeypatch, caplog):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda forward: compiled.append(forward) or forward)
    trainable = build(TorchTrainable, {}, device=DeviceOptions(compile=True))
    assert [forward.__self__ for forward in compiled] == [trainable._loop.model]
    assert "compiles anew for every shape" in caplog.text
    build(TorchTrainable, {})
    assert len(compiled) == 1


@pytest.mark.slow
def test_a_compiled_model_gives_the_same_numbers(build, digits, tmp_path):
    """torch's compiler for real: it needs a C++ compiler, and tens of seconds."""
    config = {"units_1": 8, "batch_size": 359}  # 1,077 = 3 x 359: one shape
    rows = []
    for compiles in (False, True):
        options = DeviceOptions(compile=compiles)
        trainable = build(TorchTrainable, config, data=digits, device=options)
        rows.append([trainable.step() for _ in range(2)][-1])
        trainable.save(str(tmp_path / str(compiles)))
    assert torch._dynamo.utils.counters["frames"]["ok"] > 0, "nothing was compiled"
    for metric in ("train_loss", "val_loss"):
        assert rows[0][metric] == pytest.approx(rows[1][metric], rel=1e-4)
    # The checkpoint of one loads into the other: compiling does not rename the weights.
    other = {**config, "_trial": {"restore_from": str(tmp_path / "True")}}
    assert build(TorchTrainable, other, data=digits).step()["epoch"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float16"}, "precision must be one of auto, float32, bfloat16, but it is"),
        ({"memory_share": 0}, "memory_share must be within 0 < share <= 1, but it is 0"),
        ({"memory_share": 1.5}, "but it is 1.5"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DeviceOptions(**options)

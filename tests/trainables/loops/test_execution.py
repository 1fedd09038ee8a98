"""The device options: what they settle to, and what they do on a CPU; CUDA by stand-ins."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from trainables import CNNTrainable, DeviceOptions, GeneratorTrainable, TorchTrainable
from trainables.loops import Execution

MEMORY = 80 * 2**30


@pytest.fixture
def cuda(monkeypatch):
    """A GPU's driver: answers what torch asks it, and notes what is set. All of torch above it is
    the real one, whose functions are particular about their arguments."""
    calls = {"major": 9}  # Hopper
    facts = SimpleNamespace(total_memory=MEMORY)
    driver = {
        "_cuda_getDevice": lambda: 0,
        "_cuda_setMemoryFraction": lambda share, device: calls.update(share=share, device=device),
    }
    for name, function in driver.items():
        monkeypatch.setattr(torch._C, name, function, raising=False)
    for module in (torch.cuda, torch.cuda.memory):
        monkeypatch.setattr(module, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    def properties(device):
        facts.major = calls["major"]
        return facts

    monkeypatch.setattr(torch.cuda, "_get_device_properties", properties, raising=False)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda v: calls.update(matmul=v))
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


@pytest.mark.parametrize(("major", "autocast"), [(7, None), (8, torch.bfloat16)])
def test_a_gpu_that_only_emulates_bfloat16_keeps_float32(cuda, major, autocast):
    """A V100's or T4's arithmetic with bfloat16 is slower than with float32."""
    cuda["major"] = major
    assert Execution(DeviceOptions(), "cuda").autocast_to is autocast


def test_a_recurrent_model_keeps_float32_and_the_next_one_does_not(cuda, monkeypatch):
    """Under CUDA's autocast its layers would compute in float16, whose small gradients vanish."""
    monkeypatch.setattr(nn.Module, "to", lambda self, *_: self)  # there is no GPU to go to
    execution = Execution(DeviceOptions(), "cuda")
    asked = Execution(DeviceOptions(precision="bfloat16"), "cuda")
    for model, autocast in (
        (nn.Sequential(nn.GRU(4, 4)), None),
        (nn.Sequential(nn.Linear(4, 4)), torch.bfloat16),
    ):
        execution.prepare(model)
        asked.prepare(model)
        assert execution.autocast_to is autocast
        assert asked.autocast_to is torch.bfloat16


def test_a_model_of_ones_own_has_images_as_always(cuda):
    """It may flatten them by view(), which fails at images that lie channels last."""
    assert not Execution(DeviceOptions(), "cuda", own_model=True).channels_last
    assert Execution(DeviceOptions(channels_last=True), "cuda", own_model=True).channels_last


@pytest.mark.parametrize(("own", "expected"), [(False, False), (True, True)])
def test_whose_model_it_is(build, digits, monkeypatch, own, expected):
    given = []

    class Spy(Execution):
        def __init__(self, *args, own_model):
            given.append(own_model)
            super().__init__(*args, own_model=own_model)

    class Own(CNNTrainable):
        def build_model(self, config, input_shape, classes):
            return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))

    monkeypatch.setattr("trainables.loops.Execution", Spy)
    build(Own if own else CNNTrainable, {}, data=digits)
    assert given == [expected]


def test_only_images_lie_channels_last():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv3d(2, 3, 3), nn.Linear(2, 2))
    weights = [layer.weight for layer in model]
    Execution(DeviceOptions(channels_last=True), "cpu").prepare(model)
    assert [layer.weight for layer in model] == weights  # the very same parameters
    assert weights[0].is_contiguous(memory_format=torch.channels_last)
    assert weights[1].is_contiguous()


@pytest.mark.parametrize(
    ("layer", "expected"), [(nn.Conv2d(2, 3, 3), True), (nn.Linear(32, 3), False)]
)
def test_batches_lie_channels_last_where_a_layer_gains_by_it(layer, expected):
    execution = Execution(DeviceOptions(channels_last=True), "cpu")
    execution.prepare(nn.Sequential(layer))
    x = execution.inputs(torch.zeros(5, 2, 4, 4))
    assert x.is_contiguous(memory_format=torch.channels_last) is expected


@pytest.mark.parametrize(("tf32", "matmul"), [(True, "high"), (False, "highest")])
def test_tf32_and_the_share_of_memory_are_set_on_a_gpu(cuda, tf32, matmul):
    Execution(DeviceOptions(tf32=tf32, memory_share=0.25), "cuda")
    assert (cuda["matmul"], cuda["share"], cuda["device"]) == (matmul, 0.25, 0)
    assert torch.backends.cudnn.allow_tf32 is tf32


@pytest.mark.parametrize("gpus", [0.25, 1])
def test_a_loop_of_ones_own_has_its_share_of_memory_too(cuda, build, digits, monkeypatch, gpus):
    class Own(GeneratorTrainable):
        def run_epochs(self, config, data, state, epochs):
            yield {"val_accuracy": 0.5}, {}

    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    build(Own, {}, data=digits, device=DeviceOptions().sharing(gpus))
    assert cuda.get("share") == (0.25 if gpus == 0.25 else None)


@pytest.mark.parametrize(
    ("asked", "gpus", "share"),
    [
        (None, 0.25, 0.25),  # four trials on a GPU
        (None, 0, 1.0),
        (None, 1, 1.0),
        (None, 4, 1.0),
        (0.2, 0.25, 0.2),
        (1, 1, 1.0),
        (0.5, 1, 0.5),
    ],
)
def test_a_fraction_of_a_gpu_is_a_share_of_its_memory(cuda, asked, gpus, share):
    Execution(DeviceOptions(memory_share=asked).sharing(gpus), "cuda")
    assert cuda["share"] == share
    assert type(cuda["share"]) is float  # torch takes nothing else


def test_a_trial_has_its_share_before_it_allocates_anything(build, cuda, monkeypatch):
    """A stand-in for the GPU: the trial is told that it has one, and moves nothing there."""
    monkeypatch.setattr(TorchTrainable, "_device_type", lambda self: "cuda")
    moves = []

    def moved(data, device):
        assert (device.type, cuda["share"]) == ("cuda", 0.25)
        moves.append(device)
        raise torch.OutOfMemoryError("moved to the GPU")

    monkeypatch.setattr("trainables.loops.TensorData.of", moved)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: None)
    full = build(TorchTrainable, {}, device=DeviceOptions(precision="float32").sharing(0.25))
    row = full.step()
    assert (row["outcome"], row["detail"]) == ("out_of_memory", "moved to the GPU")
    assert full.reset({})
    assert len(moves) == 2  # the next trial tries again: others may have left the GPU


@pytest.mark.parametrize(
    ("size", "share", "place"),
    [
        (MEMORY // 2, None, "cuda"),
        (MEMORY // 2 + 1, None, "cpu"),
        (MEMORY // 8, 0.25, "cuda"),
        (MEMORY // 8 + 1, 0.25, "cpu"),
    ],
)
def test_data_of_more_than_half_the_memory_stay_on_the_host(cuda, size, share, place):
    options = DeviceOptions(memory_share=share)
    assert Execution(options, "cuda").place_for(size).type == place
    assert Execution(options, "cpu").place_for(size).type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_share_of_a_real_gpu_is_enforced(build):
    """A layer of twice the share's memory fails, and the next trial on it works."""
    share = 2**27 / torch.cuda.get_device_properties(0).total_memory
    options = DeviceOptions(memory_share=share)
    shared = build(TorchTrainable, {"units_1": 2**25}, device=options)  # of two inputs: 256 MiB
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

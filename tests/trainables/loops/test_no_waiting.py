"""No loop waits for the device while it trains a batch: a wait costs more than a small batch."""

from collections import Counter

import cases
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from trainables import DeviceOptions, TorchTrainable

# What needs a value from the device: .item(), float(), bool() and comparisons in Python; a mask as
# an index or nonzero(); unique().
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "is_nonzero", "equal"}
CASES = {
    **cases.CASES,
    "bfloat16": (TorchTrainable, {}, {"device": DeviceOptions(precision="bfloat16")}),
}


class Waits(TorchDispatchMode):
    """Counts the operations that wait."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        indices = args[1] if name == "index" else ()
        masks = any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in indices)
        if name in WAITS or masks:
            self.seen[name] += 1
        return func(*args, **(kwargs or {}))


def waits(build, digits, name, batch_size, *, look_every=None):
    kind, config, options = CASES[name]
    trainable = build(kind, {**config, "batch_size": batch_size}, data=digits, **options)
    loop = trainable._loop
    batches = len(loop._order(1))
    loop._look_every = look_every or 10**6
    with Waits() as found:
        loop.run_epoch()
    return found.seen.total(), batches


@pytest.mark.parametrize("name", CASES)
def test_an_epoch_waits_as_often_however_many_batches_it_has(build, digits, name):
    few, long = waits(build, digits, name, 500)
    many, short = waits(build, digits, name, 100)
    assert short > 2 * long
    assert few == many


def test_the_test_can_fail(build, digits):
    """On the CPU the loss of each batch is looked at, where that costs microseconds."""
    few, long = waits(build, digits, "mlp", 500, look_every=1)
    many, short = waits(build, digits, "mlp", 100, look_every=1)
    assert many - few == short - long


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", CASES)
def test_on_a_gpu(build, digits, name, recwarn):
    """CUDA itself says where it is waited for: at the start and the end of an epoch only."""
    kind, config, options = CASES[name]
    counts = []
    for batch_size in (500, 100):
        trainable = build(kind, {**config, "batch_size": batch_size}, data=digits, **options)
        trainable._loop._look_every = 10**6
        trainable.step()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            recwarn.clear()
            trainable.step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        counts.append(sum("synchronizing" in str(warning.message) for warning in recwarn.list))
    assert counts[0] == counts[1]

"""The look at the test rows after the finals, in the driver: on its GPU where that can."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from caviar.driver import in_process
from trainables import DeviceOptions, TorchTrainable, TrialOptions

FOUND = {"accuracy": 0.75}
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize(
    ("gpus", "building", "scoring", "devices"),
    [
        (0.0, None, None, [0.0]),
        (0.25, None, None, [0.25]),
        (1.0, {"outcome": "out_of_memory"}, None, [1.0, 0.0]),
        (1.0, None, FULL, [1.0, 0.0]),
        (1.0, None, RuntimeError("CUDA error: devices are busy or unavailable"), [1.0, 0.0]),
    ],
)
def test_without_room_on_the_gpu_it_is_done_on_the_cpu(
    monkeypatch, gpus, building, scoring, devices
):
    asked = []

    def score():
        if asked[-1] > 0 and scoring is not None:
            raise scoring
        return FOUND

    @contextmanager
    def trial(trainable, config, *, info, data, options, gpus):
        assert (info.number, info.restore_from) == (3, "there")
        assert (options.workers, options.device.compile) == (1, False)
        asked.append(gpus)
        yield SimpleNamespace(end=building if gpus > 0 else None, score=score)

    monkeypatch.setattr(in_process, "trial", trial)
    options = TrialOptions(max_epochs=1, workers=2, device=DeviceOptions(compile=True))
    found = in_process.score(
        TorchTrainable, {}, checkpoint="there", number=3, data=None, options=options, gpus=gpus
    )
    assert found == FOUND
    assert asked == devices


def test_what_else_goes_wrong_is_raised(monkeypatch):
    @contextmanager
    def trial(*_, **__):
        raise RuntimeError("CUDA error: device-side assert triggered")
        yield

    monkeypatch.setattr(in_process, "trial", trial)
    with pytest.raises(RuntimeError, match="device-side"):
        in_process.score(
            TorchTrainable, {}, checkpoint="", number=0, data=None,
            options=TrialOptions(max_epochs=1), gpus=1,
        )  # fmt: skip

"""The arithmetic of a model in a second, against what the device does at its best."""

from __future__ import annotations

import time

import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from training_parts.jobs import Job

_SIDE = 8192
_TIMES = 20


def of_a_row(job: Job, device: torch.device) -> float:
    """Floating-point operations to train on one row: forward and backward."""
    model = job.model().to(device)
    x = torch.zeros(job.batch_size, *job.data.input_shape, device=device)
    y = torch.zeros(job.batch_size, dtype=torch.int64, device=device)
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(model(x), y).backward()
    return counter.get_total_flops() / job.batch_size


def of_the_device(device: torch.device) -> float:
    """Operations a second of a large product of bfloat16 matrices."""
    a = torch.randn(_SIDE, _SIDE, device=device, dtype=torch.bfloat16)
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(_TIMES):
        a @ a
    torch.cuda.synchronize()
    return 2 * _SIDE**3 * _TIMES / (time.perf_counter() - started)

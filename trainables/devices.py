"""The GPUs that this process may use: those that Ray has lent it."""

from __future__ import annotations

import os
from typing import Any

import ray


def gpus_of_this_machine() -> int:
    """How many GPUs Ray finds here, of whatever maker."""
    from ray._private.accelerators import get_accelerator_manager_for_resource

    manager: Any = get_accelerator_manager_for_resource("GPU")
    found: int = manager.get_current_node_num_accelerators()
    return found


def see_only_what_was_lent() -> None:
    """Hide the GPUs of the machine from the process of a trial that Ray has lent none.

    Ray leaves it all of them (its variable RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO), and a loop of one's
    own that asks torch would train on one that other trials were lent. To be called before anything
    has used a GPU.
    """
    if ray.is_initialized() and _is_actor() and not ray.get_gpu_ids():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _is_actor() -> bool:
    return ray.get_runtime_context().get_actor_id() is not None


def device_type() -> str:
    """cuda where Ray lent this process a GPU; outside of Ray, where there is one; else cpu.

    Raises RuntimeError where Ray lent a GPU that torch cannot use: on the CPU the trial would keep
    it from others for hours, and nobody would know.
    """
    import torch

    lent = ray.is_initialized() and bool(ray.get_gpu_ids())
    if torch.cuda.is_available():
        return "cuda" if lent or not ray.is_initialized() else "cpu"
    if lent and gpus_of_this_machine():  # else a number that Ray was told
        raise RuntimeError(
            "This trial has a GPU that torch cannot use: run caviar doctor on its machine, or "
            "give the trials no GPU."
        )
    return "cpu"

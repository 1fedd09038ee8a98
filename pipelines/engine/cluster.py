"""Ray: join the cluster there is, or start one on this machine; quiet, and checked for room."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from pipelines.engine.errors import UsageError

_QUIET = {
    # Ray's CSV, JSON and TensorBoard files, on by default: the history has it all.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ray's own snapshot of every trial; a sweep is resumed from the history.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # The future default, without the warning about it.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def prepare_environment(*, verbose: bool) -> None:
    """Set what Ray reads once, when it is imported; a variable that is set already stays."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if not verbose:
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
        os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")


@contextlib.contextmanager
def connected(*, verbose: bool) -> Iterator[None]:
    """Ray for the length of a sweep; one that was there before is left running.

    A machine of a cluster (``RAY_ADDRESS``, or ``ray start`` was run on it) joins that cluster.
    """
    import ray

    if not verbose:  # now: importing Ray has set its loggers up
        for name in ("ray", "ray.tune", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield
        return
    ray.init(
        include_dashboard=False,
        log_to_driver=verbose,
        configure_logging=verbose,
        logging_level=logging.INFO if verbose else logging.CRITICAL,
    )
    try:
        yield
    finally:
        ray.shutdown()


def slots(*, cpus: float, gpus: float) -> int:
    """How many trials fit at once, node by node; refused when not a single one ever will."""
    import ray

    nodes: list[dict[str, Any]] = [n["Resources"] for n in ray.nodes() if n["Alive"]]
    fits = sum(_fits(node.get("CPU", 0), node.get("GPU", 0), cpus, gpus) for node in nodes)
    if fits == 0:
        most = ", ".join(sorted({f"{n.get('CPU', 0):g} CPU and {n.get('GPU', 0):g} GPU" for n in nodes}))
        raise UsageError(
            f"A trial asks for {cpus:g} CPU and {gpus:g} GPU, and no machine here has that "
            f"({most}): lower --cpus-per-trial or --gpus-per-trial."
        )
    return fits


def _fits(node_cpus: float, node_gpus: float, cpus: float, gpus: float) -> int:
    by_cpu = int(node_cpus / cpus + 1e-9) if cpus else 10**6
    if not gpus:
        return by_cpu
    # A fraction of a GPU lies on one GPU; more than one takes whole ones.
    per_gpu = int(1 / gpus + 1e-9) * int(node_gpus) if gpus <= 1 else int(node_gpus / gpus + 1e-9)
    return min(by_cpu, per_gpu)


def resources_line() -> str:
    """The machines of the cluster in one line."""
    import ray

    total = ray.cluster_resources()
    count = len([n for n in ray.nodes() if n["Alive"]])
    memory = total.get("memory", 0) / 2**30
    return (
        f"{count} node{'s' if count != 1 else ''}, {total.get('CPU', 0):g} CPU, "
        f"{total.get('GPU', 0):g} GPU, {memory:.0f} GiB memory"
    )

"""One trial in this process, without starting Ray: what is done again after a sweep."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from caviar.base.errors import UsageError
from caviar.base.trial import TrialRecord
from trainables.options import RESERVED_KEY, TrialInfo, TrialOptions

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from trainables.data import Dataset


@contextmanager
def trial(
    trainable: type[Any],
    config: Mapping[str, Any],
    *,
    info: TrialInfo,
    data: Dataset,
    options: TrialOptions,
    gpus: float,
) -> Iterator[Any]:
    """A trainable that runs one trial as a worker of a sweep would; it is built here.

    Args:
        trainable: the class.
        config: the hyperparameters.
        info: the trial's number and seed.
        data: as a worker gets it: pooled for a cross-validation.
        options: what all trials of the sweep share.
        gpus: GPUs of one trial; without any it computes on the CPU, as it did in the sweep.

    Raises what building the trial raises.
    """
    base: Any = trainable
    with tempfile.TemporaryDirectory(prefix="caviar-") as scratch:

        def setup(self: Any, given: dict[str, Any]) -> None:
            base.setup(self, given, data=data, options=options)

        def device_type(_: Any) -> str:
            # Nobody lends GPUs here: while Ray runs, the caller says that they are free.
            import torch

            return "cuda" if gpus > 0 and torch.cuda.is_available() else "cpu"

        def logdir(self: Any) -> None:  # Ray would make one in ~/ray_results, and leave it there
            self._logdir = scratch

        parts = {"setup": setup, "_device_type": device_type, "_setup_logdir": logdir}
        here = type(trainable.__name__, (base,), {"__module__": trainable.__module__, **parts})
        running = here(config={**config, RESERVED_KEY: asdict(info)})
        try:
            yield running
        finally:
            running.stop()


def score(
    trainable: type[Any],
    config: Mapping[str, Any],
    *,
    checkpoint: str,
    number: int,
    data: Dataset,
    options: TrialOptions,
    gpus: float,
) -> dict[str, float] | None:
    """The metrics of the test rows by a checkpoint's best epoch; None where it has none to give.

    On the CPU where the GPU fails, which other processes may still hold.
    """
    if not hasattr(trainable, "score"):
        return None
    info = TrialInfo(number=number, restore_from=checkpoint)
    # Compiling takes longer than what it is to be used for, once.
    alone = replace(options, workers=1, device=replace(options.device, compile=False))
    given: dict[str, Any] = {"info": info, "data": data, "options": alone}
    if gpus > 0:
        try:
            with trial(trainable, config, **given, gpus=gpus) as running:
                if running.end is None:
                    return _scored(running)
        except (RuntimeError, MemoryError):
            _log.info("The GPU could not score the test rows.", exc_info=True)
    with trial(trainable, config, **given, gpus=0) as running:
        return _scored(running)


def _scored(running: Any) -> dict[str, float] | None:
    found: dict[str, float] | None = running.score()
    return found


@contextmanager
def rebuilt(
    trainable: type[Any],
    record: TrialRecord,
    *,
    seed: int,
    data: Dataset,
    options: TrialOptions,
    gpus: float,
) -> Iterator[Any]:
    """A trial of a sweep as `trial` makes it, under this seed.

    Raises `UsageError` where its class refuses the configuration or the data.
    """
    info = TrialInfo(number=record.number, seed=seed)
    with ExitStack() as stack:
        try:
            context = trial(
                trainable, record.config, info=info, data=data, options=options, gpus=gpus
            )
            running = stack.enter_context(context)
        except ValueError as error:
            raise UsageError(f"Trial {record.number} cannot be rebuilt: {error}") from error
        yield running


def epochs(running: Any, metrics: tuple[str, ...], count: int) -> Iterator[dict[str, Any]]:
    """Train up to so many epochs; yields of each what a sweep would record.

    `epoch`, `metrics` by their names, and `outcome`: None, or what ended the trial.
    """
    for _ in range(count):
        result = running.train()
        yield {
            "epoch": int(result["epoch"]),
            "metrics": {name: float(result[name]) for name in metrics if name in result},
            "outcome": result.get("outcome"),
            "detail": result.get("detail"),
        }
        if result.get("done"):
            return

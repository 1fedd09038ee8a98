"""Models without memory for their weights, built to see how large they are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_DRAWS = ("normal_", "uniform_", "trunc_normal_", "bernoulli_", "random_")


@contextmanager
def weightless() -> Iterator[None]:
    """Build on the meta device, and leave out the draws of initial weights.

    There is nothing to draw there, and torch imports sympy and its compiler to do so: a second,
    which a worker would spend before its first trial.
    """
    with torch.device("meta"), _NoDraws():
        yield


class _NoDraws(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        tensor = args[0] if args else (kwargs or {}).get("tensor")  # nn.init names it
        drawn = getattr(func, "__name__", "") in _DRAWS
        if drawn and isinstance(tensor, torch.Tensor) and tensor.is_meta:
            return tensor
        return func(*args, **(kwargs or {}))

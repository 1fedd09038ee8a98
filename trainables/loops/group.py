"""The processes that train one model together: what each takes, and what they agree on.

Each process holds the whole model and takes its share of every batch, in the order of the data that
one process alone would have; DistributedDataParallel adds their gradients up. So the curve is that
of one process with the same batch size, but for rounding, for dropout masks, and for batch norms,
which see the rows of their own process only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

# One process alone evaluates while the others wait; a dead one is noticed without this.
_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Share:
    """What one process takes of a batch."""

    rows: slice
    """Places in the batch; never empty."""
    weight: float
    """Its part of the batch's mean; 0 where there were no rows left, and the first is borrowed."""


class Alone:
    """A process that trains by itself."""

    rank = 0
    size = 1

    def share(self, rows: int) -> Share:
        """What this process takes of a batch with so many rows."""
        return Share(slice(None), 1.0)

    def least(self, model: nn.Module) -> int:
        """The fewest rows that a batch may have: a batch norm cannot train on a single one."""
        return 2

    def parallel(self, model: nn.Module) -> nn.Module:
        """The model as it is to be called in training."""
        return model

    def part(self, loss: Tensor, share: Share) -> Tensor:
        """The share's part of the batch's loss, from the mean over the share's rows."""
        return loss

    def backward(self, part: Tensor) -> None:
        """Compute the gradients of the batch's loss, from this process's part of it."""
        part.backward()  # type: ignore[no-untyped-call]

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, the same in each."""
        return values

    def from_first(self, measure: Callable[[], dict[str, float]]) -> Mapping[str, float]:
        """What `measure` finds in the first process, in all of them."""
        return measure()


class Group(Alone):
    """This process and the others; every method is called by all of them in the same order.

    Args:
        rank: the number of this process, from 0.
        size: the number of processes, at least 2.
        meeting: where they meet, as torch.distributed names it: file:///a/path that all of them
            see, or tcp://address:port of the first.
        device: where this process's model is; GPUs talk by NCCL, CPUs by gloo.
    """

    def __init__(self, rank: int, size: int, *, meeting: str, device: torch.device | str) -> None:
        self.rank = rank
        self.size = size
        self._device = torch.device(device)
        on_gpu = self._device.type == "cuda"
        mine = torch.device("cuda", self._device.index or 0) if on_gpu else None
        if mine is not None:
            torch.cuda.set_device(mine)
        distributed.init_process_group(
            "nccl" if on_gpu else "gloo",
            device_id=mine,  # with it NCCL connects here, and what is wrong is said here
            init_method=meeting,
            rank=rank,
            world_size=size,
            timeout=_PATIENCE,
        )

    def share(self, rows: int) -> Share:
        """Equal parts in the order of the batch, the first ones a row longer where it does not
        divide: of 5 rows two processes take 3 and 2."""
        fewest, longer = divmod(rows, self.size)
        first = self.rank * fewest + min(self.rank, longer)
        count = fewest + (self.rank < longer)
        if count == 0:
            return Share(slice(0, 1), 0.0)
        return Share(slice(first, first + count), count / rows)

    def least(self, model: nn.Module) -> int:
        """Two rows for each process where there is a batch norm."""
        has_norm = any(isinstance(layer, _BatchNorm) for layer in model.modules())
        return 2 * self.size if has_norm else 2

    def parallel(self, model: nn.Module) -> nn.Module:
        return nn.parallel.DistributedDataParallel(model)

    def part(self, loss: Tensor, share: Share) -> Tensor:
        return loss * share.weight

    def backward(self, part: Tensor) -> None:
        super().backward(part * self.size)  # DistributedDataParallel divides by it

    def sum(self, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    def from_first(self, measure: Callable[[], dict[str, float]]) -> Mapping[str, float]:
        found = [measure() if self.rank == 0 else None]
        distributed.broadcast_object_list(found, src=0, device=self._device)
        assert found[0] is not None
        return found[0]

    def leave(self) -> None:
        """Let go of the others."""
        distributed.destroy_process_group()

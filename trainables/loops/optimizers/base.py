"""What the optimizers share: gradients in, running values, state out.

Why not torch.optim: the first construction of one of its optimizers imports torch._dynamo, which
costs a worker process 0.85 s before its first epoch. The updates are torch's own kernels, a few
calls for all weights together.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from trainables.checks import at_least_zero

Tensors = list[Tensor] | tuple[Tensor, ...]  # what the kernels over all weights take and return


class ElementwiseOptimizer(ABC):
    """An optimizer that updates each weight from its own gradient, for dense gradients.

    Because no weight looks at another, the weights of several models can lie in one tensor.

    `learning_rate` may be changed between steps. Hyperparameters are no state: they come from the
    configuration, and so a checkpoint that is loaded under a changed configuration (population
    based training) goes on with the changed values.

    `fused` updates in one pass over the weights where torch has a kernel for that, which it has for
    SGD, Adam and AdamW, and for weights of one type on one device; else each operation of the
    update is a pass. Both compute the same, but for the last digits.

    Raises ValueError when learning_rate or weight_decay is negative or not a number, or there is no
    parameter.
    """

    running: ClassVar[tuple[str, ...]] = ()
    """The names of the values that an update keeps for each weight; they start at 0."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        fused: bool = True,
    ) -> None:
        self._parameters = list(parameters)
        if not self._parameters:
            name = type(self).__name__
            raise ValueError(f"{name} must be given at least one parameter, but it got none.")
        self.learning_rate = at_least_zero("learning_rate", learning_rate)
        self.weight_decay = at_least_zero("weight_decay", weight_decay)
        # A GPU's kernel takes weights of one kind alone.
        self.fused = fused and len({(p.dtype, p.device) for p in self._parameters}) == 1
        self._steps = 0
        self._running: dict[str, list[Tensor | None]] = {
            name: [None] * len(self._parameters) for name in self.running
        }

    def zero_grad(self) -> None:
        """Drop the gradients. Setting them to None saves backward() an addition."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        live = [i for i, parameter in enumerate(self._parameters) if parameter.grad is not None]
        if not live:
            return
        self._steps += 1
        parameters = [self._parameters[i] for i in live]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        self._update(live, parameters, gradients)

    @abstractmethod
    def _update(
        self, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        """Update the parameters with the numbers `live`, of step number `self._steps` from 1."""

    def _values(self, name: str, live: Sequence[int]) -> list[Tensor]:
        """The running values of some parameters."""
        kept = self._running[name]
        found = []
        for i in live:
            value = kept[i]
            if value is None:
                value = kept[i] = torch.zeros_like(self._parameters[i])
            found.append(value)
        return found

    def _decayed(self, parameters: list[Tensor], gradients: list[Tensor]) -> Tensors:
        """g + weight_decay * w."""
        if self.weight_decay == 0:
            return gradients
        return torch._foreach_add(gradients, parameters, alpha=self.weight_decay)

    def state_dict(self) -> dict[str, Any]:
        """Steps taken and the running values, None for a parameter that was never updated."""
        return {"steps": self._steps, **{name: list(v) for name, v in self._running.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over copies of the values of a `state_dict()`.

        Raises ValueError when they do not fit the parameters or are those of another optimizer.
        """
        names = set(state) - {"steps"}
        if names != set(self.running):
            raise ValueError(
                f"{type(self).__name__} keeps {sorted(self.running)}, but the state has "
                f"{sorted(names)}: it is another optimizer's."
            )
        for name in self.running:
            self._running[name] = self._fitting(name, list(state[name]))
        self._steps = int(state["steps"])

    def _fitting(self, name: str, values: list[Tensor | None]) -> list[Tensor | None]:
        shapes = [None if value is None else value.shape for value in values]
        wanted = [parameter.shape for parameter in self._parameters]
        if len(shapes) != len(wanted) or any(
            shape is not None and shape != parameter
            for shape, parameter in zip(shapes, wanted, strict=False)
        ):
            raise ValueError(f"{name} must have the shapes {wanted}, but they have {shapes}.")
        return [
            # In the parameter's memory layout, which a fused kernel takes for granted.
            None if value is None else torch.empty_like(parameter).copy_(value)
            for value, parameter in zip(values, self._parameters, strict=True)
        ]

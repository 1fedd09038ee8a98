"""Optimizers that divide the gradient by its own size so far: RMSprop, Adagrad, Adadelta."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from trainables.checks import at_least_zero, share
from trainables.loops.optimizers.base import ElementwiseOptimizer


class RMSprop(ElementwiseOptimizer):
    """Tieleman and Hinton 2012, as torch.optim.RMSprop without its momentum:

        g <- gradient + weight_decay * w
        s <- beta * s + (1 - beta) * g^2
        w <- w - learning_rate * g / (sqrt(s) + epsilon)

    beta is what torch calls alpha: s is an average of about 1 / (1 - beta) values.

    Raises ValueError when a number is out of its range (0 <= beta < 1, the rest at least 0).
    """

    running: ClassVar[tuple[str, ...]] = ("squares",)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        beta: float = 0.9,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        fused: bool = True,
    ) -> None:
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay, fused=fused
        )
        self.beta = share("beta", beta)
        self.epsilon = at_least_zero("epsilon", epsilon)

    def _update(
        self, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        decayed = self._decayed(parameters, gradients)
        squares = self._values("squares", live)
        torch._foreach_mul_(squares, self.beta)
        torch._foreach_addcmul_(squares, decayed, decayed, value=1 - self.beta)
        sizes = torch._foreach_sqrt(squares)
        torch._foreach_add_(sizes, self.epsilon)
        torch._foreach_addcdiv_(parameters, decayed, sizes, value=-self.learning_rate)


class Adagrad(ElementwiseOptimizer):
    """Duchi et al. 2011, as torch.optim.Adagrad:

        s <- s + g^2
        w <- w - learning_rate * g / (sqrt(s) + epsilon)

    With g as for RMSprop. Raises ValueError when a number is negative or not a number.
    """

    running: ClassVar[tuple[str, ...]] = ("squares",)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        epsilon: float = 1e-10,
        weight_decay: float = 0.0,
        fused: bool = True,
    ) -> None:
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay, fused=fused
        )
        self.epsilon = at_least_zero("epsilon", epsilon)

    def _update(
        self, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        decayed = self._decayed(parameters, gradients)
        squares = self._values("squares", live)
        torch._foreach_addcmul_(squares, decayed, decayed, value=1)
        sizes = torch._foreach_sqrt(squares)
        torch._foreach_add_(sizes, self.epsilon)
        torch._foreach_addcdiv_(parameters, decayed, sizes, value=-self.learning_rate)


class Adadelta(ElementwiseOptimizer):
    """Zeiler 2012 (arXiv:1212.5701), as torch.optim.Adadelta:

        s <- rho * s + (1 - rho) * g^2
        d <- sqrt(a + epsilon) / sqrt(s + epsilon) * g
        a <- rho * a + (1 - rho) * d^2
        w <- w - learning_rate * d

    With g as for RMSprop; the paper's own learning rate is 1.

    Raises ValueError when a number is out of its range (0 <= rho < 1, the rest at least 0).
    """

    running: ClassVar[tuple[str, ...]] = ("squares", "changes")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
        fused: bool = True,
    ) -> None:
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay, fused=fused
        )
        self.rho = share("rho", rho)
        self.epsilon = at_least_zero("epsilon", epsilon)

    def _update(
        self, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        decayed = self._decayed(parameters, gradients)
        squares, changes = self._values("squares", live), self._values("changes", live)
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, decayed, decayed, value=1 - self.rho)
        deltas = torch._foreach_add(changes, self.epsilon)
        torch._foreach_div_(deltas, torch._foreach_add(squares, self.epsilon))
        torch._foreach_sqrt_(deltas)
        torch._foreach_mul_(deltas, decayed)
        torch._foreach_mul_(changes, self.rho)
        torch._foreach_addcmul_(changes, deltas, deltas, value=1 - self.rho)
        torch._foreach_add_(parameters, deltas, alpha=-self.learning_rate)

"""Adam and its kin: averages of the gradient and of its size, both freed of their bias."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from trainables.checks import at_least_zero, share
from trainables.loops.optimizers.base import ElementwiseOptimizer, Tensors


class Adam(ElementwiseOptimizer):
    """Kingma and Ba 2014 (arXiv:1412.6980), as torch.optim.Adam:

        g <- gradient + weight_decay * w
        m <- beta1 * m + (1 - beta1) * g
        s <- beta2 * s + (1 - beta2) * g^2
        w <- w - learning_rate * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon)

    The first step is learning_rate * sign(gradient), whatever the gradient's size.

    Raises ValueError when a number is out of its range (0 <= beta < 1, the rest at least 0).
    """

    running: ClassVar[tuple[str, ...]] = ("means", "squares")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        fused: bool = True,
    ) -> None:
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay, fused=fused
        )
        self.beta1 = share("beta1", beta1)
        self.beta2 = share("beta2", beta2)
        self.epsilon = at_least_zero("epsilon", epsilon)

    def _update(
        self, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        if self.fused:
            self._update_at_once(torch._fused_adam_, live, parameters, gradients)
        else:
            self._update_by_steps(live, parameters, self._decayed(parameters, gradients))

    def _update_at_once(
        self, kernel: Any, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        # The kernel wants the step as a tensor a parameter; they may be the same one. full() fills
        # it on the device, where a copy from the host would wait for it.
        step = torch.full((), float(self._steps), device=parameters[0].device)
        kernel(
            parameters,
            gradients,
            self._values("means", live),
            self._values("squares", live),
            [],
            [step] * len(parameters),
            lr=self.learning_rate,
            beta1=self.beta1,
            beta2=self.beta2,
            weight_decay=self.weight_decay,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )

    def _update_by_steps(
        self, live: Sequence[int], parameters: list[Tensor], decayed: Tensors
    ) -> None:
        means, sizes = self._values("means", live), self._sizes(live, decayed)
        torch._foreach_lerp_(means, decayed, 1 - self.beta1)
        rate = self.learning_rate / (1 - self.beta1**self._steps)
        torch._foreach_addcdiv_(parameters, means, sizes, value=-rate)

    def _sizes(self, live: Sequence[int], decayed: Tensors) -> Tensors:
        """sqrt(s / (1 - beta2^t)) + epsilon, s brought up to date."""
        squares = self._values("squares", live)
        torch._foreach_mul_(squares, self.beta2)
        torch._foreach_addcmul_(squares, decayed, decayed, value=1 - self.beta2)
        sizes = torch._foreach_div(squares, 1 - self.beta2**self._steps)
        torch._foreach_sqrt_(sizes)
        torch._foreach_add_(sizes, self.epsilon)
        return sizes


class AdamW(Adam):
    """Loshchilov and Hutter 2017 (arXiv:1711.05101), as torch.optim.AdamW: Adam whose weight decay
    is no part of the gradient, but w <- w - learning_rate * weight_decay * w before the update."""

    def _update(
        self, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        if self.fused:
            self._update_at_once(torch._fused_adamw_, live, parameters, gradients)
        else:
            torch._foreach_mul_(parameters, 1 - self.learning_rate * self.weight_decay)
            self._update_by_steps(live, parameters, gradients)


class Adamax(Adam):
    """Adam with the largest gradient for its size (section 7.1 there), as torch.optim.Adamax:

    u <- max(beta2 * u, |g| + epsilon)
    w <- w - learning_rate / (1 - beta1^t) * m / u
    """

    running: ClassVar[tuple[str, ...]] = ("means", "largest")

    def _update(
        self, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        decayed = self._decayed(parameters, gradients)
        means, largest = self._values("means", live), self._values("largest", live)
        torch._foreach_lerp_(means, decayed, 1 - self.beta1)
        sizes = torch._foreach_abs(decayed)
        torch._foreach_add_(sizes, self.epsilon)
        torch._foreach_mul_(largest, self.beta2)
        torch._foreach_maximum_(largest, sizes)
        rate = self.learning_rate / (1 - self.beta1**self._steps)
        torch._foreach_addcdiv_(parameters, means, largest, value=-rate)


class NAdam(Adam):
    """Adam with Nesterov's look ahead (Dozat 2016), as torch.optim.NAdam:

    mu_t <- beta1 * (1 - 0.96^(0.004 t) / 2)
    w <- w - learning_rate * (
        (1 - mu_t) / (1 - mu_1 ... mu_t) * g + mu_(t+1) / (1 - mu_1 ... mu_(t+1)) * m
    ) / (sqrt(s / (1 - beta2^t)) + epsilon)
    """

    _product = 1.0  # mu_1 ... mu_t

    def _update(
        self, live: Sequence[int], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        decayed = self._decayed(parameters, gradients)
        means, sizes = self._values("means", live), self._sizes(live, decayed)
        torch._foreach_lerp_(means, decayed, 1 - self.beta1)
        now, following = self._mu(self._steps), self._mu(self._steps + 1)
        self._product *= now
        of_gradient = self.learning_rate * (1 - now) / (1 - self._product)
        of_mean = self.learning_rate * following / (1 - self._product * following)
        torch._foreach_addcdiv_(parameters, decayed, sizes, value=-of_gradient)
        torch._foreach_addcdiv_(parameters, means, sizes, value=-of_mean)

    def _mu(self, step: int) -> float:
        return self.beta1 * float(1 - 0.5 * 0.96 ** (0.004 * step))

    def state_dict(self) -> dict[str, Any]:
        """The state of Adam and the product of the factors mu."""
        return {**super().state_dict(), "product": self._product}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over copies of the values of a `state_dict()`; see `ElementwiseOptimizer`."""
        super().load_state_dict({name: state[name] for name in state if name != "product"})
        self._product = float(state["product"])

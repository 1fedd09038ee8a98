"""The optimizer of a configuration."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from trainables.checks import one_of
from trainables.loops.optimizers.adam import Adam, Adamax, AdamW, NAdam
from trainables.loops.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from trainables.loops.optimizers.base import ElementwiseOptimizer
from trainables.loops.optimizers.sgd import SGD

_WEIGHT_DECAY = 1e-4  # the middle of the documented range, where it is only switched on


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerOptions:
    """The keys of a configuration that make its optimizer; each optimizer takes those it has."""

    optimizer: str = "sgd"
    """One of `optimizer_names()`."""
    learning_rate: float = 0.01
    """At least 0."""
    momentum: float = 0.9
    """Of sgd; for rmsprop its beta, the average over about 1 / (1 - beta) squared gradients."""
    nesterov: bool = False
    """Of sgd."""
    beta1: float = 0.9
    """Of adam, adamw, adamax and nadam; 0 <= beta1 < 1."""
    beta2: float = 0.999
    """Of the same; 0 <= beta2 < 1."""
    epsilon: float | None = None
    """Of all but sgd; None for torch's default: 1e-8, but 1e-10 for adagrad, 1e-6 for adadelta."""
    weight_decay: float = 0.0
    """Added to the gradient, but for adamw taken off the weights; at least 0."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "OptimizerOptions":
        """Read the fields, and weight_decay_on, which switches weight_decay off and on."""
        found = {name: config[name] for name in cls.__slots__ if name in config}
        switch = config.get("weight_decay_on")
        if switch is not None:
            asked = found.get("weight_decay", _WEIGHT_DECAY)
            found["weight_decay"] = asked if switch else 0.0
        return cls(**found)

    def build(self, parameters: Iterable[Tensor], *, fused: bool = True) -> ElementwiseOptimizer:
        """The optimizer over parameters that are on their device already.

        `fused` as in `ElementwiseOptimizer`.

        Raises ValueError for an unknown name and for a number out of its range.
        """
        kind, takes = _OPTIMIZERS[one_of("optimizer", self.optimizer, _OPTIMIZERS)]
        options = {argument: getattr(self, name) for argument, name in takes.items()}
        if self.epsilon is not None and kind is not SGD:
            options["epsilon"] = self.epsilon
        return kind(
            parameters,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            fused=fused,
            **options,
        )


_BETAS = {"beta1": "beta1", "beta2": "beta2"}
# name -> its class, and which of its arguments is which option
_OPTIMIZERS: dict[str, tuple[Callable[..., ElementwiseOptimizer], dict[str, str]]] = {
    "sgd": (SGD, {"momentum": "momentum", "nesterov": "nesterov"}),
    "adam": (Adam, _BETAS),
    "adamw": (AdamW, _BETAS),
    "rmsprop": (RMSprop, {"beta": "momentum"}),
    "adagrad": (Adagrad, {}),
    "adadelta": (Adadelta, {}),
    "adamax": (Adamax, _BETAS),
    "nadam": (NAdam, _BETAS),
}


def optimizer_names() -> list[str]:
    """The names a configuration can give."""
    return list(_OPTIMIZERS)


def build_optimizer(
    config: Mapping[str, Any], parameters: Iterable[Tensor], *, fused: bool = True
) -> ElementwiseOptimizer:
    """The optimizer of a configuration; see `OptimizerOptions` for its keys and their defaults."""
    return OptimizerOptions.of(config).build(parameters, fused=fused)

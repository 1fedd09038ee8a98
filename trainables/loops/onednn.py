"""Linear layers by oneDNN, where torch's own library of matrices leaves half of a CPU unused."""

import functools
import platform
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

_PRODUCTS = 12_000_000
"""Rows times inputs times outputs from which on the way into oneDNN's layout and back pays, in a
training whose weights come from the cache's far end."""
_CPU_INFO = Path("/proc/cpuinfo")


class OneDNNLinear(nn.Linear):
    """`torch.nn.Linear`, whose large products of float32 are oneDNN's: the same sums in another
    order.

    A layer becomes one by its class alone: weights, hooks and names stay what they are.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self._pays(input):
            return super().forward(input)
        # The rows in oneDNN's own type of tensor are what makes torch call it.
        found: Tensor = functional.linear(input.to_mkldnn(), self.weight, self.bias).to_dense()
        return found

    def _pays(self, input: Tensor) -> bool:
        if torch.compiler.is_compiling() or _is_traced():
            return False
        return (
            input.dim() == 2
            and input.shape[0] * self.weight.numel() >= _PRODUCTS
            and input.dtype == self.weight.dtype == torch.float32
            and input.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
        )


def _is_traced() -> bool:
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]


def by_onednn(model: nn.Module) -> None:
    """Have the linear layers of a model on the CPU computed so, on processors that gain by it.

    Not of a model of one's own: torch has no second derivative of it.
    """
    if is_faster():
        for layer in model.modules():
            if type(layer) is nn.Linear:
                layer.__class__ = OneDNNLinear


@functools.cache
def is_faster() -> bool:
    """Whether this is an AMD processor with AVX-512 and a torch that multiplies by Intel's MKL.

    MKL uses AVX2 there, oneDNN, which torch has for convolutions, AVX-512. An MLP 784-200-10 takes
    70 % of the time for an epoch in batches of 256 rows, and 60 % for an evaluation. On Intel's
    processors both use AVX-512.
    """
    return (
        torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and "AuthenticAMD" in _maker()
    )


def _maker() -> str:
    if _CPU_INFO.is_file():
        with _CPU_INFO.open() as lines:
            return next((line for line in lines if line.startswith("vendor_id")), "")
    return platform.processor()

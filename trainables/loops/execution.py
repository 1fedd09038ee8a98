"""How batches are computed on a device: precision, memory layout, compilation."""

import contextlib
import logging

import torch
from torch import Tensor, nn

from trainables.loops.memory import release_memory
from trainables.loops.onednn import by_onednn
from trainables.options import DeviceOptions

_IMAGE_DIMENSIONS = 4
_log = logging.getLogger(__name__)


class Execution:
    """The device options of a sweep, settled for one device.

    Args:
        options: what was asked for.
        device: where model and data are.
        own_model: whether the model is a user's own, which may rely on the usual memory layout,
            and on what torch's own layers can do.
    """

    def __init__(
        self, options: DeviceOptions, device: torch.device | str, *, own_model: bool = False
    ) -> None:
        self.device = torch.device(device)
        on_gpu = self.device.type == "cuda"
        self.autocast_to: torch.dtype | None = None
        self._is_automatic = options.precision == "auto"
        # Without emulation, which older GPUs have, and which is slower than float32.
        self._has_bfloat16 = on_gpu and torch.cuda.is_bf16_supported(False)
        if options.precision == "bfloat16" or (self._is_automatic and self._has_bfloat16):
            self.autocast_to = torch.bfloat16
        self.channels_last = on_gpu and not own_model
        if options.channels_last is not None:
            self.channels_last = options.channels_last
        self._inputs_last = self.channels_last
        self._own_model = own_model
        self._compiles = options.compile
        self._memory: int | None = None
        if on_gpu:
            # Global to the process, so both are always set: an actor may have had other options.
            torch.set_float32_matmul_precision("high" if options.tf32 else "highest")
            torch.backends.cudnn.allow_tf32 = options.tf32
            share = 1.0 if options.memory_share is None else float(options.memory_share)
            # By number, which torch insists on here; None is the current one.
            torch.cuda.set_per_process_memory_fraction(share, self.device.index)
            total = torch.cuda.get_device_properties(self.device).total_memory
            self._memory = int(share * total)

    def place_for(self, nbytes: int) -> torch.device:
        """Where data of so many bytes is kept: on the device, unless it would take more than half
        of the memory that torch may have there, which model and batches need too."""
        if self._memory is not None and nbytes > self._memory // 2:
            return torch.device("cpu")
        return self.device

    def prepare(self, model: nn.Module) -> nn.Module:
        """Move a model to the device, in the layout asked for, and have it compiled; on a CPU the
        linear layers of ours may become `OneDNNLinear`."""
        if self._compiles:
            from torch import _dynamo

            # Of the trial before: a compiled model refers to itself, and after a few shapes the
            # compiler gives up on code that it has seen before.
            _dynamo.reset()
            release_memory()
        model = model.to(self.device)
        if self._is_automatic and self._has_bfloat16:
            # Under CUDA's autocast a recurrent layer computes in float16, whatever was asked for,
            # and float16 needs its losses scaled.
            recurrent = any(isinstance(layer, nn.RNNBase) for layer in model.modules())
            self.autocast_to = None if recurrent else torch.bfloat16
        weights = (*model.parameters(), *model.buffers())
        images = [weight for weight in weights if weight.dim() == _IMAGE_DIMENSIONS]
        # For an MLP the batches would be copied to and fro. The stack of a cross-validation has its
        # images' weights in more dimensions.
        has_images = any(weight.dim() >= _IMAGE_DIMENSIONS for weight in weights)
        self._inputs_last = self.channels_last and has_images
        if self._inputs_last:
            for weight in images:  # Module.to fails at a weight with five dimensions
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        if self.device.type == "cpu" and not self._own_model:
            by_onednn(model)
        if self._compiles:
            _log.warning(
                "torch.compile compiles anew for every shape of model and batch that it has not "
                "seen: in a sweep over shapes that can take longer than the training."
            )
            # Not model.compile(): of a sequence of layers that compiles nothing (torch 2.13).
            # Not torch.compile(model): that gives the weights other names.
            model.forward = torch.compile(model.forward)
        return model

    def inputs(self, x: Tensor) -> Tensor:
        """A batch in the layout asked for; no copy where it has it."""
        if self._inputs_last and x.dim() == _IMAGE_DIMENSIONS:
            return x.contiguous(memory_format=torch.channels_last)
        return x

    def precision(self) -> contextlib.AbstractContextManager[object]:
        """The context in which the model's output is computed."""
        if self.autocast_to is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.autocast_to)

    def outputs(self, logits: Tensor) -> Tensor:
        """Logits in float32 where they were computed with less: a loss needs the digits."""
        return logits if self.autocast_to is None else logits.float()

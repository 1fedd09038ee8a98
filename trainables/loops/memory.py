"""Running out of memory: how it is recognised, and how the memory is given back."""

import gc

import torch

# What torch raises as a plain RuntimeError: on the CPU, and when a library's workspace finds no
# room.
_WORDS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "out of memory",  # of the driver, where other processes have it all; of NCCL, of a compiler
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)
# What a convolution says when none of its algorithms ran: for want of memory, or on a GPU that it
# was not made for.
_NO_ALGORITHM = "unable to find an engine to execute this computation"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory, on the device or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    said = str(error)
    return any(word in said for word in _WORDS) or (_NO_ALGORITHM in said and _was_refused())


def _was_refused() -> bool:
    """Whether the GPU has had no room for something that this process asked for."""
    return uses_gpu() and int(torch.cuda.memory_stats().get("num_ooms", 0)) > 0


def uses_gpu() -> bool:
    """Whether this process has used a GPU: asking anything else of CUDA would make it do so."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def release_memory() -> None:
    """Collect what nothing refers to any more, and give the device's cached blocks back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

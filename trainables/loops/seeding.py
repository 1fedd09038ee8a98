"""Seeds derived from a trial's one seed.

Every use of chance has a stream of its own, named by integers. The streams of an epoch follow from
the seed and the epoch alone, so a resumed trial needs no saved generator, and a trial leaves none
to the next one.
"""

import random

import numpy as np
import torch

_WEIGHTS = 0
BATCH_ORDER = 1
LAYERS = 2  # dropout masks and whatever else a model draws
AUGMENTATION = 3


def derive_seed(seed: int, *stream: int) -> int:
    """A 63-bit seed for one stream, independent of the seeds of every other stream.

    Args:
        seed: the trial's seed, at least 0.
        stream: integers that name the stream, each at least 0.
    """
    state = np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def seed_globally(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def seed_initial_weights(seed: int, fold: int = 0) -> None:
    """Seed the global generators, from which torch's layers draw their initial weights.

    Args:
        seed: the trial's seed, at least 0.
        fold: from 0; each fold of a cross-validation has a stream of its own.
    """
    stream = (fold,) if fold else ()
    seed_globally(derive_seed(seed, _WEIGHTS, *stream))

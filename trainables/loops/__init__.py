"""Training loops in pure torch: they run on a bare machine, without Ray."""

from trainables.loops.best import BestEpoch
from trainables.loops.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from trainables.loops.evaluation import Evaluation, evaluate, macro_f1
from trainables.loops.seeding import derive_seed, seed_initial_weights
from trainables.loops.sgd import SGD
from trainables.loops.supervised import METRICS, Diverged, Optimizer, SupervisedLoop
from trainables.loops.tensors import TensorData
from trainables.manifest import CheckpointError, CorruptCheckpointError

__all__ = [
    "METRICS",
    "SGD",
    "BestEpoch",
    "Checkpoint",
    "CheckpointError",
    "CorruptCheckpointError",
    "Diverged",
    "Evaluation",
    "Optimizer",
    "SupervisedLoop",
    "TensorData",
    "derive_seed",
    "evaluate",
    "macro_f1",
    "read_checkpoint",
    "seed_initial_weights",
    "write_checkpoint",
]

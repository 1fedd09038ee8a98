"""Training loops in pure torch: they run on a bare machine, without Ray."""

from trainables.loops.best import BestEpoch
from trainables.loops.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from trainables.loops.estimator import EstimatorLoop
from trainables.loops.evaluation import Evaluation, Measure, evaluate, macro_f1
from trainables.loops.execution import Execution
from trainables.loops.folds import SPREADS, FoldData, FoldsLoop
from trainables.loops.generator import Epochs, GeneratorLoop
from trainables.loops.group import Alone, Group
from trainables.loops.losses import Loss, build_loss, loss_names
from trainables.loops.mean_of_folds import MeanOfFolds
from trainables.loops.memory import is_out_of_memory, release_memory, uses_gpu
from trainables.loops.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    ElementwiseOptimizer,
    NAdam,
    OptimizerOptions,
    RMSprop,
    build_optimizer,
    optimizer_names,
)
from trainables.loops.protocol import Diverged, Forks, Loop, Scores
from trainables.loops.schedules import Schedule, build_schedule, schedule_names
from trainables.loops.seeding import derive_seed, seed_initial_weights
from trainables.loops.supervised import METRICS, Optimizer, SupervisedLoop
from trainables.loops.tensors import TensorData
from trainables.manifest import CheckpointError, CorruptCheckpointError

__all__ = [
    "METRICS",
    "SGD",
    "SPREADS",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Alone",
    "BestEpoch",
    "Checkpoint",
    "CheckpointError",
    "CorruptCheckpointError",
    "Diverged",
    "ElementwiseOptimizer",
    "Epochs",
    "EstimatorLoop",
    "Evaluation",
    "Execution",
    "FoldData",
    "FoldsLoop",
    "Forks",
    "GeneratorLoop",
    "Group",
    "Loop",
    "Loss",
    "MeanOfFolds",
    "Measure",
    "NAdam",
    "Optimizer",
    "OptimizerOptions",
    "RMSprop",
    "Schedule",
    "Scores",
    "SupervisedLoop",
    "TensorData",
    "build_loss",
    "build_optimizer",
    "build_schedule",
    "derive_seed",
    "evaluate",
    "is_out_of_memory",
    "loss_names",
    "macro_f1",
    "optimizer_names",
    "read_checkpoint",
    "release_memory",
    "schedule_names",
    "seed_initial_weights",
    "uses_gpu",
    "write_checkpoint",
]

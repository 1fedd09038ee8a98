"""A fork: another trial's weights and optimizer state under hyperparameters of its own."""

import pytest
import torch
from torch import nn

from trainables import TorchTrainable
from trainables.loops import SGD, SupervisedLoop, TensorData

CONFIG = {"learning_rate": 0.1, "momentum": 0.9, "batch_size": 16, "dropout": 0.0}


def trial(number, config, **facts):
    return {**config, "_trial": {"number": number, "seed": number, **facts}}


@pytest.mark.parametrize("folds", [1, 2])
def test_a_fork_goes_on_from_its_parent_with_its_own_hyperparameters(build, tmp_path, folds):
    parent = build(TorchTrainable, trial(1, CONFIG), folds=folds)
    for _ in range(3):
        parent.train()
    place = str(tmp_path / "checkpoint")
    parent.save(place)
    changed = {"learning_rate": 0.03, "momentum": 0.95, "batch_size": 32, "dropout": 0.25}
    fork = build(TorchTrainable, trial(2, changed, restore_from=place, fork=True), folds=folds)
    loop = fork._loop
    assert loop.epoch == 3
    assert (loop.optimizer.learning_rate, loop.optimizer.momentum) == (0.03, 0.95)
    assert loop._batch_size == 32
    assert [m.p for m in loop.model.modules() if isinstance(m, nn.Dropout)][:1] == [0.25]
    assert loop._seed == 2, "the parent's would order the batches of both alike"
    old, new = parent._loop, loop
    for one, other in zip(old.model.parameters(), new.model.parameters(), strict=True):
        assert torch.equal(one, other)
    kept, taken = old.optimizer.state_dict(), new.optimizer.state_dict()
    assert kept["steps"] == taken["steps"] > 0
    # the parent's best epoch is the parent's
    assert fork._best.epoch is None
    report = fork.train()
    assert report["epoch"] == 4
    assert fork._best.epoch == 4
    fork.save(str(tmp_path / "own"))


def test_without_the_flag_the_best_epoch_and_the_seed_are_taken_too(build, tmp_path):
    parent = build(TorchTrainable, trial(1, CONFIG))
    parent.train()
    parent.save(str(tmp_path / "checkpoint"))
    again = build(TorchTrainable, trial(2, CONFIG, restore_from=str(tmp_path / "checkpoint")))
    assert (again._best.epoch, again._loop._seed) == (1, 1)


def loop_of(blobs, optimizer, seed=0):
    torch.manual_seed(0)
    model = nn.Linear(2, 3)
    data = TensorData.of(blobs, "cpu")
    return SupervisedLoop(model, optimizer(model), data, batch_size=16, seed=seed)


def test_of_torchs_optimizers_the_hyperparameters_are_not_taken_over(blobs):
    parent = loop_of(blobs, lambda m: torch.optim.SGD(m.parameters(), lr=0.5, momentum=0.9))
    parent.run_epoch()
    fork = loop_of(blobs, lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.8), seed=7)
    fork.fork(parent.state_dict())
    (group,) = fork.optimizer.param_groups
    assert (group["lr"], group["momentum"], fork._seed, fork.epoch) == (0.1, 0.8, 7, 1)
    (theirs,) = parent.optimizer.param_groups
    for one, other in zip(theirs["params"], group["params"], strict=True):
        momentum = parent.optimizer.state[one]["momentum_buffer"]
        assert torch.equal(momentum, fork.optimizer.state[other]["momentum_buffer"])
    resumed = loop_of(blobs, lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.8))
    resumed.load_state_dict(parent.state_dict())
    assert resumed.optimizer.param_groups[0]["lr"] == 0.5, "which is why a fork has its own way"


class Counting(nn.CrossEntropyLoss):
    """With weights of the classes, which a configuration may name, and a count of its calls."""

    def __init__(self, weight):
        super().__init__(torch.full((3,), weight))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, logits, labels):
        self.calls += 1
        return super().forward(logits, labels)


def with_loss(blobs, loss):
    model = nn.Linear(2, 3)
    optimizer = SGD(model.parameters(), learning_rate=0.1)
    return SupervisedLoop(model, optimizer, TensorData.of(blobs), batch_size=16, seed=0, loss=loss)


def test_of_a_loss_what_training_changed_is_taken_over_and_hyperparameters_are_not(blobs):
    parent = with_loss(blobs, Counting(1.0))
    parent.run_epoch()
    fork = with_loss(blobs, Counting(2.0))
    fork.fork(parent.state_dict())
    assert (fork._loss.calls.item(), fork._loss.weight.tolist()) == (7, [2.0, 2.0, 2.0])
    plain = with_loss(blobs, nn.functional.cross_entropy)
    plain.fork(parent.state_dict())
    assert plain.run_epoch()["epoch"] == 2
    fork.fork(plain.state_dict())
    assert fork._loss.calls.item() == 0, "a loss that its parent lacked starts anew"


def test_another_architecture_does_not_fit(blobs):
    parent = loop_of(blobs, lambda m: SGD(m.parameters(), learning_rate=0.1))
    other = SupervisedLoop(
        nn.Linear(2, 4), parent.optimizer, TensorData.of(blobs, "cpu"), batch_size=16, seed=0
    )
    with pytest.raises(RuntimeError, match="size mismatch"):
        other.fork(parent.state_dict())

"""Learning-rate schedules by their formulas, against torch's, and in the loop."""

import math

import pytest
import torch

from search_spaces.documented.optimization import SCHEDULE
from trainables.loops import SGD, SupervisedLoop, TensorData, build_schedule, schedule_names
from trainables.models import build_mlp

LOSSES = [1.0, 0.5, 0.6, 0.55, 0.5, 0.49999, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]


def factors(config, epochs, max_epochs=10, losses=None):
    schedule = build_schedule(config, max_epochs)
    found = []
    for epoch in range(1, epochs + 1):
        found.append(schedule.factor(epoch))
        schedule.observe(losses[epoch - 1] if losses else 1 / epoch)
    return found


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [1, 1, 1]),
        ({"schedule": "constant", "decay_rate": 0.5}, [1, 1, 1]),
        ({"schedule": "exponential", "decay_rate": 0.5}, [1, 0.5, 0.25]),
        ({"schedule": "exponential"}, [1, 0.95, 0.9025]),
        # 10 epochs: (1 + cos(18 degrees)) / 2, (1 + cos(36 degrees)) / 2
        ({"schedule": "cosine"}, [1, 0.9755283, 0.9045085]),
        ({"warmup_epochs": 4}, [0.25, 0.5, 0.75, 1, 1, 1]),
        ({"warmup_epochs": 2, "schedule": "exponential", "decay_rate": 0.5}, [0.5, 0.5, 0.25]),
    ],
)
def test_by_hand(config, expected):
    assert factors(config, len(expected)) == pytest.approx(expected)


def test_plateau_by_hand():
    """Best 0.5 in epoch 2; 0.6, 0.55 and 0.5 are the two it waits for and the one too many."""
    config = {"schedule": "plateau", "plateau_patience": 2}
    expected = [1, 1, 1, 1, 1, 0.1, 0.1]
    assert factors(config, 7, losses=LOSSES) == pytest.approx(expected)


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_plateau_equals_torch(patience):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=patience, eps=0)
    expected = []
    for loss in LOSSES:
        expected.append(optimizer.param_groups[0]["lr"])
        theirs.step(loss)
    config = {"schedule": "plateau", "plateau_patience": patience}
    assert factors(config, len(LOSSES), losses=LOSSES) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("config", "build"),
    [
        (
            {"schedule": "exponential", "decay_rate": 0.9},
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
        ),
        ({"schedule": "cosine"}, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10)),
    ],
)
def test_equals_torch(config, build):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = build(optimizer)
    expected = []
    for _ in range(10):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert factors(config, 10) == pytest.approx(expected, abs=1e-9)


def test_batches_within_an_epoch():
    cosine, warm_up = (
        build_schedule({"schedule": "cosine"}, 2),
        build_schedule({"warmup_epochs": 2}, 9),
    )
    assert cosine.by_batch
    assert warm_up.by_batch
    assert cosine.factor(1, 5, 10) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert [warm_up.factor(1, batch, 4) for batch in range(4)] == [0.125, 0.25, 0.375, 0.5]
    assert not build_schedule({"schedule": "exponential"}, 2).by_batch


@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize("done", range(1, 12))
def test_a_plateau_resumes(warmup, done):
    config = {"schedule": "plateau", "plateau_patience": 2, "warmup_epochs": warmup}
    straight, first, second = (build_schedule(config, 20) for _ in range(3))
    for schedule in (straight, first):
        for loss in LOSSES[:done]:
            schedule.observe(loss)
    second.load_state_dict(first.state_dict())
    for epoch, loss in enumerate(LOSSES[done:], start=done + 1):
        straight.observe(loss)
        second.observe(loss)
        assert second.factor(epoch) == straight.factor(epoch)
    assert straight.factor(20) < 0.1


def test_a_schedule_starts_where_another_left_off():
    """Population based training changes the schedule of a running trial."""
    schedule = build_schedule({"schedule": "plateau"}, 20)
    schedule.load_state_dict(build_schedule({}, 20).state_dict())
    assert schedule.factor(5) == 1


@pytest.mark.parametrize("ours", [True, False])
def test_the_loop_sets_the_rate_of_our_optimizers_and_of_torchs(blobs, ours):
    rates = []
    model = build_mlp({}, blobs.input_shape, blobs.classes)
    if ours:
        optimizer = SGD(model.parameters(), learning_rate=0.5)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    step = optimizer.step

    def noted():
        rates.append(optimizer.learning_rate if ours else optimizer.param_groups[0]["lr"])
        step()

    optimizer.step = noted
    schedule = build_schedule({"schedule": "cosine", "warmup_epochs": 1}, 2)
    data = TensorData.of(blobs)
    loop = SupervisedLoop(model, optimizer, data, batch_size=50, seed=0, schedule=schedule)
    loop.run_epoch()
    loop.run_epoch()
    # two batches an epoch; cosine 1, then at an eighth, a quarter, three eighths of a turn
    cosine = [(1 + math.cos(math.pi * quarter / 4)) / 2 for quarter in range(4)]
    assert rates == pytest.approx([0.25, 0.5 * cosine[1], 0.5 * cosine[2], 0.5 * cosine[3]])


def test_an_optimizer_without_a_rate_cannot_have_a_schedule(blobs):
    class Bare:
        def zero_grad(self):
            pass

    model = build_mlp({}, blobs.input_shape, blobs.classes)
    schedule = build_schedule({"schedule": "cosine"}, 2)
    data = TensorData.of(blobs)
    with pytest.raises(TypeError, match="but Bare has neither: leave the schedule constant"):
        SupervisedLoop(model, Bare(), data, batch_size=5, seed=0, schedule=schedule)


def test_the_documented_schedules_are_all_there():
    assert set(SCHEDULE.options) < set(schedule_names())
    assert schedule_names() == ["constant", "exponential", "plateau", "cosine"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"schedule": "cosin"}, r"Unknown schedule 'cosin'. Did you mean 'cosine'\?"),
        ({"decay_rate": 1.1}, "decay_rate must be within 0 < rate <= 1, but it is 1.1"),
        ({"plateau_patience": -1}, "plateau_patience must be a whole number of at least 0"),
        ({"warmup_epochs": 0.5}, "warmup_epochs must be a whole number of at least 0"),
    ],
)
def test_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build_schedule(config, 9)

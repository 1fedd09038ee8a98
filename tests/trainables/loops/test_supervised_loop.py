"""Epochs, evaluation, seeds, resuming and divergence, without Ray."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch import nn

from trainables.loops import (
    METRICS,
    SGD,
    BestEpoch,
    Diverged,
    SupervisedLoop,
    TensorData,
    derive_seed,
    evaluate,
    macro_f1,
    seed_initial_weights,
)
from trainables.loops.evaluation import confusion, rows_at_once
from trainables.models import build_mlp

CLOCKS = {"epoch_seconds", "samples_per_second"}


def make_loop(
    data,
    seed=0,
    batch_size=16,
    learning_rate=0.1,
    optimizer=None,
    loss=nn.functional.cross_entropy,
    **config,
):
    seed_initial_weights(seed)
    config = {"units_1": 8, "dropout": 0.3, **config}
    model = build_mlp(config, data.input_shape, data.classes)
    optimizer = optimizer or (lambda p: SGD(p, learning_rate=learning_rate, momentum=0.9))
    tensors = TensorData.of(data)
    return SupervisedLoop(
        model, optimizer(model.parameters()), tensors, batch_size=batch_size, seed=seed, loss=loss
    )


def run(loop, epochs):
    curve = [loop.run_epoch() for _ in range(epochs)]
    return [{n: v for n, v in row.items() if n not in CLOCKS} for row in curve]


def weights(loop):
    return torch.cat([p.detach().flatten() for p in loop.model.parameters()])


def test_metrics_of_an_epoch(blobs):
    loop = make_loop(blobs)
    metrics = loop.run_epoch()
    assert tuple(metrics) == METRICS
    assert all(type(value) in (int, float) for value in metrics.values())
    assert metrics["epoch"] == loop.epoch == 1
    assert loop.run_epoch()["epoch"] == 2


def test_one_batch_by_hand(blobs):
    """One batch of all rows, no dropout: the training metrics are those of the initial weights."""
    loop = make_loop(blobs, batch_size=1000, dropout=0.0)
    x, y = torch.from_numpy(blobs.x_train), torch.from_numpy(blobs.y_train)
    with torch.no_grad():
        logits = loop.model(x)
        loss = nn.functional.cross_entropy(logits, y).item()
        accuracy = (logits.argmax(1) == y).float().mean().item()
    metrics = loop.run_epoch()
    assert metrics["train_loss"] == pytest.approx(loss, abs=1e-6)
    assert metrics["train_accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_every_row_is_trained_once_in_a_new_order_each_epoch(blobs):
    loop = make_loop(blobs, batch_size=30)
    orders = [torch.cat(loop._order(epoch)).tolist() for epoch in (1, 2, 1)]
    assert orders[0] == orders[2]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(100))
    assert [len(rows) for rows in loop._order(1)] == [30, 30, 30, 10]


def test_known_answers_of_evaluate():
    """Logits are the rows themselves; two of four right."""
    x = torch.tensor([[4.0, 0.0], [4.0, 0.0], [0.0, 4.0], [0.0, 4.0]])
    y = torch.tensor([0, 1, 1, 0])
    right, wrong = math.log(1 + math.exp(-4)), math.log(1 + math.exp(4))
    for rows in (1, 3, 4096):
        result = evaluate(nn.Identity(), x, y, 2, rows)
        assert result.loss == pytest.approx((right + wrong) / 2, abs=1e-6)
        assert result.accuracy == 0.5
        assert result.f1 == pytest.approx(0.5)


def test_large_rows_are_evaluated_fewer_at_a_time():
    mlp, cnn = nn.Linear(4, 2), nn.Conv2d(3, 4, 3)
    found = [
        rows_at_once(model, torch.device(device), size)
        for model, device, size in [
            (mlp, "cpu", 784),
            (mlp, "cuda", 100_000),
            (cnn, "cpu", 3 * 32 * 32),
            (cnn, "cuda", 3 * 32 * 32),
            (cnn, "cuda", 3 * 224 * 224),
            (cnn, "cuda", 10**9),
        ]
    ]
    assert found == [4096, 83, 256, 512, 55, 1]


def test_macro_f1_by_hand():
    assert macro_f1(torch.tensor([[1, 1], [0, 2]])) == pytest.approx((2 / 3 + 4 / 5) / 2)
    # The third class occurs neither as a label nor as a prediction, and does not count.
    assert macro_f1(torch.tensor([[1, 1, 0], [0, 2, 0], [0, 0, 0]])) == pytest.approx(11 / 15)


@pytest.mark.parametrize("classes", [2, 10, 30])
def test_macro_f1_equals_scikit_learn(classes):
    generator = np.random.default_rng(classes)
    for rows in (1, 5, 500):
        y, predicted = generator.integers(0, classes, (2, rows))
        counts = confusion(torch.from_numpy(y), torch.from_numpy(predicted), classes)
        expected = f1_score(y, predicted, average="macro", zero_division=0)
        assert macro_f1(counts) == pytest.approx(expected, abs=1e-12)


def test_same_seed_same_numbers(blobs):
    first, second, other = (make_loop(blobs, seed=seed) for seed in (3, 3, 4))
    assert run(first, 3) == run(second, 3)
    assert torch.equal(weights(first), weights(second))
    assert run(other, 3) != run(make_loop(blobs, seed=3), 3)


def test_seeds_of_streams_differ():
    seeds = {derive_seed(seed, *stream) for seed in (0, 1) for stream in ((0,), (1, 1), (1, 2))}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("kind", ["ours", "adam"])
def test_resume_is_exact(blobs, tmp_path, kind):
    optimizer = None if kind == "ours" else (lambda p: torch.optim.Adam(p, lr=0.01))
    straight = make_loop(blobs, optimizer=optimizer)
    curve = run(straight, 6)

    broken = make_loop(blobs, optimizer=optimizer)
    run(broken, 3)
    torch.save(broken.state_dict(), tmp_path / "state.pt")
    resumed = make_loop(blobs, seed=99, optimizer=optimizer)
    torch.rand(5)  # chance spent elsewhere must not matter
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert run(resumed, 3) == curve[3:]
    assert torch.equal(weights(resumed), weights(straight))


@pytest.mark.parametrize("way", ["load_state_dict", "fork"])
def test_a_state_written_before_the_loss_was_in_it_is_taken_over(blobs, way):
    loop, resumed = (
        make_loop(blobs, loss=nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 3.0]))) for _ in range(2)
    )
    run(loop, 1)
    state = loop.state_dict()
    del state["loss"]
    getattr(resumed, way)(state)
    assert run(resumed, 1) == run(loop, 1)


def test_learns_digits(digits):
    loop = make_loop(digits, batch_size=32, units_1=64, dropout=0.0)
    curve = run(loop, 12)
    assert curve[-1]["val_accuracy"] > 0.93
    assert curve[-1]["val_f1"] == pytest.approx(curve[-1]["val_accuracy"], abs=0.02)


def test_learns_fashion_mnist(fashion_mnist):
    loop = make_loop(fashion_mnist, batch_size=32, learning_rate=0.01, units_1=64, dropout=0.0)
    assert max(row["val_accuracy"] for row in run(loop, 6)) > 0.78


def test_divergence_names_epoch_and_batch(blobs):
    """The first batch is fine; its update overflows, and the second batch shows it."""
    loop = make_loop(blobs, learning_rate=1e38, hidden_layers=3, dropout=0.0)
    with pytest.raises(Diverged, match="not finite any more in batch 1 of epoch 1") as caught:
        loop.run_epoch()
    assert (caught.value.epoch, caught.value.batch) == (1, 1)
    assert loop.epoch == 0
    assert caught.value.seconds > 0


def test_divergence_in_the_last_batch_is_seen(blobs):
    loop = make_loop(blobs, learning_rate=1e38, batch_size=1000)
    with pytest.raises(Diverged, match="in epoch 1"):
        loop.run_epoch()


def test_batch_size_is_checked(blobs):
    with pytest.raises(ValueError, match="batch_size must be at least 1, but it is 0"):
        make_loop(blobs, batch_size=0)


def test_tensors_share_memory_with_read_only_arrays(blobs, recwarn):
    blobs.x_train.flags.writeable = False
    tensors = TensorData.of(blobs)
    assert tensors.x_train.data_ptr() == blobs.x_train.ctypes.data
    assert tensors.y_val.data_ptr() == blobs.y_val.ctypes.data
    assert not recwarn.list


@pytest.mark.parametrize(("mode", "best"), [("max", 2), ("min", 4)])
def test_best_epoch(mode, best):
    model = nn.Linear(1, 1)
    tracker = BestEpoch("val_loss", mode)
    for epoch, value in enumerate((0.5, 0.9, 0.9, 0.1, math.nan), start=1):
        nn.init.constant_(model.weight, epoch)
        tracker.offer({"epoch": epoch, "val_loss": value}, model.state_dict)
    assert tracker.epoch == best
    assert tracker.weights["weight"].item() == best
    assert tracker.metrics["epoch"] == best

"""Several processes that train one model: the same curve as one, in processes of their own."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables.data import Dataset
from trainables.loops import (
    SGD,
    Alone,
    Diverged,
    Execution,
    FoldData,
    FoldsLoop,
    Group,
    SupervisedLoop,
    TensorData,
)
from trainables.loops.group import Share
from trainables.models import build_cnn, build_mlp, stack
from trainables.options import DeviceOptions

SECONDS = 120
# 60 training rows in batches of 16: the last has 12, and five processes would share 12 unevenly.
MLP = {"units_1": 6}
CASES = {
    "mlp": (build_mlp, MLP, {}, 1),
    "odd batches": (build_mlp, MLP, {"batch_size": 7}, 1),  # shares of 4 and 3; 4 rows left
    "a row left for one": (build_mlp, MLP, {"batch_size": 1}, 1),  # the other borrows one
    "augmented": (build_cnn, {"filters": 2, "normalisation": "none"}, {"augment": "crop_flip"}, 1),
    "folds": (build_mlp, MLP, {"augment": "flip"}, 3),
}


def images():
    generator = np.random.default_rng(0)

    def part(rows):
        y = np.arange(rows) % 3
        x = generator.normal(y[:, None, None], 1, (rows, 8, 8))
        return x.astype(np.float32), y.astype(np.int64)

    parts = {}
    for name, rows in (("train", 60), ("val", 30), ("test", 30)):
        parts[f"x_{name}"], parts[f"y_{name}"] = part(rows)
    return Dataset(name="images", classes=3, **parts)


def loop(case, group, device="cpu"):
    builder, config, options, folds = CASES[case]
    torch.manual_seed(0)
    models = [builder(config, (8, 8), 3) for _ in range(folds)]
    execution = Execution(DeviceOptions(precision="float32", tf32=False), device)
    model = execution.prepare(models[0] if folds == 1 else stack(models))
    optimizer = SGD(model.parameters(), learning_rate=0.02, momentum=0.9)
    given = {"batch_size": 16, "seed": 1, "group": group, "device": device, **options}
    if folds > 1:
        data = FoldData.of(images(), folds, 0, device)
        return FoldsLoop(model, optimizer, data, execution=execution, **given)
    data = TensorData.of(images(), device)
    return SupervisedLoop(model, optimizer, data, execution=execution, **given)


def curve(case, group=None, device="cpu"):
    trained = loop(case, group, device)
    rows = [trained.run_epoch() for _ in range(3)]
    clocks = {"epoch_seconds", "samples_per_second"}
    return [{n: v for n, v in row.items() if n not in clocks} for row in rows], trained


def member(rank, size, meeting, answers):
    """One process: all curves, what became of a loss that is not a number, and its weights."""
    torch.set_num_threads(1)
    group = Group(rank, size, meeting=f"file://{meeting}", device="cpu")
    found = {name: curve(name, group)[0] for name in CASES}
    found["weights"] = {n: w.tolist() for n, w in curve("mlp", group)[1].weights().items()}
    poisoned = loop("mlp", group)
    if rank == 1:  # in its rows only
        poisoned._loss = lambda logits, labels: logits.sum() * float("nan")
    try:
        poisoned.run_epoch()
    except Diverged as error:
        found["diverged"] = str(error)
    torch.manual_seed(0)
    normal = build_mlp({"normalisation": "batch"}, (8, 8), 3)
    try:
        SupervisedLoop(
            normal, SGD(normal.parameters(), learning_rate=0.1), TensorData.of(images()),
            batch_size=3, seed=0, group=group,
        )  # fmt: skip
    except ValueError as error:
        found["norm"] = str(error)
    group.leave()
    answers.put((rank, found))


def member_on_a_gpu(rank, size, meeting, answers):
    """One process with a GPU of its own, as Ray lends it."""
    os.environ["CUDA_VISIBLE_DEVICES"] = str(rank)
    group = Group(rank, size, meeting=f"file://{meeting}", device="cuda")
    answers.put((rank, {name: curve(name, group, "cuda")[0] for name in CASES}))
    group.leave()


def answers_of(target, folder):
    """What two processes find, by rank."""
    meeting = Path(folder) / "meeting"
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    given = [(rank, 2, str(meeting), answers) for rank in range(2)]
    processes = [context.Process(target=target, args=one, daemon=True) for one in given]
    for process in processes:
        process.start()
    try:
        return dict(answers.get(timeout=SECONDS) for _ in processes)
    finally:
        for process in processes:
            process.join(10)
            process.kill()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return answers_of(member, tmp_path_factory.mktemp("group"))


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_curve_of_one(found, name):
    alone, _ = curve(name)
    assert found[0][name] == found[1][name]
    assert len(alone) == 3
    for row, expected in zip(found[0][name], alone, strict=True):
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert alone[0]["train_loss"] > alone[2]["train_loss"]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_have_the_curve_of_one_cpu(tmp_path):
    """Over NCCL."""
    found = answers_of(member_on_a_gpu, tmp_path)
    for name in CASES:
        assert found[0][name] == found[1][name]
        for row, expected in zip(found[0][name], curve(name)[0], strict=True):
            assert row == pytest.approx(expected, rel=1e-2, abs=1e-3)


def test_their_weights_are_those_of_one_and_load_into_it(found):
    assert found[0]["weights"] == found[1]["weights"]
    _, alone = curve("mlp")
    for name, weight in alone.weights().items():
        assert np.allclose(found[0]["weights"][name], weight.numpy(), rtol=1e-3, atol=1e-5)
    restored = loop("mlp", None)
    restored.model.load_state_dict({n: torch.tensor(w) for n, w in found[0]["weights"].items()})


def test_all_processes_end_at_the_batch_in_which_one_diverged(found):
    assert found[0]["diverged"] == found[1]["diverged"]
    assert "in batch 0 of epoch 1" in found[0]["diverged"]


def test_a_batch_norm_needs_two_rows_in_each(found):
    assert "batch_size must be at least 4, for a batch norm trains on two rows" in found[0]["norm"]


@pytest.mark.parametrize(
    ("size", "rows", "shares"),
    [
        (2, 16, [(0, 8), (8, 16)]),
        (2, 5, [(0, 3), (3, 5)]),
        (3, 8, [(0, 3), (3, 6), (6, 8)]),
        (3, 2, [(0, 1), (1, 2), None]),
    ],
)
def test_shares_are_the_batch_in_its_order(size, rows, shares):
    for rank, expected in enumerate(shares):
        group = Group.__new__(Group)  # sharing asks nobody
        group.rank, group.size = rank, size
        if expected is None:
            assert group.share(rows) == Share(slice(0, 1), 0.0)
        else:
            first, last = expected
            assert group.share(rows) == Share(slice(first, last), (last - first) / rows)


def test_alone_there_is_nothing_to_share():
    assert Alone().share(5) == Share(slice(None), 1.0)
    assert Alone().sum(torch.ones(2)).tolist() == [1.0, 1.0]

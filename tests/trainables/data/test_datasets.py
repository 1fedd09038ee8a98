"""Data sets: what is loaded, in which split, and what is refused."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from trainables.data import load, names
from trainables.data.fashion_mnist import DEBIAN_DIRECTORY


def test_names():
    assert names() == ["arrays", "cifar10", "digits", "fashion_mnist", "table"]


def test_digits_are_all_there_once_and_stratified(digits):
    assert digits.x_train.shape == (1077, 8, 8)
    assert digits.x_val.shape == digits.x_test.shape == (360, 8, 8)
    assert digits.x_train.dtype == np.float32
    assert digits.y_train.dtype == np.int64
    assert (digits.x_train.min(), digits.x_train.max()) == (0.0, 1.0)
    rows = np.concatenate([digits.x_train, digits.x_val, digits.x_test]).reshape(1797, 64)
    assert len(np.unique(rows, axis=0)) == 1797
    for labels in (digits.y_train, digits.y_val, digits.y_test):
        shares = np.bincount(labels, minlength=10) / len(labels)
        assert np.all(np.abs(shares - 0.1) < 0.01)


def test_digits_split_is_fixed(digits):
    smaller = load("digits", train_size=100, val_size=50)
    assert np.array_equal(smaller.x_train, digits.x_train[:100])
    assert np.array_equal(smaller.y_val, digits.y_val[:50])
    assert np.array_equal(smaller.x_test, digits.x_test)


def test_fashion_mnist_split(fashion_mnist):
    assert fashion_mnist.input_shape == (28, 28)
    assert fashion_mnist.x_train.shape == (2000, 28, 28)
    assert fashion_mnist.x_test.shape == (10_000, 28, 28)
    assert fashion_mnist.x_train.dtype == np.float32
    assert (fashion_mnist.x_train.min(), fashion_mnist.x_train.max()) == (0.0, 1.0)
    # The first labels of train-labels-idx1-ubyte and t10k-labels-idx1-ubyte, as od prints them.
    assert fashion_mnist.y_train[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert fashion_mnist.y_test[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    longer = load("fashion_mnist", data_dir=str(DEBIAN_DIRECTORY), train_size=3000, val_size=10)
    assert np.array_equal(longer.x_train[2000:], fashion_mnist.x_val)
    assert np.array_equal(longer.y_train[2000:], fashion_mnist.y_val)
    assert fashion_mnist.describe() == (
        "fashion_mnist: 2,000 training, 1,000 validation and 10,000 test rows of 28 x 28, "
        "10 classes"
    )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fashion-mnist", {}, r"Unknown data set 'fashion-mnist'. Did you mean 'fashion_mnist'\?"),
        (
            "cats",
            {},
            "Unknown data set 'cats'. Known: arrays, cifar10, digits, fashion_mnist, table",
        ),
        ("digits", {"data_dir": "/data"}, "reads no directory, but data_dir is '/data'"),
        ("digits", {"train_size": 1078}, r"train_size of digits .* 1 .. 1,077, but it is 1,078"),
        ("digits", {"val_size": 0}, r"val_size of digits .* 1 .. 360, but it is 0"),
        ("fashion_mnist", {"train_size": 60_000}, "1 .. 59,999, but it is 60,000"),
        ("fashion_mnist", {"train_size": -1}, "1 .. 59,999, but it is -1"),
        (
            "fashion_mnist",
            {"train_size": 50_000, "val_size": 10_001},
            r"beside 50,000 to train\) .* 1 .. 10,000, but it is 10,001. Ask for fewer",
        ),
    ],
)
def test_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        load(name, **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_val": np.zeros((3, 2), np.float32)}, "same number of rows"),
        ({"x_train": np.zeros((100, 2))}, "x_train of blobs must be float32 .* float64"),
        ({"x_val": np.zeros((50, 3), np.float32)}, r"shape \(2,\) of x_train, but they have \(3,"),
        ({"classes": 2}, "within 0 .. 1, but they are within 0 .. 2"),
    ],
)
def test_inconsistent_arrays_are_refused(blobs, changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(blobs, **changes)


def test_the_driver_imports_nothing_heavy():
    """Importing torch costs the driver a second of its first result."""
    script = (
        "import sys, trainables, trainables.data, trainables.options\n"
        "trainables.TrialOptions\n"
        "heavy = ('torch', 'ray', 'sklearn', 'pandas', 'pooch', 'requests')\n"
        "print([m for m in heavy if m in sys.modules])\n"
        "import trainables.torch_trainable\n"
        "print([m for m in ('torch', 'sklearn', 'pooch') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n[]\n", done.stderr


def test_the_checksum_is_of_the_values_as_they_were_loaded(digits):
    again = load("digits")
    assert again.checksum == digits.checksum
    made = (again.standardised(), again.pooled(), again.first_rows())
    assert {one.checksum for one in made} == {digits.checksum}
    assert load("digits", train_size=100).checksum != digits.checksum
    for part in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"):
        changed = getattr(again, part).copy()
        changed.flat[-1] = (changed.flat[-1] + 1) % 10
        other = dataclasses.replace(again, **{part: changed}).with_checksum()
        assert other.checksum != digits.checksum
        assert other.describe() == digits.describe()
    swapped = again.x_train.swapaxes(1, 2)  # not contiguous
    one = dataclasses.replace(again, x_train=swapped).with_checksum()
    two = dataclasses.replace(again, x_train=swapped.copy()).with_checksum()
    assert one.checksum == two.checksum != digits.checksum
    assert again.pooled().with_checksum().checksum != digits.checksum
    renamed = dataclasses.replace(again, labels=tuple("abcdefghij")).with_checksum()
    assert renamed.checksum != digits.checksum


def test_classes_have_the_names_that_were_published(digits, fashion_mnist):
    assert digits.labels == tuple(range(10))
    # The first test image is an ankle boot, the second a pullover.
    names = [fashion_mnist.labels[number] for number in fashion_mnist.y_test[:2]]
    assert names == ["Ankle boot", "Pullover"]
    with pytest.raises(ValueError, match=r"labels of digits must name its 10 classes, .* are 2"):
        dataclasses.replace(digits, labels=("a", "b"))

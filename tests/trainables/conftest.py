"""Data shared by the tests of trainables."""

import copy
import os

import numpy as np
import pytest

from trainables import TrialOptions
from trainables.data import Dataset, load
from trainables.data.fashion_mnist import DEBIAN_DIRECTORY


@pytest.fixture(scope="session")
def fashion_mnist():
    """The real Fashion-MNIST, 2,000 training and 1,000 validation images."""
    if not DEBIAN_DIRECTORY.is_dir():
        reason = f"{DEBIAN_DIRECTORY} is not there: apt-get install dataset-fashion-mnist"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return load("fashion_mnist", data_dir=str(DEBIAN_DIRECTORY), train_size=2000, val_size=1000)


@pytest.fixture(scope="session")
def digits():
    return load("digits")


@pytest.fixture
def blobs():
    """Three clouds in the plane: small enough for a test to train on in milliseconds."""
    generator = np.random.default_rng(0)

    def part(rows):
        y = generator.integers(0, 3, rows)
        centres = np.array([[0.2, 0.2], [0.8, 0.2], [0.5, 0.8]])
        x = centres[y] + generator.normal(0, 0.1, (rows, 2))
        return x.astype(np.float32), y.astype(np.int64)

    (x_train, y_train), (x_val, y_val), (x_test, y_test) = part(100), part(50), part(50)
    return Dataset(
        name="blobs",
        x_train=x_train,
        y_train=y_train,
        x_val=x_val,
        y_val=y_val,
        x_test=x_test,
        y_test=y_test,
        classes=3,
    )


@pytest.fixture
def build(blobs, monkeypatch, tmp_path):
    """Build a trainable as Ray does, without Ray; its log directory is made in tmp_path."""
    monkeypatch.setattr("ray.tune.trainable.trainable.DEFAULT_STORAGE_PATH", str(tmp_path))

    def build(trainable, config, data=None, **options):
        class WithParameters(trainable):
            def setup(self, config):
                given = TrialOptions(**{"max_epochs": 6, **options})
                super().setup(config, data=data or blobs, options=given)

        WithParameters.__name__ = trainable.__name__
        return WithParameters(config=copy.deepcopy(config))

    return build

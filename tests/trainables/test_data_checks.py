"""What a sweep is asked to train on is checked before anything is read: `data.check`."""

import pytest

from trainables import data


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fashion-mnist", {}, r"Unknown data set 'fashion-mnist'. Did you mean 'fashion_mnist'\?"),
        ("digits", {"data_dir": "/data"}, "reads no directory, but data_dir is '/data'"),
        ("digits", {"train_size": 1078}, r"train_size of digits .* 1 .. 1,077, but it is 1,078"),
        ("digits", {"val_size": 0}, r"val_size of digits .* 1 .. 360, but it is 0"),
        ("fashion_mnist", {"train_size": 60_000}, "1 .. 59,999, but it is 60,000"),
        ("fashion_mnist", {"train_size": 50_000, "val_size": 10_001}, "1 .. 10,000, .* 10,001"),
        ("fashion_mnist", {"data_dir": "/nowhere"}, "/nowhere is none"),
    ],
)
def test_the_check_refuses_as_loading_does(name, options, message):
    with pytest.raises(ValueError, match=message):
        data.check(name, **options)
    with pytest.raises(ValueError, match=message):
        data.load(name, **options)


@pytest.mark.parametrize("name", data.names())
def test_the_defaults_pass(name):
    data.check(name)


@pytest.mark.parametrize(
    ("train_size", "val_size"), [(1, 1), (1077, 360), (None, 360), (1077, None), (None, None)]
)
def test_what_passes_the_check_loads(train_size, val_size):
    data.check("digits", train_size=train_size, val_size=val_size)
    found = data.load("digits", train_size=train_size, val_size=val_size)
    assert (len(found.x_train), len(found.x_val)) == (train_size or 1077, val_size or 360)


SIZES = [(59_999, 1), (50_000, 10_000), (59_000, None)]


@pytest.mark.parametrize(("train_size", "val_size"), SIZES)
def test_sizes_that_fashion_mnist_has(train_size, val_size):
    data.check("fashion_mnist", train_size=train_size, val_size=val_size)

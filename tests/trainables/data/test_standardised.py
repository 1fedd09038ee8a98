"""Inputs minus the training part's mean, over its standard deviation; constants by hand."""

import dataclasses

import numpy as np
import pytest

from trainables.data import Dataset


def images(*rows):
    """Grey images of 2 x 2, one a row of four values."""
    return np.array(rows, np.float32).reshape(-1, 2, 2)


def dataset(x_train, x_val=None, x_test=None):
    def labels(x):
        return np.zeros(len(x), np.int64)

    x_val = x_train if x_val is None else x_val
    x_test = x_train if x_test is None else x_test
    return Dataset(
        name="squares",
        x_train=x_train,
        y_train=labels(x_train),
        x_val=x_val,
        y_val=labels(x_val),
        x_test=x_test,
        y_test=labels(x_test),
        classes=1,
    )


def test_the_constants_are_those_of_the_training_part():
    # The eight training values are 0, 0, 0, 0, 1, 1, 1, 1: mean 1/2, standard deviation 1/2.
    found = dataset(
        images([0, 0, 1, 1], [1, 0, 0, 1]), images([0.5, 0.75, 1, 0]), images([3, -1, 0, 0.25])
    ).standardised()
    assert found.x_train.tolist() == images([-1, -1, 1, 1], [1, -1, -1, 1]).tolist()
    assert found.x_val.tolist() == images([0, 0.5, 1, -1]).tolist()
    assert found.x_test.tolist() == images([5, -3, -1, -0.5]).tolist()


def test_validation_and_test_rows_do_not_move_the_constants():
    train = images([0, 0, 1, 1], [1, 0, 0, 1])
    plain = dataset(train).standardised()
    wild = dataset(train, images([100, 200, 300, 400]), images([-1e6, 1e6, 0, 0])).standardised()
    assert np.array_equal(plain.x_train, wild.x_train)


def test_a_pixel_that_never_changes_stays_finite():
    # Values 0, 2, 0, 4, 0, 6, 0, 8: mean 20/8 = 2.5, mean of squares 120/8 = 15,
    # variance 15 - 6.25 = 8.75. The first and the third pixel are always 0.
    found = dataset(images([0, 2, 0, 4], [0, 6, 0, 8])).standardised()
    deviation = 8.75**0.5
    expected = [[-2.5, -0.5, -2.5, 1.5], [-2.5, 3.5, -2.5, 5.5]]
    assert found.x_train.reshape(2, 4) == pytest.approx(np.array(expected) / deviation, abs=1e-6)
    for x in (found.x_train, found.x_val, found.x_test):
        assert np.isfinite(x).all()


def test_the_rest_stays_as_it_is(digits):
    found = digits.standardised()
    assert found.x_train.mean(dtype=np.float64) == pytest.approx(0.0, abs=1e-6)
    assert found.x_train.std(dtype=np.float64) == pytest.approx(1.0, abs=1e-6)
    for part in ("x_train", "x_val", "x_test"):
        assert getattr(found, part).dtype == np.float32
        assert getattr(found, part).shape == getattr(digits, part).shape
    for part in ("y_train", "y_val", "y_test"):
        assert np.array_equal(getattr(found, part), getattr(digits, part))
    assert (found.name, found.classes) == (digits.name, digits.classes)
    assert digits.x_train.max() == 1.0, "the one it was made from is untouched"


def test_twice_is_once(digits):
    once = digits.standardised()
    assert once.standardised().x_val == pytest.approx(once.x_val, abs=1e-5)


def test_data_that_does_not_vary_is_refused():
    constant = dataset(images([3, 3, 3, 3]), images([1, 2, 3, 4]))
    with pytest.raises(ValueError, match=r"x_train of squares must vary .* but it is 3 all over"):
        constant.standardised()
    varies = dataclasses.replace(constant, x_train=constant.x_val, x_val=constant.x_train)
    assert np.isfinite(varies.standardised().x_val).all()

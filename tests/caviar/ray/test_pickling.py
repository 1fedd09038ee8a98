"""What a trainable takes along to the workers, and what it must not."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from caviar import UsageError
from caviar.ray import pickling
from trainables import TorchTrainable

MIB = 2**20


class OfAModule(TorchTrainable):
    """Is found by its name; what it holds is never sent."""

    table = np.zeros(80 * MIB, np.uint8)


def closure(value, *, through="method"):
    """A class that holds `value` in one of the ways there are."""
    if through == "attribute":
        return type("Own", (TorchTrainable,), {"table": value, "__module__": "__main__"})

    class Own(TorchTrainable):
        def build_model(self, config, input_shape, classes):
            super().build_model(config, input_shape, classes)
            return value

        @property
        def weights_of_mine(self):
            return value

        @staticmethod
        def helper():
            return value

    if through != "method":
        del Own.build_model
    return Own


def test_what_has_a_name_or_takes_little_along_is_fine():
    pickling.check(TorchTrainable)
    pickling.check(OfAModule)
    pickling.check(closure(np.zeros(MIB, np.uint8)))
    pickling.check(closure("text", through="attribute"))


@pytest.mark.parametrize(
    ("through", "named"),
    [
        ("method", r"the variable 'value' that closure.<locals>.Own.build_model captured"),
        ("property", r"the variable 'value' that closure.<locals>.Own.weights_of_mine captured"),
        ("attribute", "the class attribute 'table'"),
    ],
)
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: threading.Lock(), r"takes along {}, which cannot be pickled \(TypeError: .*lock"),
        (
            lambda: np.zeros(80 * MIB, np.uint8),
            r"takes along {}, and with it more than 64 MiB, to every worker, where 64 MiB are all",
        ),
    ],
    ids=["lock", "array"],
)
def test_a_lock_or_a_data_set_is_refused_by_name(make, told, through, named):
    with pytest.raises(UsageError, match="The trainable Own .*" + told.format(named)):
        pickling.check(closure(make(), through=through))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("def rows(self): return [HELD for _ in self]", "the global variable 'HELD' of Own.rows"),
        ("def rows(self): return lambda: HELD", "the global variable 'HELD' of Own.rows"),
        ("def rows(self, held=HELD): ...", "the default of 'held' of Own.rows"),
        ("def rows(self, *, held=HELD): ...", "the default of 'held' of Own.rows"),
        ("@classmethod\ndef rows(cls, held=HELD): ...", "the default of 'held' of Own.rows"),
        (
            "rows = property(None, lambda self, value: HELD)",
            "the global variable 'HELD' of Own.<lambda>",
        ),
        ("rows = property(None, None, lambda self: HELD)", "the global variable 'HELD' of Own.<l"),
        ("def rows(self): return self.UNUSED or HELD", "the global variable 'HELD' of Own.rows"),
    ],
)
@pytest.mark.parametrize(
    ("held", "told"),
    [
        (threading.Lock(), r"takes along {}.*, which cannot be pickled \(TypeError: .*lock"),
        (OfAModule.table, r"takes along {}.*, and with it more than 64 MiB"),
    ],
    ids=["lock", "array"],
)
def test_a_class_of_a_script_is_looked_through(held, told, body, named):
    script = {"__name__": "__main__", "TorchTrainable": TorchTrainable}
    script.update(HELD=held, UNUSED=held)
    exec("class Own(TorchTrainable):\n" + textwrap.indent(body, " "), script)
    with pytest.raises(UsageError, match="The trainable Own .*" + told.format(named)):
        pickling.check(script["Own"])


def test_many_small_things_are_named_by_the_largest():
    class Own(TorchTrainable):
        a = np.zeros(3 * MIB, np.uint8)
        b = np.zeros(4 * MIB, np.uint8)

    with pytest.raises(UsageError, match=r"the class attribute 'b', and with it 4 MiB, .* 6 MiB"):
        pickling.check(Own, limit=6 * MIB)


SCRIPT = """
import numpy as np
from caviar import Sweep, UsageError, run
from trainables import TorchTrainable

IMAGES = np.zeros(300 * 2**20, np.uint8)

class Mine(TorchTrainable):
    def prepare_data(self, data):
        return IMAGES

try:
    run(Sweep(trainable=Mine, dataset="digits", trials=1, name="x"))
except UsageError as error:
    print(error)
"""


def test_a_script_is_told_before_ray_starts(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.stdout.startswith(
        "The trainable Mine takes along the global variable 'IMAGES' of Mine.prepare_data, and "
        "with it more than 64 MiB"
    ), done.stderr
    assert list(tmp_path.iterdir()) == [], "a sweep was started"

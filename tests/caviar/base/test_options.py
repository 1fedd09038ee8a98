"""Every option of every searcher and scheduler checks its type, from Python too."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from caviar import Sweep, UsageError, schedulers, searchers
from caviar.base.option_types import fits
from trainables import DeviceOptions

CLASSES = [
    getattr(package, name)
    for package in (searchers, schedulers)
    for name in package.__all__
    if name not in ("SearcherOptions", "SchedulerOptions")
]
WRONG = ["x", 2.5, True, None, 1, float("inf"), [], object]
CASES = [
    (options, field.name, wrong)
    for options in CLASSES
    for field in dataclasses.fields(options)
    for wrong in WRONG
    if not fits(wrong, typing.get_type_hints(options)[field.name])
]


@pytest.mark.parametrize(
    ("options", "field", "wrong"),
    CASES,
    ids=[f"{options.__name__}-{field}-{wrong!r}" for options, field, wrong in CASES],
)
def test_a_value_of_another_type_is_refused_by_the_full_name(options, field, wrong):
    name = f"--{options.part}.{field.replace('_', '-')}"
    with pytest.raises(UsageError, match=rf"^{name} takes .*, and it got .*\.$"):
        options(**{field: wrong})


@pytest.mark.parametrize("options", CLASSES)
def test_the_usual_values_are_of_their_types_and_are_kept(options):
    usual = options()
    assert options(**dataclasses.asdict(usual)) == usual
    assert options.part in ("searcher", "scheduler")


@pytest.mark.parametrize(
    ("options", "field", "below"),
    [
        (schedulers.Asha, "min_epochs", 0),
        (schedulers.Asha, "reduction_factor", 1),
        (schedulers.HyperBand, "min_epochs", -1),
        (schedulers.HyperBand, "reduction_factor", 0),
    ],
)
def test_rungs_below_their_least_are_refused_from_python(options, field, below):
    name = f"--scheduler.{field.replace('_', '-')}"
    with pytest.raises(UsageError, match=rf"^{name} must be at least [12], and it is {below}\.$"):
        options(**{field: below})


def test_a_users_own_options_are_checked_too():
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Mine(schedulers.SchedulerOptions):
        wait: int = 3

        def build(self, *, max_epochs, seed):
            raise AssertionError("it is not built here")

    assert Mine(wait=4).wait == 4
    with pytest.raises(UsageError, match=r"^--scheduler.wait takes a whole number, and it got 2.5"):
        Mine(wait=2.5)


@pytest.mark.parametrize(
    ("field", "wrong"), [("tf32", "x"), ("channels_last", "x"), ("fused", 1), ("compile", None)]
)
def test_the_devices_options_are_checked_by_the_sweep(field, wrong):
    name = f"--device.{field.replace('_', '-')}"
    with pytest.raises(UsageError, match=rf"^{name} takes .*, and it got {wrong!r}\.$"):
        Sweep(device=DeviceOptions(**{field: wrong}))


@pytest.mark.parametrize("wrong", ["x", True, 0, 1.5, float("nan")])
def test_a_share_of_memory_that_is_none_is_refused_in_a_sentence(wrong):
    with pytest.raises(ValueError, match=rf"^memory_share must be within .*, but it is {wrong}\.$"):
        DeviceOptions(memory_share=wrong)

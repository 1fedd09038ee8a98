"""A space with conditions in conditions, and a trainable that takes nothing but its configurations;
the tests name them as `conditional:SPACE` and `conditional:Checked`."""

from __future__ import annotations

from typing import Any

from faulty import Slow

from search_spaces import AtLeast, Choice, Float, Int, Is, OneOf, SearchSpace

# By default everything takes part: trial 0 has every parameter, and other trials lack some.
SPACE = SearchSpace(
    "conditional",
    [
        Float(name="learning_rate", low=1e-3, high=0.3, scale="log", default=0.01),
        Choice(name="optimizer", options=["sgd", "adam", "rmsprop"]),
        Float(
            name="momentum",
            low=0.9,
            high=0.99,
            scale="log1m",
            default=0.9,
            when=OneOf("optimizer", ["sgd", "rmsprop"]),
        ),
        Choice(name="weight_decay_on", options=[True, False], when=Is("optimizer", "sgd")),
        Float(
            name="weight_decay", low=1e-6, high=1e-2, scale="log", when=Is("weight_decay_on", True)
        ),
        Choice(name="schedule", options=["exponential", "constant"]),
        Float(
            name="decay_rate",
            low=0.9,
            high=0.999,
            scale="log1m",
            when=Is("schedule", "exponential"),
        ),
        Int(name="hidden_layers", low=1, high=3, default=3),
        Int(name="units_1", low=16, high=64, scale="log"),
        Int(name="units_2", low=16, high=64, scale="log", when=AtLeast("hidden_layers", 2)),
        Int(name="units_3", low=16, high=64, scale="log", when=AtLeast("hidden_layers", 3)),
    ],
)


class Checked(Slow):
    """Fails a trial whose configuration, as it arrives in the worker, is none of SPACE."""

    def build_model(self, config: Any, input_shape: Any, classes: Any) -> Any:
        SPACE.validate(config)
        return super().build_model(config, input_shape, classes)

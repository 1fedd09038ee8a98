"""The documented parameters against overfitting: dropout, and weight decay λ with its switch."""

from search_spaces.conditions import Is
from search_spaces.parameters import Choice, Float

DROPOUT = Float(
    name="dropout",
    low=0.0,
    high=0.5,
    default=0.0,
    source="KT; range not said: 0 … 0.5",
)

WEIGHT_DECAY_ON = Choice(
    name="weight_decay_on",
    options=[False, True],
    default=False,
    tier=4,
    source="ART: off by default; 0 is not on λ's log scale, so a switch",
)
WEIGHT_DECAY = Float(
    name="weight_decay",
    low=1e-6,
    high=1e-1,
    scale="log",
    default=1e-4,
    tier=4,
    source="ART; range not said: 1e-6 … 1e-1; default near the middle of the scale",
    when=Is("weight_decay_on", True),
)

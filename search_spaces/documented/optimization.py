"""The documented parameters of the optimizer: rate, momentum, batch size, schedule, loss.

Ranges, scales, defaults and tiers are those of the source documents (ABS, ART, TECH, KT, NG);
where a document leaves a value out, the source field says what is taken instead.
"""

from search_spaces.conditions import Is, OneOf
from search_spaces.parameters import Choice, Fixed, Float, Int

LEARNING_RATE = Float(
    name="learning_rate",
    low=1e-4,
    high=1.0,
    scale="log",
    default=1e-2,
    tier=1,
    source="NG: 10**r, r in -4…0; default ART",
)
LEARNING_RATE_ART = Float(
    name="learning_rate",
    low=1e-5,
    high=1e-2,
    scale="log",
    default=1e-2,
    tier=1,
    source="ART",
)
LEARNING_RATE_ABS = Float(
    name="learning_rate",
    low=0.01,
    high=1.0,
    scale="log",
    default=0.01,
    tier=1,
    source="ABS; scale not said: log",
)

MOMENTUM = Float(
    name="momentum",
    low=0.9,
    high=0.999,
    scale="log1m",
    default=0.9,
    tier=2,
    source="ART, NG: 1 - 10**r, r in -3…-1; averages 1/(1-β) values",
)
"""SGD's own; where the optimizer is searched, give it `when=HAS_MOMENTUM`."""

HAS_MOMENTUM = OneOf("optimizer", ["sgd", "rmsprop"])
"""Adam's β₁ is not tuned (NG: last in importance); the other optimizers have no momentum to set."""

BATCH_SIZE = Choice(
    name="batch_size",
    options=[32, 64, 128, 256, 512],
    default=128,
    tier=2,
    source="ABS: a choice of powers of two, 128 by default; two octaves either side of it",
)
BATCH_SIZE_ABS = Int(
    name="batch_size",
    low=200,
    high=1000,
    scale="log",
    default=200,
    tier=2,
    source="ABS; scale not said: log; default the nearest to 128",
)

EPOCHS = Int(
    name="epochs",
    low=20,
    high=100,
    source="ABS; in a multi-fidelity sweep the fidelity, so part of no built-in space",
)

OPTIMIZER = Choice(
    name="optimizer",
    options=["sgd", "adam", "rmsprop"],
    default="adam",
    source="KT",
)
OPTIMIZER_ABS = Choice(
    name="optimizer",
    options=["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam"],
    default="adam",
    source="ABS: numbered 0 … 7; default KT",
)

BETA1 = Fixed(name="beta1", value=0.9, tier=4, source="NG: not tuned", when=Is("optimizer", "adam"))
BETA2 = Fixed(
    name="beta2", value=0.999, tier=4, source="NG: not tuned", when=Is("optimizer", "adam")
)
EPSILON = Fixed(
    name="epsilon", value=1e-8, tier=4, source="NG: not tuned", when=Is("optimizer", "adam")
)

SCHEDULE = Choice(
    name="schedule",
    options=["constant", "exponential", "plateau"],
    default="constant",
    tier=3,
    source="ART: exponential, or a step down on a plateau (factor 0.1)",
)
DECAY_RATE = Float(
    name="decay_rate",
    low=0.9,
    high=0.999,
    scale="log1m",
    default=0.95,
    tier=3,
    source="ART: log in 1-rate; range not said: as β, the factor an epoch",
    when=Is("schedule", "exponential"),
)
"""A plateau steps down by ART's own factor of ten (1e-2, then 1e-3): nothing to search."""

LOSS = Choice(
    name="loss",
    options=["cross_entropy", "label_smoothing", "multi_margin"],
    default="cross_entropy",
    source="KT: the task's own",
)

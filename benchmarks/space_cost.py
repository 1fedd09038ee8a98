"""What it costs to encode and decode one configuration of the largest built-in space.

    python benchmarks/space_cost.py    # about 5 seconds

Encoding: a known configuration into the backend's coordinates (warm start, replay). Decoding: from
what the backend proposes to natural values. The backend's own sampling is not part of it. Prints
microseconds a configuration and writes them to `benchmarks/results/space_cost.md`.
"""

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna

import search_spaces
from search_spaces.encoders import hyperopt_encoder, optuna_encoder, ray_encoder

CONFIGURATIONS = 400
BATCHES = 11
LIMIT = 1_000  # microseconds: "well under a millisecond" is the promise
RESULT = Path(__file__).parent / "results" / "space_cost.md"

Call = Callable[[Any], object]


def microseconds(call: Call, arguments: list[Any]) -> float:
    """A call, the median of a few batches: what others do on the machine falls on some of them."""
    batches = []
    for _ in range(BATCHES):
        start = time.perf_counter()
        for argument in arguments:
            call(argument)
        batches.append(time.perf_counter() - start)
    return statistics.median(batches) / len(arguments) * 1e6


def main() -> None:
    """Measure, print, write."""
    space = max(map(search_spaces.get, search_spaces.names()), key=len)
    rng = np.random.default_rng(0)
    configs = [space.sample(rng) for _ in range(CONFIGURATIONS)]
    raws = [space.encode(config) for config in configs]
    params = [optuna_encoder.to_params(space, config)[0] for config in configs]
    vals = [hyperopt_encoder.to_vals(space, config) for config in configs]
    backends: dict[str, tuple[Call, Call, list[Any]]] = {
        "Ray Tune": (space.encode, lambda raw: ray_encoder.decode(space, raw), raws),
        "Optuna": (
            lambda config: optuna_encoder.to_params(space, config),
            lambda found: optuna_encoder.suggest(space, optuna.trial.FixedTrial(found)),
            params,
        ),
        "HyperOpt": (
            lambda config: hyperopt_encoder.to_vals(space, config),
            lambda found: hyperopt_encoder.from_vals(space, found),
            vals,
        ),
    }
    costs = {
        name: (microseconds(encode, configs), microseconds(decode, given))
        for name, (encode, decode, given) in backends.items()
    }
    own = {
        "sample": microseconds(lambda _: space.sample(rng), configs),
        "validate": microseconds(space.validate, configs),
        "key": microseconds(space.key, configs),
    }
    most = max(cost for pair in costs.values() for cost in pair)
    known = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "optuna", "hyperopt")
    )
    text = "\n".join(
        [
            "# What a search space costs: one configuration, there and back",
            "",
            f"{time.strftime('%Y-%m-%d')}; {platform.machine()}, {os.cpu_count()} cores; Python "
            f"{platform.python_version()}, {known}. Written by `python benchmarks/space_cost.py`.",
            f"Space {space.name}, the largest built-in one: {len(space)} parameters; microseconds "
            f"a configuration, the median of {BATCHES} batches of {CONFIGURATIONS}.",
            "",
            "| backend | encode | decode |",
            "| --- | ---: | ---: |",
            *(f"| {name} | {e:.0f} | {d:.0f} |" for name, (e, d) in costs.items()),
            "",
            "| of the space itself | |",
            "| --- | ---: |",
            *(f"| {name} | {cost:.0f} |" for name, cost in own.items()),
            "",
            f"The dearest of encode and decode is {LIMIT / most:.0f} times below a millisecond.",
        ]
    )
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

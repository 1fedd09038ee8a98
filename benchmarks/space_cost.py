"""What it costs to encode and decode one configuration of the largest built-in space.

    python benchmarks/space_cost.py

Encoding: a known configuration into the backend's coordinates (warm start, replay). Decoding: from
what the backend proposes to natural values. The backend's own sampling is not part of it.
"""

import time
from collections.abc import Callable
from typing import Any

import hyperopt
import numpy as np
import optuna

import search_spaces
from search_spaces.encoders import hyperopt_encoder, optuna_encoder, ray_encoder

ROUNDS = 2_000
BATCHES = 5


def microseconds(call: Callable[[Any], object], arguments: list[Any]) -> float:
    """The best of a few batches, a call."""
    best = float("inf")
    for _ in range(BATCHES):
        start = time.perf_counter()
        for argument in arguments:
            call(argument)
        best = min(best, time.perf_counter() - start)
    return best / len(arguments) * 1e6


def main() -> None:
    spaces = [search_spaces.get(name) for name in search_spaces.names()]
    space = max(spaces, key=len)
    rng = np.random.default_rng(0)
    configs = [space.sample(rng) for _ in range(ROUNDS // BATCHES)]
    params = [optuna_encoder.to_params(space, config)[0] for config in configs]
    raws = [space.encode(config) for config in configs]
    encoded = hyperopt_encoder.encode(space)
    sampled = [
        hyperopt.space_eval(
            encoded, {k: v[0] for k, v in hyperopt_encoder.to_vals(space, config).items() if v}
        )
        for config in configs
    ]
    costs: list[tuple[str, Callable[[Any], object], Callable[[Any], object], list[Any]]] = [
        ("ray", space.encode, lambda raw: ray_encoder.decode(space, raw), raws),
        (
            "optuna",
            lambda config: optuna_encoder.to_params(space, config),
            lambda found: optuna_encoder.suggest(space, optuna.trial.FixedTrial(found)),
            params,
        ),
        (
            "hyperopt",
            lambda config: hyperopt_encoder.to_vals(space, config),
            lambda found: hyperopt_encoder.decode(space, found),
            sampled,
        ),
    ]
    print(f"space {space.name}, {len(space)} parameters: microseconds a configuration")
    print(f"{'backend':<10}{'encode':>10}{'decode':>10}")
    for name, encode, decode, given in costs:
        print(
            f"{name:<10}{microseconds(encode, configs):>10.0f}{microseconds(decode, given):>10.0f}"
        )
    print(f"{'sample':<20}{microseconds(lambda _: space.sample(rng), configs):>10.0f}")
    print(f"{'validate':<20}{microseconds(space.validate, configs):>10.0f}")
    print(f"{'key':<20}{microseconds(space.key, configs):>10.0f}")


if __name__ == "__main__":
    main()

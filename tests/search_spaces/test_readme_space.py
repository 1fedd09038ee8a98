"""The space that the README writes, as it stands there, through every backend."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hyperopt
import numpy as np
import optuna
import pytest
from ray.tune.search.variant_generator import generate_variants

from search_spaces import SearchSpace
from search_spaces.encoders import grid, hyperopt_encoder, optuna_encoder, ray_encoder

README = Path(__file__).parent.parent.parent / "README.md"
DRAWS = 60  # beyond the start-up trials of both TPEs


@pytest.fixture(scope="module")
def block() -> str:
    """The README's Python that writes a space."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if "SearchSpace(" in block]
    return found


@pytest.fixture(scope="module")
def space(block) -> SearchSpace:
    namespace: dict[str, Any] = {"__name__": "mine"}
    exec(compile(block, str(README), "exec"), namespace)
    return namespace["space"]


def from_ray(space: SearchSpace) -> Iterator[dict[str, Any]]:
    random_state = np.random.RandomState(0)
    for _ in range(DRAWS):
        ((_, sampled),) = generate_variants(ray_encoder.encode(space), random_state=random_state)
        yield ray_encoder.decode(space, sampled)


def from_optuna(space: SearchSpace) -> Iterator[dict[str, Any]]:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    for _ in range(DRAWS):
        trial = study.ask(optuna_encoder.distributions(space))
        config = optuna_encoder.suggest(space, trial)
        study.tell(trial, config["learning_rate"])
        yield config


def from_hyperopt(space: SearchSpace) -> Iterator[dict[str, Any]]:
    seen = []

    def objective(sampled: dict[str, Any]) -> float:
        seen.append(hyperopt_encoder.decode(space, sampled))
        return seen[-1]["learning_rate"]

    hyperopt.fmin(
        objective,
        hyperopt_encoder.encode(space),
        algo=hyperopt.tpe.suggest,
        max_evals=DRAWS,
        trials=hyperopt_encoder.initial_trials(space, [space.default()]),
        rstate=np.random.default_rng(0),
        show_progressbar=False,
    )
    assert space.same(seen[0], space.default())
    yield from seen


def from_grid(space: SearchSpace) -> Iterator[dict[str, Any]]:
    yield from grid.grid(space, points=3)


def test_it_takes_fifteen_lines_at_most(block):
    written = re.search(r"^space = SearchSpace\(.*?^\)", block, re.DOTALL | re.MULTILINE).group()
    assert len(written.splitlines()) <= 15


@pytest.mark.parametrize("draw", [from_ray, from_optuna, from_hyperopt, from_grid])
def test_it_works_with_every_backend(space, draw):
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        configs = list(draw(space))
    finally:
        optuna.logging.set_verbosity(before)
    assert len(configs) >= DRAWS
    for config in configs:
        space.validate(config)
    assert space.conditional
    for parameter in space:
        if parameter.when is not None:  # both sides of the condition
            assert {parameter.name in config for config in configs} == {True, False}

"""What a suggestion costs: each searcher after up to 5,000 finished trials.

    python benchmarks/suggestion_cost.py [WITHOUT ...]

Names of searchers that follow are left out. As in a sweep: ask, tell how the trial before ended,
ask again. One trial in twenty breaks, most stop early. Printed is the time of the process, the
median of a few suggestions, and the ratio to Optuna 5's own TPE with its defaults, on a study in
memory with as many trials. The limit is 50 ms.
Writes `benchmarks/results/suggestion_cost.md`.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna

import search_spaces
from caviar.base.trial import Outcome
from caviar.searchers import (
    HyperOpt,
    Optuna,
    Parzen,
    QuasiRandom,
    Random,
    SearcherOptions,
)
from caviar.searchers.base import Observation
from search_spaces import Config
from search_spaces.encoders import optuna_encoder

RESULT = Path(__file__).with_name("results") / "suggestion_cost.md"
TRIALS = (100, 1_000, 5_000)
SUGGESTIONS = 7
LIMIT = 50.0  # ms
MAX_EPOCHS = 27
SPACE = search_spaces.get("mlp")
SEARCHERS: dict[str, SearcherOptions] = {
    "random": Random(),
    "quasi-random": QuasiRandom(),
    "parzen": Parzen(),
    "optuna, tpe": Optuna(),
    "optuna, cmaes": Optuna(sampler="cmaes"),
    "optuna, gp": Optuna(sampler="gp"),
    "hyperopt": HyperOpt(),
}
PLAIN = "plain Optuna TPE"


def observation(number: int, config: Config) -> Observation:
    """How a trial ends: two in three after an epoch, few at the last, one in twenty breaks."""
    epochs = (1, 1, 3, 1, 1, 9, 1, 1, 3, MAX_EPOCHS)[number % 10]
    value = float(np.sin(number))
    curve = {epoch: value - 1 / epoch for epoch in range(1, epochs + 1)}
    outcome = Outcome.COMPLETED if epochs == MAX_EPOCHS else Outcome.STOPPED_EARLY
    if number % 20 == 8:  # those too that a thinned model keeps, every 2^k-th
        outcome = Outcome.FAILED
    return Observation(config=config, outcome=outcome, curve=curve, max_epochs=MAX_EPOCHS)


def ours(options: SearcherOptions, trials: int) -> float:
    """Milliseconds a suggestion."""
    searcher = options.build(SPACE, mode="max", seed=0)
    rng = np.random.default_rng(0)
    for number in range(trials):
        searcher.observe(number, observation(number, SPACE.sample(rng)))

    def suggest(number: int) -> None:
        config = searcher.suggest(number)
        assert config is not None
        searcher.observe(number, observation(number, config))

    return median_cost(suggest, trials, SUGGESTIONS)


def plain(trials: int) -> float:
    """Optuna's own sampler with the defaults that Ray's OptunaSearch gives it, told COMPLETE."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    rng = np.random.default_rng(0)
    for number in range(trials):
        params, distributions = optuna_encoder.to_params(SPACE, SPACE.sample(rng))
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=distributions, value=float(np.sin(number))
            )
        )

    def suggest(number: int) -> None:
        trial = study.ask()
        optuna_encoder.suggest(SPACE, trial)
        study.tell(trial, float(np.sin(number)))

    return median_cost(suggest, trials, SUGGESTIONS)


def median_cost(suggest: Callable[[int], None], trials: int, count: int) -> float:
    """The median over some suggestions, after two that warm up."""
    costs = []
    for number in range(trials, trials + count + 2):
        start = time.process_time()
        suggest(number)
        costs.append(time.process_time() - start)
    return statistics.median(costs[2:]) * 1e3


def main() -> int:
    """Measure, print, write; 1 where a searcher is above the limit."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    costs: dict[str, list[float]] = {PLAIN: [plain(trials) for trials in TRIALS]}
    for name, options in SEARCHERS.items():
        if name in sys.argv[1:]:
            continue
        costs[name] = [ours(options, trials) for trials in TRIALS]
        print(name, " ".join(f"{cost:.2f}" for cost in costs[name]), flush=True)
    known = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("numpy", "scipy", "optuna", "hyperopt", "cmaes", "torch")
    )
    last = costs[PLAIN][-1]
    above = [name for name, row in costs.items() if row[-1] > LIMIT and name != PLAIN]
    left_out = [name for name in SEARCHERS if name not in costs]
    text = "\n".join(
        [
            "# What a suggestion costs",
            "",
            f"{time.strftime('%Y-%m-%d')}; {platform.machine()}, {os.cpu_count()} cores; Python "
            f"{platform.python_version()}, {known}. Written by "
            "`python benchmarks/suggestion_cost.py`.",
            f"Space {SPACE.name}, {len(SPACE)} parameters; milliseconds of processor time a "
            f"suggestion and the report of its end, the median of {SUGGESTIONS}.",
            "",
            "| finished trials | "
            + " | ".join(f"{trials:,}" for trials in TRIALS)
            + f" | share of {PLAIN} at {TRIALS[-1]:,} |",
            "| --- |" + " ---: |" * (len(TRIALS) + 1),
            *(
                f"| {name} | " + " | ".join(f"{c:.1f}" for c in row) + f" | {row[-1] / last:.2f} |"
                for name, row in costs.items()
            ),
            "",
            f"Above {LIMIT:g} ms at {TRIALS[-1]:,} trials: {', '.join(above) or 'none'}. "
            f"Not measured: {', '.join(left_out) or 'none'}.",
        ]
    )
    print(text)
    RESULT.write_text(text + "\n", encoding="utf-8")
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())

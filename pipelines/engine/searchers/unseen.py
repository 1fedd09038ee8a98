"""A configuration that has not run yet, whoever proposes it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from pipelines.engine.searchers.base import Searcher

_SEARCHER_TRIES = 20
"""How often a searcher may propose what has run already; then a random draw takes its place."""
_RANDOM_TRIES = 1000
"""How many random draws may have run already before the space counts as exhausted."""


def unseen(
    searcher: Searcher, number: int, known: Container[Any], *, seed: int
) -> dict[str, Any] | None:
    """The configuration of trial ``number``; ``known`` holds the keys of those that ran or run.

    A model over few choices proposes its favourite again and again: then any new one will do. None
    when there is nothing left.
    """
    space = searcher.space
    for attempt in range(_SEARCHER_TRIES):
        config = searcher.ask(number, attempt)
        if config is None or space.key(config) not in known:
            return config
    rng = np.random.default_rng([seed, number, _SEARCHER_TRIES])
    for _ in range(_RANDOM_TRIES):
        config = space.sample(rng)
        if space.key(config) not in known:
            searcher.restart(number, config)
            return config
    return None

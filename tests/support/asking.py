"""What the tests of searchers share: asking for trials and telling how they ended."""

import dataclasses

from caviar.base.trial import Outcome
from caviar.searchers import Grid, ImportanceStaged
from caviar.searchers.base import Observation
from search_spaces import SearchSpace

MAX_EPOCHS = 9


def fitting(options, space):
    """The options and the space, so that one can search the other."""
    if isinstance(options, Grid) and space.name == "mlp":
        return Grid(points=2), space
    if isinstance(options, ImportanceStaged) and space.name != "mlp":
        ranked = [dataclasses.replace(p, tier=1 + i % 3) for i, p in enumerate(space)]
        return options, SearchSpace(space.name, ranked)
    return options, space


def build(options, space, *, mode="max", seed=0):
    options, space = fitting(options, space)
    return options.build(space, mode=mode, seed=seed)


def observation(config, value, outcome=Outcome.COMPLETED):
    """The end of a trial with a rising curve; one that did not complete ends at epoch 3."""
    last = MAX_EPOCHS if outcome is Outcome.COMPLETED else 3
    curve = {epoch: value - 1 / epoch for epoch in range(1, last + 1)}
    return Observation(config=config, outcome=outcome, curve=curve, max_epochs=MAX_EPOCHS)


def worth(config):
    """Some value of a configuration, the same for the same one; larger is better."""
    return sum(len(str(value)) * (i + 1) for i, value in enumerate(config.values())) / 100


OUTCOMES = [Outcome.COMPLETED, Outcome.STOPPED_EARLY, Outcome.FAILED, Outcome.DIVERGED]


def outcome_of(number):
    return OUTCOMES[(0, 0, 1, 0, 2, 1, 3)[number % 7]]


def run(searcher, numbers, *, value=worth):
    """Ask for these trials and tell each before the next, with all outcomes; the proposals."""
    proposals = []
    for number in numbers:
        config = searcher.suggest(number)
        if config is None:
            break
        proposals.append(config)
        searcher.observe(number, observation(config, value(config), outcome_of(number)))
    return proposals

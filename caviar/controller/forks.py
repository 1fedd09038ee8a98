"""Forks: a new trial that continues from another one's checkpoint under a changed configuration.

A configuration cannot change within a trial: the history says what each trial was trained with. So
what others call an exploit or a restart is a trial of its own here, with the epoch it began at.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from caviar.base.format import configuration
from caviar.base.trial import TrialRecord, trial_seed
from caviar.schedulers.base import Fork
from search_spaces import SearchSpace

_FORKS = 2**32 - 1
"""Tells the random numbers of a fork's change from those of a proposal."""


def record(
    fork: Fork, records: Mapping[int, TrialRecord], space: SearchSpace, *, seed: int, at: int
) -> TrialRecord:
    """The record of the next trial after `records`, from the parent's checkpoint at `at`."""
    number, parent = len(records), records[fork.parent]
    rng = np.random.default_rng([seed, number, _FORKS])
    return TrialRecord(
        number,
        fork.change(space, parent.config, rng),
        trial_seed(seed, number),
        parent=parent.number,
        forked_at=at,
    )


def ancestors(record: TrialRecord, records: Mapping[int, TrialRecord]) -> list[TrialRecord]:
    """The trials whose training `record` continues, the first of them first."""
    found: list[TrialRecord] = []
    while record.parent is not None and record.forked_at > 0:  # at 0 there was no checkpoint
        record = records[record.parent]
        found.insert(0, record)
    return found


def schedule(ancestors: Sequence[TrialRecord], record: TrialRecord) -> list[str]:
    """A line for each of the `ancestors` of a fork: until when it trained, and which of its
    values are others than those of `record`."""
    lines = []
    for one, heir in itertools.pairwise([*ancestors, record]):
        others = {n: value for n, value in one.config.items() if value != record.config.get(n)}
        values = configuration(others) or "the same configuration"
        lines.append(f"trial {one.number} to epoch {heir.forked_at}: {values}")
    return lines

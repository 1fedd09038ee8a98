"""Which failed trial is run again, from its newest checkpoint.

A trial that lost its machine is no worse than the others and is run again, on another machine,
for as long as it gets on. One that failed by itself is run again as often as was asked for, and
never after the same error twice: what is deterministic fails for ever. Errors are the same that
differ in numbers and addresses only, such as where an object lies in memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from caviar.base.trial import TrialRecord

LOST_AT_MOST = 3
"""How often a trial may lose its machine at the same epoch: then the trial may be the reason."""

_NUMBER = re.compile(r"0x[0-9a-f]+|\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure of one trial."""

    epoch: int
    """Epochs the trial had reported."""
    words: str
    """The last line of what was raised."""
    lost: bool
    """Its machine, or the connection to it, was lost; else the trial failed by itself."""


class Failures:
    """Every failure of every trial of a sweep."""

    def __init__(self) -> None:
        self._of: dict[int, list[Failure]] = {}

    def again(self, record: TrialRecord, words: str, *, lost: bool, retries: int) -> bool:
        """Note one more failure of a trial; whether it is run once more."""
        failures = self._of.setdefault(record.number, [])
        failures.append(Failure(epoch=record.epoch, words=words, lost=lost))
        return again(failures, retries=retries)


def again(failures: Sequence[Failure], *, retries: int) -> bool:
    """Whether a trial with these failures, the newest last, is run once more.

    `retries` is how often one that fails by itself is tried again.

    >>> gone = Failure(epoch=3, words="node died", lost=True)
    >>> again([gone, gone], retries=0), again([gone, gone, gone], retries=0)
    (True, False)
    >>> bug = Failure(epoch=3, words="ValueError: no", lost=False)
    >>> again([bug], retries=0), again([bug], retries=2), again([bug, bug], retries=2)
    (False, True, False)
    """
    newest = failures[-1]
    if newest.lost:
        here = [f for f in failures if f.lost and f.epoch == newest.epoch]
        return len(here) < LOST_AT_MOST
    own = [f for f in failures if not f.lost]
    same = len(own) > 1 and _without_numbers(own[-2]) == _without_numbers(own[-1])
    return len(own) <= retries and not same


def _without_numbers(failure: Failure) -> str:
    return _NUMBER.sub("#", failure.words)

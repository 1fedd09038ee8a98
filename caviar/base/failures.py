"""The failed trials of a sweep, grouped by the error that ended them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from caviar.base.trial import Outcome, TrialRecord


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The failed trials that have one error in common."""

    error: str | None
    """The first line of the error of the first of them; None where no error was noted."""
    trials: tuple[int, ...]
    """Their numbers, one or more, rising."""

    @property
    def message(self) -> str:
        """The error as it is shown."""
        return self.error or "no message"


def failure_groups(records: Mapping[int, TrialRecord]) -> list[FailureGroup]:
    """The failed trials by error, the largest group first.

    Two errors are the same where they differ in numbers only: a size, an address, a trial's number.

    Args:
        records: trials by number; those that did not fail are left out.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for number, record in records.items():
        if record.outcome is Outcome.FAILED:
            groups[re.sub(r"\d+", "#", record.error or "")].append(number)
    found = [
        FailureGroup(records[numbers[0]].error or None, tuple(numbers))
        for numbers in groups.values()
    ]
    return sorted(found, key=lambda group: (-len(group.trials), group.trials))

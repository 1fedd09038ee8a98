"""Why trials failed: their errors, the same ones counted together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from caviar.base.trial import Outcome, TrialRecord


@dataclass(frozen=True, slots=True)
class Cause:
    """The failed trials that have one error in common."""

    error: str
    trials: tuple[int, ...]


def causes(records: Mapping[int, TrialRecord]) -> list[Cause]:
    """The failures by cause, the commonest first.

    Two errors are the same where they differ in numbers only: a size, an address, a trial's number.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for number, record in records.items():
        if record.outcome is Outcome.FAILED:
            groups[re.sub(r"\d+", "#", record.error or "no message")].append(number)
    found = [
        Cause(records[numbers[0]].error or "no message", tuple(numbers))
        for numbers in groups.values()
    ]
    return sorted(found, key=lambda cause: (-len(cause.trials), cause.trials))

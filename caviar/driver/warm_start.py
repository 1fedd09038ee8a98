"""What earlier sweeps found, as evidence for the searcher of a new one.

A trial of an earlier sweep counts when its configuration is one of today's space:

- A parameter that the earlier space did not have is taken to have been at today's default, which
  for a fixed one is its value.
- A parameter that today's space does not have must have been at its default then, since that is
  what today's trials train with.
- Its curve counts up to today's `max_epochs`: a trial that broke later has not broken by then.

Trials that have not ended are left out, and so are those without a value of today's metric. What
was used is noted in the history of the new sweep: a resumed one needs no earlier folder.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.objective import Objective
from caviar.base.trial import Outcome, TrialRecord
from caviar.searchers.base import Observation
from caviar.store import experiments, recording
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from caviar.store.history import History
    from trainables.data import Dataset

_KEY = "warm_start"
_DATA = ("dataset", "target", "train_size", "val_size", "standardise", "folds", "augment")
"""Options that decide what a value of the metric means."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Trials of earlier sweeps, in the order in which they ran, and one line a sweep about them."""

    rows: Sequence[Observation] = ()
    lines: Sequence[str] = ()
    checksums: Sequence[str | None] = ()
    """Of the data of each sweep, in the order of the lines; none where they are not known, or the
    line names another data set already."""

    def compared(self, data: Dataset) -> WarmStart:
        """The same, with what is said of each sweep that had other values than `data`."""
        lines = [
            f"{line}; measured on other values of the data (checksum {then}, now {data.checksum})"
            if recording.is_other_data(then, data)
            else line
            for line, then in zip(self.lines, self.checksums, strict=True)
        ]
        return dataclasses.replace(self, lines=lines)

    def best(self, count: int, space: SearchSpace, objective: Objective) -> list[dict[str, Any]]:
        """The configurations of the `count` best rows, the best first, none of them twice.

        Where the default is among them it is left out: it runs anyway.
        """
        best_values = {
            number: value
            for number, row in enumerate(self.rows)
            if row.outcome not in _BROKEN
            and (value := objective.best(row.curve.values())) is not None
        }
        ranked = [self.rows[number].config for number in objective.ranked(best_values)]
        found = {space.key(config): dict(config) for config in ranked}
        best = list(found.values())[:count]
        return [config for config in best if not space.same(config, space.default())]


_BROKEN = (Outcome.FAILED, Outcome.DIVERGED)


def noted(
    warm: WarmStart | None, history: History, space: SearchSpace, max_epochs: int
) -> WarmStart:
    """Keep it with the sweep that it starts; where it is None, what the sweep was started with."""
    if warm is not None:
        if warm.lines:
            history.set(_KEY, {"rows": [_to_json(r) for r in warm.rows], "lines": warm.lines})
        return warm
    before = history.get(_KEY, {"rows": [], "lines": []})
    rows = [
        Observation(
            config=space.complete(row["config"]),
            outcome=Outcome(row["outcome"]),
            curve={int(epoch): value for epoch, value in row["curve"].items()},
            max_epochs=max_epochs,
        )
        for row in before["rows"]
    ]
    return WarmStart(rows, before["lines"])


def _to_json(row: Observation) -> dict[str, Any]:
    curve = {str(epoch): value for epoch, value in row.curve.items()}
    return {"config": row.config, "outcome": row.outcome.value, "curve": curve}


def load(sweep: Sweep, space: SearchSpace) -> WarmStart:
    """Read the sweeps that `sweep.warm_start` names, by folder or by name in its storage.

    Raises `UsageError` where there is no such sweep.
    """
    rows: list[Observation] = []
    lines = []
    checksums = []
    for name in dict.fromkeys(sweep.warm_start):
        earlier = experiments.find(Path(name), sweep.storage)
        with earlier.history() as history:
            records = history.records().values()
            noted = history.sessions()
        used, why_not = select(
            records, earlier.space, space, metric=sweep.metric, max_epochs=sweep.max_epochs
        )
        rows += used
        others = _other_data(earlier.options, sweep)
        lines.append(
            f"warm start from {name}: {_counted(len(used), len(records), why_not)}{others}"
        )
        checksums.append(noted[-1].data_checksum if noted and not others else None)
    return WarmStart(rows, lines, checksums)


def select(
    records: Iterable[TrialRecord],
    earlier: SearchSpace,
    space: SearchSpace,
    *,
    metric: str,
    max_epochs: int,
) -> tuple[list[Observation], list[str]]:
    """The records that count in `space`, and of each of the others why it does not."""
    used, why_not = [], []
    for record in records:
        try:
            used.append(_row(record, earlier, space, metric, max_epochs))
        except ValueError as error:
            why_not.append(str(error))
    return used, why_not


def _row(
    record: TrialRecord, earlier: SearchSpace, space: SearchSpace, metric: str, max_epochs: int
) -> Observation:
    """A record as evidence; raises ValueError, which says why, where it is none."""
    if record.unfinished:
        raise ValueError("unfinished")
    config = {name: value for name, value in record.config.items() if name in space}
    for name, value in record.config.items():
        if name not in config and value != earlier[name].default:
            raise ValueError(f"outside the space ({name} {value!r} is not in it)")
    try:
        config = space.fill(config)
    except ValueError as error:
        raise ValueError(f"outside the space ({error})") from error
    every = {epoch: v for epoch, v in record.curve(metric).items() if math.isfinite(v)}
    curve = {epoch: value for epoch, value in every.items() if epoch <= max_epochs}
    outcome = record.outcome
    if outcome in _BROKEN and max(every, default=0) >= max_epochs:
        outcome = Outcome.COMPLETED
    if not curve and outcome not in _BROKEN:
        raise ValueError(f"without {metric}")
    return Observation(config=config, outcome=outcome, curve=curve, max_epochs=max_epochs)


def _counted(used: int, of: int, why_not: Sequence[str]) -> str:
    """In words; of the configurations outside the space one says what is wrong with it.

    >>> _counted(2, 5, ["unfinished", "outside the space (a 3)", "outside the space (b 2)"])
    '2 of 5 trials used; 3 left out: 1 unfinished, 2 outside the space (a 3)'
    """
    said = f"{used} of {of} trials used"
    if not why_not:
        return said
    kinds = Counter(why.partition(" (")[0] for why in why_not)
    examples = {why.partition(" (")[0]: why for why in reversed(why_not)}
    parts = ", ".join(f"{count} {examples[kind]}" for kind, count in kinds.items())
    return f"{said}; {len(why_not)} left out: {parts}"


def _other_data(earlier: Sweep, sweep: Sweep) -> str:
    """What else the values were measured on; nothing where it is the same."""
    before, now = dataclasses.asdict(earlier), dataclasses.asdict(sweep)
    others = [
        f"{name} {before[name]}, now {now[name]}" for name in _DATA if before[name] != now[name]
    ]
    return f"; measured with another {', '.join(others)}" if others else ""

"""What each worker did when: the trials in lanes, and the share of the time that was idle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from caviar.base.trial import TrialRecord
from caviar.store.session import Session


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of a trial on a worker, in seconds since the start of the sweep."""

    trial: int
    start: float
    end: float
    lane: int = 0
    """The worker, counted from 0. Which process it was is not known: trials go to the first lane
    that is free."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """All stretches of all trials."""

    spans: tuple[Span, ...]
    lanes: int
    busy: float
    """Seconds of trials, over all lanes."""
    idle: float | None
    """The share of the lanes' time, from the first start to the last end of each session, in which
    they had no trial; None where the history does not say when trials ran."""


def schedule(records: Mapping[int, TrialRecord], sessions: Sequence[Session] = ()) -> Schedule:
    """Lay the trials out in lanes, as few as they need, but those that the machines had."""
    spans = sorted(_spans(records), key=lambda span: (span.start, span.trial))
    ends: list[float] = []  # of the newest span in each lane
    placed = []
    for span in spans:
        free = [lane for lane, end in enumerate(ends) if end <= span.start]
        lane = free[0] if free else len(ends)
        ends[lane : lane + 1] = [span.end]
        placed.append(Span(span.trial, span.start, span.end, lane))
    lanes = max([len(ends), *(one.concurrent or 0 for one in sessions)])
    busy = sum(span.end - span.start for span in placed)
    window = lanes * sum(end - start for start, end in _windows(placed, sessions))
    idle = max(0.0, 1 - busy / window) if window > 0 else None
    return Schedule(tuple(placed), lanes, busy, idle)


def _spans(records: Mapping[int, TrialRecord]) -> list[Span]:
    found = []
    for record in records.values():
        for start, following in zip_longest(record.started, record.started[1:]):
            reports = [
                report.at
                for report in record.reports
                if report.at >= start and (following is None or report.at < following)
            ]
            # Put aside, or still running: it was there until its last report at least.
            end = max([start, *reports])
            if following is None and record.ended is not None:
                end = max(end, record.ended)
            found.append(Span(record.number, start, end))
    return found


def _windows(spans: Sequence[Span], sessions: Sequence[Session]) -> list[tuple[float, float]]:
    """From the first start to the last end of each session: between them nothing could run."""
    froms = [one.begin for one in sessions] or [0.0]
    windows = []
    for start, following in zip(froms, [*froms[1:], float("inf")], strict=True):
        inside = [span for span in spans if start <= span.start < following]
        if inside:
            windows.append((inside[0].start, max(span.end for span in inside)))
    return windows

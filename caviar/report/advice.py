"""What to do next, in up to five plain sentences, each with its evidence."""

from __future__ import annotations

import itertools
import json
import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from caviar.base.failures import failure_groups
from caviar.base.format import shortened
from caviar.base.trial import Outcome, TrialRecord
from caviar.report.facts import Facts
from caviar.report.importance import Importance
from caviar.report.landscape import edges, position
from caviar.report.statistics import rank_correlation, separation
from caviar.report.verdict import Verdict
from caviar.report.workers import Schedule
from search_spaces import Choice
from search_spaces.text import show

MOST = 5

_IDLE = 0.25
_FAILED = 0.02
_DIVERGED = 0.1
_TELLS_APART = 0.85
"""The area under the ROC curve from which one parameter is named as what diverges."""
_STOPPED_AT_ONCE = 0.6
_WEAK_CORRELATION = 0.3
_LEAST_PAIRS = 8
_MOST_SEEDS = 30
_SURE = 2.0
"""Standard errors."""


Kind = Literal[
    "failures",
    "divergence",
    "noise",
    "alike",
    "early stops",
    "range edge",
    "idle workers",
    "no effect",
]
"""What an advice is about."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do, and why."""

    kind: Kind
    text: str
    evidence: str
    weight: float
    """Which come first where there are more than five: the higher."""


def advise(
    facts: Facts, schedule: Schedule, importances: list[Importance], verdict: Verdict | None
) -> list[Advice]:
    """The five that matter most, the first first; none where all is well."""
    found = [
        *failures(facts),
        *divergence(facts),
        *noise(facts, verdict),
        *alike(facts),
        *early_stops(facts),
        *range_edges(facts),
        *idle_workers(facts, schedule),
        *without_effect(facts, importances),
    ]
    return sorted(found, key=lambda one: -one.weight)[:MOST]


def failures(facts: Facts) -> Iterator[Advice]:
    """Trials that raised, by their commonest cause."""
    found = failure_groups(facts.trials)
    failed = sum(len(group.trials) for group in found)
    if not failed or failed < _FAILED * len(facts.trials):
        return
    first = found[0]
    share = failed / len(facts.trials)
    yield Advice(
        "failures",
        f"Look at why {_trials(failed)} of {len(facts.trials)} failed: the traceback of trial "
        f"{first.trials[0]} is in the report and under errors/.",
        f"{len(first.trials)} of them: {shortened(first.message)}",
        3 + share,
    )


def divergence(facts: Facts) -> Iterator[Advice]:
    """Trials whose loss was not finite, and the parameter that tells them from the others."""
    diverged = [r for r in facts.trials.values() if r.outcome is Outcome.DIVERGED]
    others = [facts.trials[number] for number in facts.scores()]
    if len(diverged) < max(2, _DIVERGED * len(facts.trials)) or not others:
        return
    count = f"{_trials(len(diverged))} of {len(facts.trials)} diverged"
    cause = max(_separating(facts, diverged, others), default=None)
    if cause is None:
        text = f"{count}: no single parameter says which, so look at two together."
        evidence = "Their loss was not finite."
    else:
        end, which = ("upper", "high") if cause.is_high else ("lower", "low")
        middle = show(float(f"{cause.median:.2g}"))
        text = f"Move the {end} bound of {cause.name} inwards: {count}."
        evidence = (
            f"They have a {which} {cause.name}, {middle} in the middle; it tells them from the "
            f"others in {cause.area:.0%}."
        )
    yield Advice("divergence", text, evidence, 2 + len(diverged) / len(facts.trials))


class _Separating(NamedTuple):
    """A parameter whose values tell the trials that diverged from the others."""

    area: float
    """Under the ROC curve, 0.5 … 1."""
    is_high: bool
    """Whether those that diverged have the higher values."""
    name: str
    median: float
    """Of those that diverged."""


def _separating(
    facts: Facts, diverged: Sequence[TrialRecord], others: Sequence[TrialRecord]
) -> Iterator[_Separating]:
    for parameter in facts.space.searched:
        if isinstance(parameter, Choice):
            continue
        name = parameter.name
        bad = [position(parameter, r.config[name]) for r in diverged if name in r.config]
        good = [position(parameter, r.config[name]) for r in others if name in r.config]
        if len(bad) < len(diverged) or not good:
            continue
        above = separation(bad, good)
        area = max(above, 1 - above)
        if area >= _TELLS_APART:
            values = sorted(r.config[name] for r in diverged)
            yield _Separating(area, above > 0.5, name, values[len(values) // 2])


def reading_noise(facts: Facts) -> float | None:
    """The standard deviation of one epoch's value around the trial's own trend.

    From the differences of neighbouring epochs in the second half of the trials that ran to the
    end: 1.4826 · median |difference| / √2, which a few jumps do not move. None for fewer than
    eight differences. It holds the noise of training and of measuring, not that of the seed.
    """
    steps = []
    for record in facts.trials.values():
        if record.outcome is Outcome.COMPLETED:
            curve = [value for _, value in sorted(record.curve(facts.metric).items())]
            late = curve[len(curve) // 2 :]
            steps += [abs(b - a) for a, b in itertools.pairwise(late)]
    steps = [step for step in steps if math.isfinite(step)]
    if len(steps) < _LEAST_PAIRS:
        return None
    return 1.4826 * float(np.median(steps)) / math.sqrt(2)


def noise(facts: Facts, verdict: Verdict | None) -> Iterator[Advice]:
    """A gain that is not beyond the noise: of the finalists' seeds, or else of one reading."""
    if verdict is None or verdict.gain is None or verdict.gain <= 0:
        return
    if verdict.chance is not None:
        if not verdict.beyond_chance:
            against = verdict.baseline_seeds
            between = (
                f"the means of {verdict.seeds} and {against} runs"
                if against
                else f"the mean of {verdict.seeds} runs and a single one"
            )
            yield Advice(
                "noise",
                f"Do not trust the gain yet: {_more_seeds(facts, verdict)}",
                f"It is {verdict.gain:.2g} between {between}, and by the spread over the seeds "
                f"chance alone makes {verdict.chance:.2g} of it once in twenty times.",
                2.5,
            )
        return
    measured = reading_noise(facts)
    if measured is None or verdict.gain > _SURE * measured:
        return
    yield Advice(
        "noise",
        "Do not trust the gain yet: train the best again with other seeds, --finalists 3, before "
        "you adopt it.",
        f"It is {verdict.gain:.2g}, and one epoch's value moves by {measured:.2g} from one to the "
        "next, and it ran once.",
        2.5,
    )


def _more_seeds(facts: Facts, verdict: Verdict) -> str:
    """What would settle it. The noise falls with the root of the number of runs on each side."""
    assert verdict.gain is not None
    assert verdict.chance is not None
    of_one = verdict.chance / math.sqrt(1 / verdict.seeds + 1 / (verdict.baseline_seeds or 1))
    ratio = (verdict.gain / of_one) ** 2
    if not verdict.baseline_seeds and ratio <= 1 + 1 / _MOST_SEEDS:
        again = shlex.join(["caviar", "retrain", facts.name, "--trial", "0", "--on", "train"])
        return f"the default ran once, which may be off by as much. {again} --seed 1 runs it again."
    # gain² = of_one² · 2 / n where both have n seeds, of_one² · (1 + 1 / n) where the default has 1
    wanted = math.ceil(2 / ratio if verdict.baseline_seeds else 1 / (ratio - 1))
    if wanted > _MOST_SEEDS:
        return (
            f"it would take more than {_MOST_SEEDS} seeds of both to tell the winner from the "
            "default."
        )
    wanted = max(wanted, verdict.seeds + 1)
    return f"--final-seeds {wanted} would tell the winner from the default, if it is that large."


def alike(facts: Facts) -> Iterator[Advice]:
    """Two finalists that their seeds do not tell apart; not of the default, which is the gain's."""
    first, second = [*facts.finalists.values(), None, None][:2]
    if first is None or second is None or second.trial == 0:
        return
    chance = facts.chance(first, second)
    apart = abs(first.mean - second.mean)
    if chance is None or apart > chance:
        return
    yield Advice(
        "alike",
        f"Take trial {first.trial} or trial {second.trial}, whichever is cheaper: their seeds do "
        "not tell them apart.",
        f"Their means differ by {apart:.2g}, and chance alone makes {chance:.2g} of it once in "
        "twenty times.",
        1.3,
    )


def early_stops(facts: Facts) -> Iterator[Advice]:
    """Most trials stopped at a first rung that says little of how they end."""
    rungs = facts.rungs
    if len(rungs) == 0 or not facts.trials:
        return
    first = rungs[0]
    reached = [r for r in facts.trials.values() if r.epoch >= first]
    stopped = [r for r in reached if r.outcome is Outcome.STOPPED_EARLY and r.epoch == first]
    if not reached or len(stopped) < _STOPPED_AT_ONCE * len(reached):
        return
    early, late = rung_pairs(facts)
    correlation = rank_correlation(early, late)
    if len(early) < _LEAST_PAIRS or correlation is None or correlation >= _WEAK_CORRELATION:
        return
    later = rungs[1] if len(rungs) > 1 else min(2 * first, facts.options.max_epochs)
    yield Advice(
        "early stops",
        f"Judge later, with --scheduler.min-epochs {later}: the first rung stops most trials and "
        "says little of how they would end.",
        f"{len(stopped)} of {len(reached)} trials stopped at epoch {first}; among the "
        f"{len(early)} that went on, the order there and at their last epoch correlates by "
        f"{correlation:.2f}.",
        2 + len(stopped) / len(reached) / 2,
    )


def rung_pairs(facts: Facts) -> tuple[list[float], list[float]]:
    """The values at the first rung and at the end of the trials that went beyond it."""
    early, late = [], []
    first = facts.rungs[0] if facts.rungs else 0
    for record in facts.trials.values():
        curve = {e: v for e, v in record.curve(facts.metric).items() if math.isfinite(v)}
        if first in curve and max(curve) > first:
            early.append(curve[first])
            late.append(curve[max(curve)])
    return early, late


def range_edges(facts: Facts) -> Iterator[Advice]:
    """The best trials press against the end of a range."""
    for edge in edges(facts):
        yield Advice(
            "range edge",
            f"{edge.what}.",
            f"{edge.why[0].upper()}{edge.why[1:]}.",
            1.5 + edge.at_edge / edge.of,
        )


def idle_workers(facts: Facts, schedule: Schedule) -> Iterator[Advice]:
    """Workers that had no trial for long, in a sweep that has trained."""
    if (
        not facts.trials.epochs
        or schedule.idle is None
        or schedule.idle < _IDLE
        or schedule.lanes < 1
    ):
        return
    short = schedule.busy / facts.trials.epochs
    if len(facts.trials) <= schedule.lanes:
        what = "try more configurations, which cost no time while a worker is free"
    elif schedule.lanes > 1 and len(schedule.spans) < 3 * schedule.lanes:
        what = "lower --concurrent"
    else:
        what = "let an epoch take longer (more data, a larger batch of work) or run fewer at once"
    yield Advice(
        "idle workers",
        f"The workers waited: {what}.",
        f"{schedule.lanes} workers were idle {schedule.idle:.0%} of the time between the first "
        f"start and the last end; an epoch took {short:.2g} s.",
        1 + schedule.idle,
    )


def without_effect(facts: Facts, importances: list[Importance]) -> Iterator[Advice]:
    """Parameters that made no difference, beyond doubt."""
    if not importances:
        return
    fair = 1 / len(importances)
    none = [
        one.name
        for one in importances
        if one.share + _SURE * one.error < fair / 2
        and one.among_best is not None
        and one.among_best < fair / 2
        and facts.space[one.name].when is None
    ]
    if not none:
        return
    default = facts.space.default()
    named = none[:3]
    fixes = " ".join(_fix(name, default[name]) for name in named)
    yield Advice(
        "no effect",
        f"Search {_listed(named)} no longer: --fix {fixes}.",
        f"{'They explain' if len(named) > 1 else 'It explains'} less than "
        f"{fair / 2:.0%} of the differences between trials, error included, and as little among "
        "the best ones.",
        1.2,
    )


def _fix(name: str, value: object) -> str:
    """What `--fix` reads as this value: JSON, or a text that is none.

    >>> print(_fix("decay_on", False), _fix("kind", "a b"), _fix("kind", "1"))
    decay_on=false 'kind=a b' 'kind="1"'
    """
    text = json.dumps(value)
    if isinstance(value, str):
        try:
            json.loads(value)
        except json.JSONDecodeError:
            text = value
    return shlex.quote(f"{name}={text}")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"

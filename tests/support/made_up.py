"""Made-up sweeps for the tests of the report: in memory, and as a history on disk."""

from __future__ import annotations

import json
import math

import numpy as np
from without_ray import LINE, METRIC

from caviar import Asha, Sweep
from caviar.base.trial import Outcome, Report, TrialRecord, trial_seed
from caviar.base.trials import Trials
from caviar.report.facts import Facts
from caviar.report.importance import Importance
from caviar.report.verdict import verdict
from caviar.report.workers import schedule
from caviar.store.finals import Finalist
from caviar.store.history import History
from caviar.store.layout import OPTIONS, write_json
from caviar.sweep import codec
from search_spaces import Choice, Float, Int, Is, SearchSpace

SPACE = SearchSpace(
    "made_up",
    [
        Float(name="learning_rate", low=1e-4, high=1.0, scale="log", default=0.01, tier=1),
        Float(name="momentum", low=0.9, high=0.999, scale="log1m", default=0.9, tier=2),
        Choice(name="batch_size", options=[32, 64, 128], default=128, tier=2),
        Int(name="layers", low=2, high=4, default=2, tier=3),
        Float(name="dropout", low=0.0, high=0.5, default=0.0),
        Choice(name="decay_on", options=[False, True], default=False, tier=4),
        Float(
            name="decay",
            low=1e-6,
            high=0.1,
            scale="log",
            default=1e-4,
            tier=4,
            when=Is("decay_on", True),
        ),
    ],
)


def trial(number, values, config=None, *, outcome="completed", started=None, **changes):
    """A trial with this learning curve; an epoch takes a second."""
    start = float(number) if started is None else started
    reports = [
        Report(epoch, {METRIC: value}, 1000 * number + epoch, start + epoch)
        for epoch, value in enumerate(values, start=1)
    ]
    fields = {
        "number": number,
        "config": {"learning_rate": 0.01 * (1 + number)} if config is None else config,
        "seed": number,
        "outcome": Outcome(outcome),
        "reports": reports,
        "started": [start],
        "ended": start + len(values),
    }
    return TrialRecord(**{**fields, **changes})


def finalist(number, scores):
    """A trial that was trained again, by seed to score."""
    return Finalist(trial=number, config={}, scores=scores, asked=len(scores))


def facts(
    *records, space=LINE, sessions=(), finalists=(), final_epochs=0, tracebacks=None, **options
):
    """The facts of a sweep with these trials."""
    sweep = Sweep(**{"metric": METRIC, "max_epochs": 9, "scheduler": Asha(), **options})
    return Facts(
        name="made up",
        recipe="random_search",
        folder="/nowhere",
        options=sweep,
        space=space,
        sessions=list(sessions),
        trials=Trials(sweep.objective, {record.number: record for record in records}),
        tracebacks=tracebacks or {},
        finalists={one.trial: one for one in finalists},
        final_epochs=final_epochs,
    )


def found_of(told):
    """The verdict on these facts."""
    return verdict(told, schedule(told.trials, told.sessions))


def weight(name, share, error, tier):
    """An importance that is the same among the best."""
    return Importance(name, share, error, share, tier)


def quality(config):
    """Best near a learning rate of 0.03, less so with momentum; nothing else matters."""
    distance = (math.log10(config["learning_rate"]) + 1.5) ** 2
    return 1 / (1 + distance + 0.3 * abs(math.log10(1 - config["momentum"]) + 2))


def sampled(count, *, space=SPACE, epochs=9, seed=0, stop=True):
    """Random trials of SPACE with curves that rise towards their quality; the poor ones stopped."""
    rng = np.random.default_rng(seed)
    free = [0.0, 0.0]  # when each of two workers is free
    records = []
    order = 0
    for number in range(count):
        config = space.default() if number == 0 else space.sample(rng)
        good = quality(config)
        length = epochs if not stop or good > 0.55 or number == 0 else 3 if good > 0.4 else 1
        worker = free.index(min(free))
        start = free[worker]
        reports = []
        for epoch in range(1, length + 1):
            value = good * (1 - 0.6**epoch) + 0.002 * rng.normal()
            metrics = {METRIC: value, "val_loss": 1 - value}
            reports.append(Report(epoch, metrics, order, round(start + epoch, 3)))
            order += 1
        free[worker] = start + length
        outcome = Outcome.COMPLETED if length == epochs else Outcome.STOPPED_EARLY
        error = None
        if number and number % 17 == 0:
            outcome, error = Outcome.FAILED, f"RuntimeError: batch {number} is odd"
        elif config["learning_rate"] > 0.7:
            outcome = Outcome.DIVERGED
        records.append(
            TrialRecord(
                number=number,
                config=config,
                seed=trial_seed(0, number),
                outcome=outcome,
                reports=reports,
                started=[start],
                ended=float(start + length),
                error=error,
            )
        )
    return records


def write(folder, records, *, space=SPACE, recipe="asha_parzen", traceback=None, **options):
    """A finished sweep on disk: its history (or where it is), its options, its tracebacks."""
    folder.mkdir(parents=True)
    asked = Sweep(**{"metric": METRIC, "max_epochs": 9, "scheduler": Asha(), **options})
    where = {"objective": asked.objective, "url": asked.history_url}
    history = History(folder, name=folder.name, **where)
    for record in records:
        history.start(record, space)
        for report in record.reports:
            history.report(record.number, report)
        values = [v for v in record.curve(METRIC).values() if math.isfinite(v)]
        if record.outcome is not Outcome.RUNNING:
            history.end(record, max(values, default=None))
        if record.error is not None:
            errors = folder / "errors"
            errors.mkdir(exist_ok=True)
            text = traceback or f"Traceback (most recent call last):\n{record.error}\n"
            (errors / f"trial-{record.number:04d}.txt").write_text(text)
    described = json.loads(json.dumps(codec.describe(asked)))
    session = {
        "started": 1_790_000_000.0,
        "from": 0.0,
        "until": max([0.0, *(r.ended for r in records if r.ended is not None)]),
        "options": described,
        "versions": {"python": "3.11.0", "ray": "2.60.0"},
        "data": "digits",
        "concurrent": 2,
        "host": "here",
        "pid": 1,
        "git": {"commit": "0" * 40, "changed": False},
        "stop_reason": None,
    }
    history.set("sessions", [session])
    history.close()
    stored = {"recipe": recipe, "options": described, "space": space.to_json()}
    write_json(stored, folder / OPTIONS)
    return folder

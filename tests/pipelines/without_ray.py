"""What the tests of the engine share: small spaces, a clock set by hand, whole reports."""

import math

from pipelines.engine.conductor import Conductor, Plan
from pipelines.engine.history import History
from pipelines.engine.schedulers import Asha, NoStopping
from pipelines.engine.searchers import Random
from search_spaces import Choice, Float, Int, Is, SearchSpace

METRIC = "val_accuracy"

LINE = SearchSpace(
    "line", [Float(name="learning_rate", low=1e-4, high=1.0, scale="log", default=0.01)]
)
CONDITIONAL = SearchSpace(
    "conditional",
    [
        Float(name="learning_rate", low=1e-4, high=1.0, scale="log", default=0.01),
        Choice(name="optimizer", options=["adam", "sgd"], default="sgd"),
        Float(
            name="momentum",
            low=0.9,
            high=0.999,
            scale="log1m",
            default=0.9,
            when=Is("optimizer", "sgd"),
        ),
        Int(name="units", low=1, high=64, scale="log", default=8),
        Choice(name="widths", options=[[8], [8, 8]], default=[8]),
    ],
)
CHOICES = SearchSpace(
    "choices",
    [
        Choice(name="activation", options=["relu", "tanh"], default="relu"),
        Choice(name="batch_size", options=[32, 64], default=32),
    ],
)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self):
        return self.now


def plan(**changes):
    """The plan of a small sweep."""
    fields = {
        "metric": METRIC,
        "mode": "max",
        "max_epochs": 9,
        "trials": 10,
        "time_budget": None,
        "seed": 0,
        "keep_checkpoints": 2,
        "checkpoint_seconds": 10.0,
    }
    return Plan(**{**fields, **changes})


def open_history(folder, *, mode="max"):
    return History(folder, name="sweep", metric=METRIC, mode=mode)


def conductor(
    folder,
    *,
    space=LINE,
    searcher=None,
    scheduler=None,
    session=0,
    spent=0.0,
    clock=None,
    **changes,
):
    """A conductor over the history in ``folder``; the scheduler stops nothing by default."""
    asked = plan(**changes)
    searcher = searcher or Random()
    scheduler = scheduler or NoStopping()
    return Conductor(
        asked,
        space=space,
        searcher=searcher.build(space, mode=asked.mode, seed=asked.seed),
        scheduler=scheduler.build(max_epochs=asked.max_epochs, seed=asked.seed),
        history=open_history(folder, mode=asked.mode),
        session=session,
        spent=spent,
        clock=clock or Clock(),
    )


def resumed(folder, *, checkpoint=lambda number: None, **options):
    """Another session of the sweep in ``folder``: everything new but the history."""
    again = conductor(folder, session=1, **options)
    again.replay(again._history.records(), checkpoint)
    return again


def accuracy(config, epoch):
    """A made-up learning curve: best near a learning rate of 0.1, and it saturates."""
    distance = abs(math.log10(config["learning_rate"]) + 1)
    return (1 - distance / 5) * (1 - 0.5**epoch)


def report(sweep, number, epoch, value, *, diverged=False, **metrics):
    """One epoch of a trial, ``done`` at the last; the decision."""
    return sweep.report(
        number,
        epoch,
        {METRIC: value, **metrics},
        done=diverged or epoch >= sweep.plan.max_epochs,
        diverged=diverged,
    )


def run_trial(sweep, values, *, error=None):
    """The next trial with this learning curve, ended by the conductor, its curve or an error."""
    number = sweep.next().record.number
    for epoch, value in enumerate(values, start=1):
        if not report(sweep, number, epoch, value).goes_on:
            break
    sweep.end(number, error=error)
    return sweep.records[number]


def drive(sweep, *, curve=accuracy, reports=None):
    """Run trials one after the other to the end, or until so many reports were made.

    Cut off there, like a killed driver: nothing is told to have ended. A trial that comes with
    ``restore_from`` goes on after the epoch that is written there.
    """
    made = 0
    while (assignment := sweep.next()) is not None:
        record = assignment.record
        epoch = int(assignment.restore_from or 0)
        goes_on = True
        while goes_on:
            if made == reports:
                return
            epoch += 1
            made += 1
            goes_on = report(sweep, record.number, epoch, curve(record.config, epoch)).goes_on
        sweep.end(record.number)


ASHA = Asha()

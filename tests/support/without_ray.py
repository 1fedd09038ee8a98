"""What the tests of the engine share: small spaces, a clock set by hand, sweeps driven without Ray.

What a sweep would train is a made-up learning curve, a function of configuration and epoch.
"""

import copy
import hashlib
import itertools
import json
import math

from caviar.base.objective import Objective
from caviar.controller.controller import SweepController
from caviar.controller.job import EpochResult
from caviar.controller.lifecycle import Earlier
from caviar.controller.plan import Plan
from caviar.schedulers import NoStopping
from caviar.searchers import Random
from caviar.store import recording, starting
from caviar.store.history import History
from caviar.store.location import Location
from caviar.store.summary import summarise
from caviar.sweep.limits import Limits
from search_spaces import Choice, Float, Int, Is, SearchSpace

METRIC = "val_accuracy"
UP = Objective(METRIC, "max")

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
        Int(name="layers", low=1, high=4, default=2),
        Choice(name="widths", options=[[8], [8, 8]], default=[8]),
    ],
)
CHOICES = SearchSpace(
    "choices",
    [
        Choice(name="activation", options=["relu", "tanh"], default="relu"),
        Choice(name="batch_size", options=[32, 64], default=32),
        Choice(name="units", options=[8, 16, 32], default=8),
    ],
)


LIMITS = {
    "time_budget": "seconds",
    "max_total_epochs": "epochs",
    "gpu_hours": "gpu_hours",
    "patience": "patience",
    "stop_at": "value",
}
"""What a sweep's options call the limits of its plan."""


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self):
        return self.now


def plan(**changes):
    """The plan of a small sweep."""
    fields = {
        "objective": UP,
        "max_epochs": 9,
        "trials": 10,
        "seed": 0,
        "keep_checkpoints": 2,
        "checkpoint_seconds": 10.0,
    }
    if "mode" in changes:
        fields["objective"] = Objective(METRIC, changes.pop("mode"))
    limits = {LIMITS[name]: changes.pop(name) for name in LIMITS if name in changes}
    return Plan(**{**fields, "limits": Limits(**limits), **changes})


def open_history(folder, *, mode="max"):
    return History(folder, name="sweep", objective=Objective(METRIC, mode))


class InMemory:
    """Remembers what the history does, for tests that do not concern its file (0.1 s to make)."""

    def __init__(self) -> None:
        self._records = {}
        self.decisions = []

    def start(self, record, space):
        self._records[record.number] = copy.deepcopy(record)

    def again(self, record):
        known = self._records[record.number]
        known.session, known.attempt, known.outcome = record.session, record.attempt, record.outcome
        known.again, known.started = list(record.again), list(record.started)
        known.begun = list(record.begun)

    def pause(self, record):
        self._records[record.number].outcome = record.outcome

    def report(self, number, report):
        self._records[number].reports.append(copy.deepcopy(report))

    def end(self, record, best):
        self._records[record.number].outcome = record.outcome
        self._records[record.number].error = record.error
        self._records[record.number].ended = record.ended
        self._records[record.number].over = record.over

    def decide(self, event):
        self.decisions.append(event)

    def records(self):
        return copy.deepcopy(self._records)

    def record(self, number):
        """One trial, to look at: not a copy, which would cost more than the rest of a sweep."""
        return self._records[number]


class Found:
    """Checkpoints that a function from a trial's number finds."""

    def __init__(self, find) -> None:
        self.newest = find

    def inherit(self, parent, child):
        return self.newest(parent)


class OneByOne(SweepController):
    """A controller that is asked of trials by number: each is a job of one."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.job_of = {}

    def next(self):
        """The next trial, as the one member of its job."""
        job = self.next_job()
        if job is None:
            return None
        (member,) = job.members
        self.job_of[member.record.number] = job
        return member

    def trained(self, number, epoch, metrics, **how):
        """One epoch of a trial; the decision."""
        result = EpochResult(epoch=epoch, metrics=metrics, **how)
        return self.report(self.job_of[number], {number: result})[number]

    def free(self, number, **how):
        """The worker of a trial is free of it; whose checkpoints need not be kept."""
        return self.end(self.job_of[number], **how)


def controller(
    history=None,
    *,
    space=LINE,
    searcher=None,
    scheduler=None,
    session=0,
    spent=0.0,
    gpu_seconds=0.0,
    clock=None,
    checkpoint=lambda number: None,
    **changes,
):
    """A controller of a small sweep; the scheduler stops nothing by default."""
    asked = plan(**changes)
    searcher = searcher or Random()
    scheduler = scheduler or NoStopping()
    return OneByOne(
        asked,
        space=space,
        searcher=searcher.build(space, mode=asked.objective.direction, seed=asked.seed),
        scheduler=scheduler.build(max_epochs=asked.max_epochs, seed=asked.seed),
        history=history or InMemory(),
        checkpoints=Found(checkpoint),
        earlier=Earlier(sessions=session, seconds=spent, gpu_seconds=gpu_seconds),
        clock=clock or Clock(),
    )


def resumed(history, *, checkpoint=lambda record: None, **options):
    """Another session of the sweep: everything new but the history.

    `checkpoint` gives the newest checkpoint of a record, as path and epoch.
    """
    of = saved_as(history, checkpoint)
    again = controller(history, session=1, checkpoint=of, **options)
    again.replay(history.records())
    return again


def saved_as(history, of=lambda record: (str(record.epoch), record.epoch)):
    """The newest checkpoint of a trial as `of` says of its record; by default its last."""
    in_memory = isinstance(history, InMemory)
    return lambda n: of(history.record(n) if in_memory else history.records()[n])


def accuracy(config, epoch):
    """A learning curve that saturates; best near a learning rate of 0.1."""
    distance = abs(math.log10(config["learning_rate"]) + 1)
    return (1 - distance / 5) * (1 - 0.5**epoch)


def report(sweep, number, at, value, *, diverged=False, **metrics):
    """One epoch of a trial, `done` at the last; the decision."""
    return sweep.trained(
        number,
        at,
        {METRIC: value, **metrics},
        done=diverged or at >= sweep.plan.max_epochs,
        diverged=diverged,
    )


def run_trial(sweep, values, *, error=None, diverged=False):
    """The next trial with this learning curve, ended as soon as the controller says so; its record.

    `diverged` counts for the last value, `error` ends the trial after it.
    """
    number = sweep.next().record.number
    for epoch, value in enumerate(values, start=1):
        last = diverged and epoch == len(values)
        if not report(sweep, number, epoch, value, diverged=last).continues:
            break
    sweep.free(number, error=error)
    return sweep.trials[number]


def steps(sweep, *, curve=accuracy):
    """Run trials one after the other to the end; yields after each start, report and end.

    Leave it anywhere: the driver was killed there. A trial that comes with `restore_from` goes on
    after the epoch that is written there.
    """
    while (member := sweep.next()) is not None:
        yield
        record = member.record
        epoch = int(member.restore_from or 0)
        continues = True
        while continues:
            epoch += 1
            continues = report(sweep, record.number, epoch, curve(record.config, epoch)).continues
            yield
        sweep.free(record.number)
        yield


def drive(sweep, *, curve=accuracy):
    """Run the sweep to its end."""
    for _ in steps(sweep, curve=curve):
        pass


def summary_of(sweep, folder, *, name, recipe="random_search", answer=None):
    """The summary of a sweep that a controller has run so far."""
    asked = {"name": name, "recipe": recipe, "seed": sweep.plan.seed, "answer": answer}
    return summarise(sweep.trials, seconds=sweep.elapsed, folder=Location.of(folder), **asked)


def write_sweep(folder, asked, *, recipe="random_search", space=LINE, epochs=0):
    """A sweep on disk that was cut off after so many epochs, as a session leaves it behind."""
    folder.mkdir(parents=True)
    starting.note(asked, space, recipe, folder)
    history = History(folder, name=folder.name, objective=asked.objective)
    sweep = controller(history, space=space, max_epochs=asked.max_epochs, seed=asked.seed)
    with recording.recorded(history, sweep, asked, space):
        for _ in itertools.islice(steps(sweep), 1 + epochs):
            pass
    history.close()
    return sweep


def checkpoint(trials, folder, number, epoch, *, damage=None):
    """A checkpoint directory as a trial writes it, whole or damaged in some way."""
    path = trials / folder / f"checkpoint_{number:06d}"
    path.mkdir(parents=True)
    weights = b"weights"
    noted = {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    manifest = {
        "format": 99 if damage == "format" else 1,
        "epoch": epoch,
        "metrics": {"val_accuracy": 0.5},
        "best_epoch": epoch,
        "best_metrics": {"val_accuracy": 0.5},
        "configuration": {"learning_rate": 0.1},
        "files": {"last.pt": noted},
    }
    text = json.dumps(manifest)
    if damage == "zeros":
        weights = bytes(len(weights))
    if damage != "no weights":
        (path / "last.pt").write_bytes(weights[:3] if damage == "cut short" else weights)
    if damage != "no manifest":
        (path / "checkpoint.json").write_text(text[:40] if damage == "half a manifest" else text)
    return path

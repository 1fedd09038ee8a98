"""The simulator: small tables worked by hand, and the properties of larger ones."""

import math
import time

import numpy as np
import pytest

from caviar import UsageError
from caviar.base.objective import Objective
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.schedulers import Asha, NoStopping
from caviar.searchers import Parzen, Random
from caviar.searchers.base import Searcher
from caviar.simulator import CurveTable, load_tables, simulate
from caviar.simulator.recorded import from_records
from caviar.simulator.rows import Rows
from search_spaces import Choice, Float, Is, SearchSpace

UNIT = SearchSpace("unit", [Float(name="x", low=0.0, high=1.0)])
MIXED = SearchSpace(
    "mixed",
    [
        Choice(name="optimizer", options=["adam", "sgd"], default="adam"),
        Float(name="momentum", low=0.0, high=1.0, when=Is("optimizer", "sgd")),
    ],
)


ACCURACY = Objective("accuracy", "max")


def table(values, *, x=None, seconds=None, space=UNIT, **changes):
    rows = len(values)
    x = [i / 10 for i in range(rows)] if x is None else x
    fields = {
        "name": "by hand",
        "space": space,
        "objective": ACCURACY,
        "configs": [{"x": v} for v in x],
        "values": np.array(values, dtype=float),
        "seconds": np.ones(rows) if seconds is None else np.array(seconds, dtype=float),
    }
    return CurveTable(**{**fields, **changes})


class Wishes(Searcher):
    """Proposes a list, and notes what it is told."""

    def __init__(self, wishes, space=UNIT, mode="max"):
        super().__init__(space, mode=mode, seed=0)
        self.wishes = wishes
        self.reported = []
        self.observation = {}

    def suggest(self, number, attempt=0):
        return {"x": self.wishes[number]} if number < len(self.wishes) else None

    def report(self, number, epoch, value):
        self.reported.append((number, epoch, value))

    def observe(self, number, observation):
        self.observation[number] = observation


def run(of, wishes, *, scheduler=None, workers=2, **options):
    searcher = Wishes(wishes)
    scheduler = (scheduler or NoStopping()).build(max_epochs=of.max_epochs, seed=0)
    return simulate(
        of, searcher=searcher, scheduler=scheduler, workers=workers, **options
    ), searcher


def test_epochs_finish_in_the_order_of_simulated_time():
    of = table([[0.1, 0.4], [0.2, 0.3], [0.5, 0.6]], seconds=[2.0, 3.0, 1.0])
    replay, _ = run(of, [0.0, 0.1, 0.2])
    # Trial 0 ends epochs at 2 and 4, trial 1 at 3 and 6; trial 2 starts at 4 and ends them at
    # 5 and 6, where it comes after trial 1, whose epoch began first.
    assert replay.trials.tolist() == [0, 1, 0, 2, 1, 2]
    assert replay.seconds.tolist() == [2, 3, 4, 5, 6, 6]
    assert replay.best.tolist() == [0.1, 0.2, 0.4, 0.5, 0.5, 0.6]


def test_the_budget_counts_every_epoch_of_every_trial():
    of = table([[0.1] * 4, [0.2] * 4, [0.3] * 4])
    replay, _ = run(of, [0.0, 0.1, 0.2], epochs=5)
    assert len(replay.trials) == replay.controller.trials.epochs == 5
    assert [record.epoch for record in replay.controller.trials.values()] == [3, 2]
    replay, _ = run(of, [0.0, 0.1, 0.2], trials=1)
    assert replay.trials.tolist() == [0, 0, 0, 0]


def test_a_proposal_becomes_the_nearest_row_that_has_not_run():
    of = table([[0.1], [0.2], [0.3], [0.4]], x=[0.0, 0.4, 0.5, 1.0])
    replay, searcher = run(of, [0.44, 0.44, 0.44, 0.44, 0.44], workers=1)
    # 0.4 is 0.04 away, then 0.5 (0.06), then 0.0 (0.44), then 1.0 (0.56); then none is left.
    ran = [record.config["x"] for record in replay.controller.trials.values()]
    assert ran == [0.4, 0.5, 0.0, 1.0]
    assert [searcher.observation[n].config["x"] for n in range(4)] == ran
    assert replay.best.tolist() == [0.2, 0.3, 0.3, 0.4]


def test_a_configuration_that_the_table_holds_twice_runs_once():
    of = table([[0.1], [0.2], [0.3]], x=[0.5, 0.5, 0.9])
    replay, _ = run(of, [0.5, 0.5, 0.5], workers=1)
    assert [record.config["x"] for record in replay.controller.trials.values()] == [0.5, 0.9]


def test_the_distance_knows_options_and_what_takes_no_part():
    configs = [
        {"optimizer": "adam"},
        {"optimizer": "sgd", "momentum": 0.2},
        {"optimizer": "sgd", "momentum": 0.9},
    ]
    rows = Rows(table([[1.0]] * 3, space=MIXED, configs=configs))
    assert rows.take({"optimizer": "sgd", "momentum": 0.7}) == 2
    # adam is an option and a missing momentum away, sgd with 0.2 only 0.5
    assert rows.take({"optimizer": "sgd", "momentum": 0.7}) == 1
    assert rows.take({"optimizer": "sgd", "momentum": 0.7}) == 0
    assert rows.take({"optimizer": "adam"}) is None


def test_the_searcher_learns_of_running_trials_and_of_their_ends():
    of = table([[0.3, 0.4, 0.5], [0.1, 0.9, 0.9]])
    _, searcher = run(of, [0.0, 0.1], workers=1, scheduler=Asha(quota=False))
    # Trial 1 is below trial 0 at the first rung and stops there.
    assert searcher.reported == [(0, 1, 0.3), (0, 2, 0.4), (0, 3, 0.5), (1, 1, 0.1)]
    assert searcher.observation[0].outcome is Outcome.COMPLETED
    assert searcher.observation[1].outcome is Outcome.STOPPED_EARLY
    assert searcher.observation[1].curve == {1: 0.1}


def test_a_row_that_is_not_finite_diverges_there():
    of = table([[0.3, math.nan, 0.9], [0.1, 0.2, 0.2]])
    replay, searcher = run(of, [0.0, 0.1], workers=1)
    assert replay.trials.tolist() == [0, 0, 1, 1, 1]
    assert searcher.observation[0].outcome is Outcome.DIVERGED
    assert (0, 2, math.nan) not in searcher.reported
    assert replay.best.tolist() == [0.3, 0.3, 0.3, 0.3, 0.3]


def test_regret_is_zero_at_the_best_known_and_one_at_the_median():
    of = table([[0.2], [0.8], [math.nan], [0.4], [0.5]])
    # NaN is the worst: nan 0.2 0.4 0.5 0.8, median 0.4
    assert of.scale == (0.8, 0.4)
    assert of.regret(0.7) == pytest.approx(0.25)
    replay, _ = run(of, [0.0, 0.1], workers=1)
    assert replay.regret(1) == pytest.approx(1.5)
    assert replay.regret(2) == replay.regret(100) == 0.0
    assert math.isnan(replay.regret(0.5))
    # The best epoch counts, and less is better for a loss.
    assert table(
        [[0.9, 0.3, 0.5], [0.6, 0.6, 0.6]], objective=Objective("accuracy", "min")
    ).scale == (0.3, 0.6)


def test_a_loss_is_minimised():
    of = table([[0.9, 0.3], [0.6, 0.7]], objective=Objective("loss", "min"))
    replay, _ = run(of, [0.0, 0.1], workers=1)
    assert replay.best.tolist() == [0.9, 0.3, 0.3, 0.3]


def test_a_trial_stops_where_its_record_ends():
    records = {
        0: record(0, 0.1, [0.5, 0.6, 0.7], Outcome.COMPLETED, seconds=2.0),
        1: record(1, 0.2, [0.4], Outcome.STOPPED_EARLY),
        2: record(2, 0.3, [0.9, 0.9], Outcome.DIVERGED),
        3: record(3, 0.4, [], Outcome.FAILED),
    }
    of = from_records(records, space=UNIT, objective=ACCURACY, max_epochs=3, name="last night")
    assert of.known.tolist() == [3, 1, 2]
    assert of.seconds.tolist() == [2.0, 1.5, 1.0]  # one epoch does not tell: the median
    assert of.objectives[:2].tolist() == [0.7, 0.4]
    assert math.isnan(of.objectives[2])
    replay, searcher = run(of, [0.1, 0.2, 0.3], workers=1)
    assert {n: observation.outcome for n, observation in searcher.observation.items()} == {
        0: Outcome.COMPLETED,
        1: Outcome.STOPPED_EARLY,
        2: Outcome.DIVERGED,
    }
    assert replay.trials.tolist() == [0, 0, 0, 1, 2, 2]


def record(number, x, values, outcome, seconds=1.0):
    reports = [
        Report(epoch, {"accuracy": value}, order=0, at=seconds * epoch)
        for epoch, value in enumerate(values, start=1)
    ]
    return TrialRecord(number, {"x": x}, seed=0, outcome=outcome, reports=reports)


def test_a_history_without_reports_is_refused():
    failed = {0: record(0, 0.1, [], Outcome.FAILED)}
    with pytest.raises(UsageError, match="'empty' holds no trial with a report"):
        from_records(failed, space=UNIT, objective=ACCURACY, max_epochs=3, name="empty")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: table([[0.1]], seconds=[0.0]), "takes above 0 seconds"),
        (lambda: table([[0.1]], x=[0.1, 0.2]), "one row for each of its 2 configurations"),
        (lambda: table([[math.nan]]).scale, "every row of it diverges"),
        (lambda: run(table([[0.1]]), [0.0], workers=0), "at least 1 worker, and workers is 0"),
    ],
)
def test_what_cannot_be_simulated_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_tables_of_a_file(tmp_path):
    path = tmp_path / "curves.npz"
    fields = {
        "X": np.array([[0.01, 3.0], [0.1, 5.0]]),
        "names": np.array(["learning_rate", "layers"]),
        "lower": np.array([0.001, 1.0]),
        "upper": np.array([1.0, 5.0]),
        "log": np.array([True, False]),
        "integer": np.array([False, True]),
        "tasks": np.array(["a", "b"]),
        "metric": np.array("loss"),
        "goal": np.array("min"),
        "loss": np.arange(12.0).reshape(2, 2, 3),
        "first_point_is_untrained": np.array(True),
    }
    np.savez(path, **fields)
    a, b = load_tables(path)
    assert (a.name, b.name, a.objective.direction, a.max_epochs) == ("a", "b", "min", 2)
    assert a.configs[1] == {"learning_rate": 0.1, "layers": 5}
    assert b.values.tolist() == [[7.0, 8.0], [10.0, 11.0]]
    assert len(set(a.seconds) | set(b.seconds)) == 4  # uneven
    with pytest.raises(UsageError, match=r"no table of learning curves at .*nowhere"):
        load_tables(tmp_path / "nowhere.npz")


def made_up(rows, epochs, seed=0):
    """Saturating curves, best near x = 0.7."""
    rng = np.random.default_rng(seed)
    x = rng.random(rows)
    top = 1 - np.abs(x - 0.7) + 0.05 * rng.normal(size=rows)
    values = top[:, None] * (1 - 0.7 ** np.arange(1, epochs + 1))
    return table(values, x=x.tolist(), seconds=rng.lognormal(size=rows))


def whole(of, options, seed, **changes):
    fields = {"workers": 8, "epochs": 300, "seed": seed, **changes}
    return simulate(
        of,
        searcher=options.build(of.space, mode=of.objective.direction, seed=seed),
        scheduler=Asha().build(max_epochs=of.max_epochs, seed=seed),
        **fields,
    )


@pytest.mark.parametrize("options", [Random(), Parzen()])
def test_a_simulation_is_a_function_of_its_seed(options):
    of = made_up(300, 9)
    one, again, other = (whole(of, options, seed) for seed in (1, 1, 2))
    assert one.trials.tolist() == again.trials.tolist()
    assert one.best.tolist() == again.best.tolist()
    assert one.best.tolist() != other.best.tolist()


def test_ten_thousand_trials_on_512_workers_take_less_than_two_minutes():
    of = made_up(10_000, 9)
    started = time.perf_counter()
    replay = whole(of, Random(), 0, workers=512, epochs=None, trials=10_000)
    assert time.perf_counter() - started < 120
    ended = [r for r in replay.controller.trials.values() if r.outcome is not Outcome.RUNNING]
    assert len(ended) == 10_000
    assert len({r.config["x"] for r in ended}) == 10_000
    # Trial 511 began at once, trial 512 when a worker was free.
    seconds = {config["x"]: of.seconds[row] for row, config in enumerate(of.configs)}
    late = [r.reports[0].at - seconds[r.config["x"]] for r in ended[510:514]]
    assert late[:2] == [0.0, 0.0]
    assert min(late[2:]) > 0

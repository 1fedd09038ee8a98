"""TuneSearcher: our searchers behind Ray Tune's interface, and in a Tuner that is restored."""

import json
import math
import os
import pickle
import sys

import pytest
from asking import build
from commands import finish, start
from ray import tune
from ray.tune.search import ConcurrencyLimiter, SearchGenerator
from without_ray import CHOICES, CONDITIONAL, LINE

from caviar import Grid, HyperOpt, Optuna, Parzen, Random, TuneSearcher, UsageError
from caviar.searchers import CoarseToFine, QuasiRandom

OPTIONS = [
    Random(),
    QuasiRandom(),
    Grid(points=3),
    Parzen(startup_trials=4),
    Optuna(startup_trials=4),
    Optuna(startup_trials=4, sampler="cmaes"),
    HyperOpt(startup_trials=4),
]
every_searcher = pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda o: getattr(o, "sampler", type(o).__name__)
)


def wrapped(options, space=CONDITIONAL, **changes):
    return TuneSearcher(space, options, metric="accuracy", mode="max", max_epochs=3, **changes)


def result(config, epoch, value):
    return {"accuracy": value, "training_iteration": epoch, "config": config}


def live(searcher, name, value, *, error=False, epochs=3):
    """One trial as Ray runs it: its last result comes with its end alone."""
    config = searcher.suggest(name)
    for epoch in range(1, epochs):
        searcher.on_trial_result(name, result(config, epoch, value))
    last = None if error else result(config, epochs, value)
    searcher.on_trial_complete(name, result=last, error=error)
    return config


def some(searcher, numbers):
    """Trials with all ends: whole, stopped, failed, diverged."""
    configs = []
    for n in numbers:
        value = math.nan if n % 5 == 4 else math.sin(n)
        configs.append(
            live(searcher, f"t{n}", value, error=n % 5 == 2, epochs=1 if n % 5 == 3 else 3)
        )
    return configs


@every_searcher
def test_it_proposes_what_the_searcher_proposes_that_was_told_the_same(options):
    searcher = wrapped(options)
    configs = some(searcher, range(10))
    assert configs[0] == CONDITIONAL.default()
    keys = {CONDITIONAL.key(config) for config in configs}
    assert len(keys) == 10
    plain = build(options, CONDITIONAL)
    plain.register(0, configs[0])
    if isinstance(options, Random | QuasiRandom):  # of which it is clear without being told
        assert [plain.suggest(n) for n in range(1, 10)] == configs[1:]


@every_searcher
def test_a_restored_one_goes_on_as_the_uninterrupted_one(options, tmp_path):
    whole, cut = wrapped(options), wrapped(options)
    for searcher in (whole, cut):
        some(searcher, range(9))
        searcher.suggest("running")
        searcher.on_trial_result("running", result(None, 1, 0.4))
    cut.save_to_dir(str(tmp_path), "session")
    restored = wrapped(options)
    restored.restore_from_dir(str(tmp_path))
    pickled = pickle.loads(pickle.dumps(cut))  # noqa: S301 - as Ray does with its Tuner
    expected = [whole.suggest(f"n{n}") for n in range(3)]
    assert [restored.suggest(f"n{n}") for n in range(3)] == expected
    assert [pickled.suggest(f"n{n}") for n in range(3)] == expected
    last = result(expected[0], 3, 0.9)
    for searcher in (whole, restored):
        searcher.on_trial_complete("n0", last)
    assert restored.suggest("n3") == whole.suggest("n3")


@every_searcher
def test_a_retried_trial_may_end_twice(options):
    retried, once = wrapped(options), wrapped(options)
    for searcher in (retried, once):
        some(searcher, range(7))
    config = retried.suggest("again")
    assert once.suggest("again") == config
    retried.on_trial_complete("again", error=True)
    retried.on_trial_complete("again", error=True)
    for searcher in (retried, once):
        searcher.on_trial_result("again", result(config, 1, 0.5))
        searcher.on_trial_complete("again", result(config, 3, 0.7))
    assert retried.suggest("next") == once.suggest("next")


def test_a_retried_trial_has_another_name_and_flat_results():
    """As `Tuner.restore(restart_errored=True)` runs it."""
    searcher = wrapped(Parzen())
    config = searcher.suggest("before")
    searcher.on_trial_complete("before", error=True)
    searcher.on_trial_complete("after", error=True)  # failed again, and there is no result
    flat = {f"config/{name}": value for name, value in config.items()}
    searcher.on_trial_result("later", {"accuracy": 0.4, "training_iteration": 1, **flat})
    searcher.on_trial_complete("later", {"accuracy": 0.5, "training_iteration": 3, **flat})
    state = searcher.get_state()
    assert state["names"] == {"before": 0, "later": 0}
    assert state["trials"] == [
        {"config": config, "curve": [(1, 0.4), (3, 0.5)], "outcome": "completed"}
    ]
    restored = wrapped(Parzen())
    restored.set_state(state)
    assert restored.get_state() == state
    assert restored.suggest("next") == searcher.suggest("next")


def test_the_sweep_is_finished_when_every_configuration_has_run():
    searcher = wrapped(Random(), CHOICES)
    ran = [searcher.suggest(f"t{n}") for n in range(13)]
    assert len({CHOICES.key(config) for config in ran[:12]}) == 12
    assert ran[12] == "FINISHED"


def test_without_the_default_the_first_trial_is_the_searchers():
    first = wrapped(Random(), default_first=False).suggest("t0")
    assert first == build(Random(), CONDITIONAL).suggest(0)


def test_a_trial_of_a_lost_state_is_learnt_from_by_its_configuration(caplog):
    searcher = wrapped(Parzen())
    config = {**CONDITIONAL.default(), "units": 17}
    searcher.on_trial_complete("lost", {**result(config, 3, 0.9), "config": {**config, "data": 1}})
    (trial,) = searcher.get_state()["trials"]
    assert (trial["config"], trial["curve"], trial["outcome"]) == (config, [(3, 0.9)], "completed")
    searcher.on_trial_complete("odd", result({"units": 3}, 3, 0.9))
    searcher.on_trial_complete("failed", error=True)
    assert len(searcher.get_state()["trials"]) == 1
    assert "Trial odd is unknown to the searcher" in caplog.text


def test_rays_wrappers_take_it():
    limited = ConcurrencyLimiter(wrapped(Random()), max_concurrent=1)
    assert limited.suggest("a") == CONDITIONAL.default()
    assert limited.suggest("b") is None
    limited.on_trial_complete("a", result(CONDITIONAL.default(), 3, 0.5))
    assert isinstance(limited.suggest("b"), dict)
    assert SearchGenerator(wrapped(Random())).searcher is not None


@pytest.mark.parametrize(
    ("metric", "mode", "config", "taken"),
    [
        (None, None, {"data": 3}, True),
        ("accuracy", "max", {}, True),
        ("loss", "max", {}, False),
        ("accuracy", "min", {}, False),
        (None, None, {"units": tune.uniform(0, 1)}, False),
        (None, None, {"units": tune.grid_search([1, 2])}, False),
    ],
)
def test_a_tuner_may_add_constants_and_nothing_else(metric, mode, config, taken):
    assert wrapped(Random()).set_search_properties(metric, mode, config) is taken


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(UsageError, match="mode must be max or min, and it is 'most'"):
        TuneSearcher(LINE, Random(), metric="accuracy", mode="most")
    with pytest.raises(UsageError, match="CMA-ES needs two numbers"):
        TuneSearcher(LINE, Optuna(sampler="cmaes"), metric="accuracy", mode="max")
    with pytest.raises(UsageError, match="give --trials"):
        TuneSearcher(CONDITIONAL, CoarseToFine(), metric="accuracy", mode="max")
    assert isinstance(wrapped(CoarseToFine(), trials=30).suggest("t0"), dict)
    path = tmp_path / "state.json"
    wrapped(Random(), LINE).save(str(path))
    assert json.loads(path.read_text())["trials"] == []
    with pytest.raises(ValueError, match="belongs to another search space than 'conditional'"):
        wrapped(Random()).restore(str(path))


# In a Tuner: a sweep in which trials fail, stopped half way, restored with its errored trials.

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
import ray
from ray import tune
from without_ray import CONDITIONAL
from caviar import TuneSearcher
from caviar import Optuna

folder, session = Path(sys.argv[1]), sys.argv[2]


class Train(tune.Trainable):
    def setup(self, config):
        self.reset_config(config)

    def reset_config(self, config):
        self.config, self.epoch = config, 0
        return True

    def step(self):
        always = self.config["widths"] == [8, 8]  # or in the first session only
        if self.config["layers"] == 3 and (always or not (folder / "repaired").exists()):
            raise RuntimeError("out of luck")
        self.epoch += 1
        value = self.epoch - abs(self.config["learning_rate"] - 0.1)
        return {"accuracy": value, "done": self.epoch == 2}

    def save_checkpoint(self, folder):
        return {"epoch": self.epoch}

    def load_checkpoint(self, state):
        self.epoch = state["epoch"]


class Interrupt(tune.Callback):
    def on_trial_complete(self, iteration, trials, trial, **info):
        ended = [t for t in trials if t.status in ("TERMINATED", "ERROR")]
        if session == "first" and len(ended) == 6:
            os.kill(os.getpid(), signal.SIGINT)

    on_trial_error = on_trial_complete


ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
if session == "first":
    searcher = TuneSearcher(
        CONDITIONAL, Optuna(), metric="accuracy", mode="max", max_epochs=2, seed=10
    )
    tuner = tune.Tuner(
        Train,
        tune_config=tune.TuneConfig(
            search_alg=searcher, num_samples=8, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="x", storage_path=str(folder), verbose=0, callbacks=[Interrupt()]
        ),
    )
else:
    (folder / "repaired").touch()
    tuner = tune.Tuner.restore(
        str(folder / "x"), Train, resume_unfinished=True, restart_errored=True
    )
results = tuner.fit()
rows = [
    {"config": r.config, "error": r.error is not None}
    for r in results
]
states = sorted((folder / "x").glob("searcher-state-*.pkl"))  # with the time in their names
print("RESULT", json.dumps([rows, json.loads(states[-1].read_text())["trials"]]))
"""


ENVIRONMENT = {
    **os.environ,
    "TUNE_GLOBAL_CHECKPOINT_S": "0",  # the state is written after every event
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}


@pytest.mark.timeout(700)
def test_an_interrupted_tuner_is_restored_with_its_errored_trials(tmp_path):
    """With seed 10, trials 1 and 3 fail in the first session and trial 4 fails in both: then plain
    Ray's OptunaSearch ends `fit` with a KeyError."""

    def session(which):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "results"), which]
        code, out, err = finish(start(command, env=ENVIRONMENT), 300)
        found = [line for line in out.splitlines() if line.startswith("RESULT ")]
        assert code == 0, f"{out}\n{err}"
        assert len(found) == 1, f"{out}\n{err}"
        return json.loads(found[0].removeprefix("RESULT "))

    (tmp_path / "results").mkdir()
    _, observation = session("first")
    outcomes = [trial["outcome"] for trial in observation]
    ended = {"f": "failed", "c": "completed"}
    assert outcomes[:6] == [ended[letter] for letter in "cfcffc"]
    assert len(outcomes) < 8 or "running" in outcomes, "the interruption came too late"
    rows, observation = session("second")
    outcomes = [trial["outcome"] for trial in observation]
    assert outcomes == [ended[letter] for letter in "ccccfccc"]
    assert len(rows) == 8
    # Every trial is accounted for, by Ray and by the searcher, and none was launched twice.
    failed = {CONDITIONAL.key(t["config"]): t["outcome"] == "failed" for t in observation}
    assert len(failed) == 8
    assert {CONDITIONAL.key(row["config"]): row["error"] for row in rows} == failed

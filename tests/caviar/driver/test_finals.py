"""The winner is checked: who takes part, whose mean wins, what goes on after a break."""

import json
import math
import random
import shlex
import signal
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from commands import (
    REPORTS,
    SLOW,
    caviar,
    check_nothing_lost,
    check_whole,
    finish,
    held,
    records,
    start,
    summary,
    sweep,
    wait_for,
)
from ray.train._internal.storage import StorageContext
from without_ray import LINE, METRIC, OneByOne, checkpoint, drive

from caviar import Sweep
from caviar.base.objective import Objective
from caviar.base.trial import Report, TrialRecord, trial_seed
from caviar.base.trials import Trials
from caviar.controller.job import EpochResult
from caviar.driver import finals, runner
from caviar.ray.start import own_staging
from caviar.store import experiments, layout, status
from caviar.store import finals as stored_finals
from caviar.store.finals import Finalist, Finals
from caviar.store.location import Location

A, B, C = ({"learning_rate": x} for x in (0.25, 0.5, 0.75))


def asked(**changes):
    usual = {"metric": METRIC, "mode": "max", "max_epochs": 2, "final_seeds": 3}
    return Sweep(**{**usual, **changes})


def worth(config, seed):
    """By the configuration, and a little by the seed."""
    return config["learning_rate"] + random.Random(seed).uniform(-0.01, 0.01)


def trains(value=worth, stop_after=None):
    """Stands for Ray: runs a controller's trials one by one."""
    ran = []

    def train(controller, trials, there):
        while (job := controller.next_job()) is not None:
            record = job.lead
            if stop_after is not None and len(ran) == stop_after:
                controller.request_stop("interrupted")
            found = value(record.config, record.seed)
            ran.append((record.config["learning_rate"], record.seed))
            for epoch in (1, 2):
                diverged = not math.isfinite(found)
                metrics = {METRIC: found}
                result = EpochResult(
                    epoch=epoch, metrics=metrics, done=epoch == 2, diverged=diverged
                )
                if not controller.report(job, {record.number: result})[record.number].continues:
                    break
            controller.end(job)

    return train, ran


def run(tmp_path, entrants, train, **changes):
    return finals.run(
        asked(**changes),
        LINE,
        entrants,
        folder=Location.of(tmp_path),
        working=tmp_path,
        train=train,
    )


def test_the_best_mean_wins_with_seeds_of_its_own(tmp_path):
    train, ran = trains()
    last, stopped = run(tmp_path, [(4, A), (9, C), (2, B)], train)
    assert stopped is None
    assert [one.trial for one in last.finalists] == [9, 2, 4]
    assert last.winner.config == C
    assert [x for x, _ in ran] == [0.25] * 3 + [0.75] * 3 + [0.5] * 3
    seeds = {seed for _, seed in ran}
    assert len(seeds) == 9
    assert not seeds & {trial_seed(0, number) for number in range(100)}, "fresh ones"
    scores = [worth(C, seed) for x, seed in ran if x == 0.75]
    assert list(last.winner.scores.values()) == scores
    assert last.winner.mean == pytest.approx(sum(scores) / 3)
    assert last.epochs == 18


def test_one_with_a_training_that_diverged_cannot_win(tmp_path):
    train, _ = trains(lambda config, seed: math.nan if config == C else worth(config, seed))
    last, _ = run(tmp_path, [(1, C), (2, A)], train)
    assert [one.trial for one in last.finalists] == [2, 1]
    assert last.finalists[1].scores == {}
    assert last.winner.trial == 2
    train, _ = trains(lambda config, seed: math.nan)
    last, _ = run(tmp_path / "finals", [(1, C)], train)
    assert last.winner is None


def test_a_break_goes_on_and_what_is_known_trains_no_second_time(tmp_path):
    train, ran = trains(stop_after=2)
    last, stopped = run(tmp_path, [(1, A), (2, B)], train)
    assert stopped == "interrupted"
    assert not last.finalists[-1].is_whole
    train, more = trains()
    last, stopped = run(tmp_path, [(1, A), (2, B)], train)
    assert (stopped, last.winner.trial) == (None, 2)
    assert len(ran) + len(more) == 7, "one trained again from its start"
    assert len(set(ran + more)) == 6
    # The sweep went on, and another trial is among the best.
    train, others = trains()
    last, _ = run(tmp_path, [(5, C), (2, B)], train)
    assert [x for x, _ in others] == [0.75] * 3
    assert [one.trial for one in last.finalists] == [5, 2, 1]


def test_more_seeds_are_added_to_those_that_are_there(tmp_path):
    run(tmp_path, [(1, A)], trains()[0], final_seeds=2)
    train, ran = trains()
    last, _ = run(tmp_path, [(1, A)], train, final_seeds=5)
    assert (len(ran), len(last.winner.scores)) == (3, 5)


def test_a_winner_of_an_earlier_session_still_has_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(finals.in_process, "score", lambda *_, number, **more: {"by": number})
    trials = tmp_path / stored_finals.FOLDER / layout.TRIALS

    def check(entrants, value, **changes):
        train, _ = trains(value)

        def saves(controller, there, history):
            train(controller, there, history)
            for number, record in controller.trials.items():
                if record.seed not in saved:
                    saved.add(record.seed)
                    checkpoint(trials, f"trial-{number:04d}", 0, 2)

        prepared = SimpleNamespace(trainable=None, data=None, options=None)
        where = {"folder": Location.of(tmp_path), "working": tmp_path, "gpus": 0}
        return finals.check(asked(**changes), LINE, entrants, prepared, train=saves, **where)[0]

    def kept():
        return sorted(int(path.parent.name[-4:]) for path in trials.glob("*/checkpoint_*"))

    saved = set()
    first = check([(1, A), (2, B)], worth, final_seeds=2)
    assert (first.winner.config, first.test) == (B, {"by": first.winner.best})
    assert kept() == sorted(one.best for one in first.finalists)
    # With another seed B is no longer the best; nothing of A trains again.
    last = check([(2, B)], lambda config, seed: -1.0, final_seeds=3)
    assert (last.winner.config, last.test) == (A, {"by": last.winner.best})
    assert last.checkpoint is not None
    assert kept() == sorted(one.best for one in last.finalists)


def test_lower_is_better_where_asked(tmp_path):
    train, _ = trains()
    last, _ = run(tmp_path, [(1, A), (2, B)], train, mode="min")
    assert last.winner.trial == 1


@pytest.mark.parametrize(
    ("leaders", "default_is", "brought", "numbers"),
    [
        ([2, 1], {}, (), [2, 1, 0]),
        ([2, 0], {}, (), [2, 0]),
        ([2, 1], {"default_first": False}, (), [2, 1]),
        ([2, 1], {"diverged": True}, (), [2, 1]),
        ([2, 1], {}, [{"x": 9.0}], [2, 1, None]),
    ],
)
def test_the_default_takes_part_unless_it_cannot_or_another_is_to_be_beaten(
    leaders, default_is, brought, numbers
):
    trials = Trials(Objective("value", "max"))
    for number in range(3):
        value = -float(leaders.index(number)) if number in leaders else -9.0
        reported = number in leaders or not default_is.get("diverged")
        reports = [Report(1, {"value": value}, number, 0.0)] if reported else []
        trials.add(TrialRecord(number, {"x": float(number)}, 0, reports=reports))
    plan = SimpleNamespace(default_first=default_is.get("default_first", True))
    controller = SimpleNamespace(trials=trials, plan=plan)
    found = finals.candidates(controller, 2, brought)
    assert [number for number, _ in found] == numbers
    assert [config["x"] for _, config in found] == [9.0 if n is None else n for n in numbers]


def test_written_and_read_again(tmp_path):
    one = Finalist(trial=3, config=A, scores={11: 0.5, 12: 0.75}, asked=2, best=1)
    last = Finals(finalists=[one], epochs=4, test={"accuracy": 0.7}, checkpoint="there")
    layout.write_json(last.to_json(), tmp_path / stored_finals.FILE)
    assert stored_finals.read(tmp_path) == last
    found = json.loads((tmp_path / stored_finals.FILE).read_text())["finalists"][0]
    assert (found["mean"], found["std"]) == (0.625, pytest.approx(0.125 * math.sqrt(2)))
    (tmp_path / stored_finals.FILE).write_text("{")
    assert stored_finals.read(tmp_path) is None


def test_runs_of_tune_in_one_second_do_not_share_a_folder(tmp_path, monkeypatch):
    """The finals would find the folders of the search's trials, and name their own otherwise."""
    monkeypatch.setattr("ray.tune.utils.date_str", lambda: "2026-01-01_00-00-00")
    with own_staging():
        stamps = {StorageContext(str(tmp_path), "trials")._timestamp for _ in range(9)}
    assert len(stamps) == 9
    assert len({StorageContext(str(tmp_path), "trials")._timestamp for _ in range(9)}) == 1


def state(folder):
    """As `caviar list` has it."""
    return str(status.of(experiments.find(folder)).state)


@pytest.fixture
def run_sweep(tmp_path, monkeypatch):
    """Runs a sweep with finals through its door, its trials driven without Ray."""
    monkeypatch.setattr("caviar.ray.cluster.connected", lambda **options: nullcontext(True))
    monkeypatch.setattr("caviar.ray.cluster.resources_line", lambda: "1 node, 2 CPU")
    monkeypatch.setattr("caviar.ray.cluster.gpus", lambda: 0.0)
    monkeypatch.setattr("caviar.ray.capacity.check", lambda *args, **options: 1)

    def run_sweep(curve):
        def run_jobs(workload, controller, *args, **options):
            drive(controller, curve=curve)

        monkeypatch.setattr(runner, "run_jobs", run_jobs)
        monkeypatch.setattr(runner, "SweepController", OneByOne)
        sweep = asked(dataset="digits", space="ng", trials=2, finalists=2, storage=tmp_path)
        return runner.run(replace(sweep, name="x"), recipe="random_search")

    return run_sweep


def test_finals_that_end_with_an_error_are_said_to_have_crashed(run_sweep, tmp_path, monkeypatch):
    def check(*args, **options):
        raise ValueError("momentum: missing")

    monkeypatch.setattr(finals, "check", check)
    with pytest.raises(ValueError, match="momentum"):
        run_sweep(lambda config, epoch: 0.5)
    assert state(tmp_path / "x") == "finals crashed"


def test_no_finals_where_no_trial_has_a_value(run_sweep, tmp_path, capsys):
    found = run_sweep(lambda config, epoch: math.nan)
    assert found.finals is None
    assert "fresh seeds" not in capsys.readouterr().out
    assert not (tmp_path / "x" / stored_finals.FILE).exists()
    assert state(tmp_path / "x") == "finished"


@pytest.mark.timeout(800)
def test_interrupted_finals_are_said_and_go_on(tmp_path):
    folder, place = tmp_path / "x", tmp_path / "held"
    options = [*SLOW, "--trials", 2, "--max-epochs", 2, "--scheduler.min-epochs", 2]
    options += ["--finalists", 1, "--final-seeds", 2, "--storage", tmp_path, "--name", "x"]
    process = start(caviar("sweep", "random_search", *options), env=held(place, epochs=5))
    wait_for(process, folder / stored_finals.FOLDER, REPORTS, 1)
    assert state(folder) == "finals running"
    process.send_signal(signal.SIGINT)
    place.unlink()
    code, out, err = finish(process)
    assert (code, err) == (130, ""), out
    assert "\nStopped in the finals (interrupted). Go on with:\n" in out
    assert state(folder) == "finals interrupted"
    line = out.strip().splitlines()[-1].strip()
    before = records(folder / stored_finals.FOLDER)
    assert stored_finals.read(folder) is None

    code, out, err = finish(start(caviar(*shlex.split(line)[1:])))
    assert (code, err) == (0, ""), out
    assert "Go on with" not in out
    assert state(folder) == "finished"
    assert stored_finals.read(folder).winner is not None
    check_nothing_lost(before, records(folder / stored_finals.FOLDER))
    check_whole(folder, trials=2, max_epochs=2)
    page = (folder / layout.REPORT).read_text(encoding="utf-8")
    assert "<td>finals interrupted</td>" in page, "in the table of its sessions"


def test_a_real_sweep_checks_its_winner(tmp_path):
    options = ["--dataset", "digits", "--storage", tmp_path, "--name", "one", "--trials", 4]
    options += ["--max-epochs", 2, "--finalists", 2, "--final-seeds", 2]
    out, _ = sweep("random_search", *options)
    folder = tmp_path / "one"
    last = stored_finals.read(folder)
    among = {one.trial for one in last.finalists}
    assert 0 in among, "the default is what the winner has to beat"
    assert len(among) in (2, 3)
    assert f"finals     {len(among)} configurations, 2 fresh seeds each, 2 epochs" in out
    assert "(looked at once)" in out
    assert last.winner.mean == max(one.mean for one in last.finalists)
    assert set(last.test) >= {"accuracy", "f1"}
    assert summary(folder)["best"]["trial"] == last.winner.trial
    assert len(records(folder)) == 4, "the finals are not among the trials"
    trained = records(folder / "finals")
    scores = {r.seed: max(r.curve("val_accuracy").values()) for r in trained.values()}
    assert scores == {s: v for one in last.finalists for s, v in one.scores.items()}
    kept = {str(path) for path in (folder / "finals" / "trials").glob("trial-*/checkpoint_*")}
    assert len(kept) == len(among), "one a finalist"
    assert last.checkpoint in kept
    if last.winner.trial == max(records(folder), key=lambda n: records(folder)[n].epoch):
        check_whole(folder, trials=4, max_epochs=2)

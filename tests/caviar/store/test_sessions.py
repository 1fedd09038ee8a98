"""A sweep of several sessions: what is noted of each, what a later one may change."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from without_ray import (
    CONDITIONAL,
    LINE,
    UP,
    Clock,
    InMemory,
    controller,
    report,
    resumed,
    write_sweep,
)

from caviar import Asha, Grid, Optuna, Sweep, UsageError
from caviar.driver import runner
from caviar.store import recording, starting
from caviar.store.history import History
from caviar.sweep import codec
from trainables import DeviceOptions


class WithAttributes(InMemory):
    """The history in memory, with the notes of the whole sweep too."""

    def __init__(self, folder):
        super().__init__()
        self.path = folder / "history.db"
        self.notes = {}

    def set(self, key, value):
        self.notes[key] = json.loads(json.dumps(value))

    def get(self, key, default=None):
        return self.notes.get(key, default)

    sessions, note = History.sessions, History.note


class Model:
    """Something to name."""


# Options: to JSON and back.

SWEEPS = [
    Sweep(),
    Sweep(
        dataset="digits",
        data_dir=Path("/data"),
        target="kind",
        train_size=10,
        standardise=False,
        space="cnn",
        fix=("dropout=0", "units=8"),
        warm_start=("earlier", "../elsewhere/x"),
        retest=2,
        trainable="mine:Model",
        trials=None,
        time_budget=12.5,
        cpus_per_trial=0.5,
        metric="val_loss",
        mode="max",
        storage=Path("somewhere"),
        name="x",
        resume=True,
        searcher=Optuna(startup_trials=3),
        scheduler=Asha(min_epochs=2),
        device=DeviceOptions(channels_last=False, compile=True, memory_share=0.5),
    ),
]


@pytest.mark.parametrize("sweep", SWEEPS, ids=["defaults", "all others"])
def test_options_survive_json(sweep):
    described = json.loads(json.dumps(codec.describe(sweep)))
    assert list(described) == [field.name for field in dataclasses.fields(Sweep)]
    recipe = Sweep(searcher=type(sweep.searcher)(), scheduler=type(sweep.scheduler)())
    assert codec.with_stored_options(recipe, described) == sweep


def test_options_as_json():
    described = codec.describe(SWEEPS[1])
    assert described["data_dir"] == "/data"
    assert described["fix"] == ["dropout=0", "units=8"]
    assert described["time_budget"] == 12.5
    assert described["standardise"] is False
    assert described["trials"] is None
    assert described["searcher"] == {
        "name": "Optuna",
        "sampler": "tpe",
        "startup_trials": 3,
        "random_share": 0.1,
        "near_default": True,
        "candidates": 24,
    }
    assert described["scheduler"] == {
        "name": "Asha",
        "min_epochs": 2,
        "reduction_factor": 3,
        "quota": True,
        "promote": False,
    }
    given = codec.describe(Sweep(space=LINE, trainable=Model))
    assert (given["space"], given["trainable"]) == ("line", "test_sessions:Model")


@pytest.mark.parametrize(
    ("data_dir", "noted"),
    [
        ("rows.csv", "{here}/rows.csv"),
        ("../data", "{above}/data"),
        ("~/data", "{home}/data"),
        ("/data", "/data"),
        ("s3://bucket/data", "s3://bucket/data"),
    ],
)
def test_where_the_data_lies_is_noted_for_any_folder(data_dir, noted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    noted = noted.format(here=tmp_path, above=tmp_path.parent, home=Path.home())
    described = codec.describe(Sweep(data_dir=Path(data_dir)))
    assert described["data_dir"] == noted
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = codec.with_stored_options(Sweep(), described)
    assert codec.describe(again)["data_dir"] == noted


def test_what_was_given_from_python_stays_the_object_it_is():
    sweep = Sweep(space=LINE, trainable=Model)
    stored = {**codec.describe(sweep), "trials": 7, "no longer": 1}
    again = codec.with_stored_options(sweep, stored)
    assert again.space is LINE
    assert again.trainable is Model
    assert again.trials == 7


def test_another_searcher_keeps_its_own_options():
    stored = codec.describe(Sweep(searcher=Grid(points=7)))
    again = codec.with_stored_options(Sweep(searcher=Optuna()), stored)
    assert again.searcher == Optuna(), "and the check says that it does not fit"


# Whether a sweep may start or go on.


FIRST = Sweep(dataset="digits", max_epochs=5, name="x", resume=True)


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """The folder of a sweep; whoever checks leaves it as it is."""
    folder = tmp_path_factory.mktemp("storage") / "x"
    write_sweep(folder, FIRST)
    return folder


def check(sweep, folder, *, recipe="random_search", space=LINE):
    starting.check(sweep, space=space, recipe=recipe, folder=folder)


def test_a_new_folder_is_fine_and_is_not_left_behind(tmp_path):
    check(Sweep(), tmp_path / "a" / "b" / "x")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x").mkdir()
    check(Sweep(), tmp_path / "x")
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]
    assert list((tmp_path / "x").iterdir()) == []


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ("x/notes.txt", "/x holds other files already: choose another --name"),
        ("x/sweep.json", "/x holds other files already"),  # somebody else's of that name
        ("x/history.db", "/x holds other files already"),
        ("x", "/x holds other files already"),
    ],
)
def test_a_folder_with_something_else_is_left_alone(there, message, tmp_path):
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("{}")
    with pytest.raises(UsageError, match=message):
        check(Sweep(), tmp_path / "x")
    assert (tmp_path / there).read_text() == "{}"


def test_a_driver_killed_before_it_had_a_history_is_not_in_the_way(tmp_path):
    folder, again = tmp_path / "kkopt", Sweep(name="kkopt", resume=True)
    folder.mkdir()
    starting.note(Sweep(), LINE, "random_search", folder)
    check(Sweep(trials=9), folder)
    told = r"'kkopt' in .* was killed before its first trial, .*: leave out --resume\.$"
    with pytest.raises(UsageError, match=told):
        check(again, folder)
    (folder / "notes.txt").touch()
    with pytest.raises(UsageError, match="holds other files already"):
        check(Sweep(), folder)
    with pytest.raises(UsageError, match=f"no sweep 'kkopt' to resume in {tmp_path}\\.$"):
        check(again, folder)


@pytest.mark.parametrize("made", ["file", "study"])
def test_a_driver_killed_before_its_first_session_goes_on(made, tmp_path):
    (tmp_path / "x").mkdir()
    starting.note(FIRST, LINE, "random_search", tmp_path / "x")
    if made == "file":
        (tmp_path / "x" / "history.db").touch()
    else:
        History(tmp_path / "x", name="x", objective=UP).close()
    with pytest.raises(UsageError, match="holds a sweep already: add --resume"):
        check(dataclasses.replace(FIRST, resume=False), tmp_path / "x")
    check(FIRST, tmp_path / "x")
    history = History(tmp_path / "x", name=None, objective=UP)
    running = controller(history, clock=Clock(), trials=1)
    with recording.recorded(history, running, FIRST, LINE):
        running.next()
    assert (recording.count(history), len(history.records())) == (1, 1)
    assert history._study.study_name == "x"
    history.close()


@pytest.mark.parametrize("name", ["a?b", "50%", "a#b", "{x}"])
def test_a_folder_that_the_histories_url_cannot_hold(name, tmp_path):
    with pytest.raises(UsageError, match="cannot hold"):
        check(Sweep(), tmp_path / name)
    with pytest.raises(UsageError, match="cannot hold"):
        check(Sweep(), tmp_path / name / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "[x]", "ä", "a;b", "a&b=c", "a\\b", "'x'"])
def test_other_odd_folders_hold_a_history(name, tmp_path):
    write_sweep(tmp_path / name, Sweep(), epochs=1)
    check(Sweep(resume=True, name=name), tmp_path / name)
    history = History(tmp_path / name, name=name, objective=UP)
    assert len(history.records()[0].reports) == 1


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def mkdir(path, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(UsageError, match=r"/x cannot be used \(Permission denied\): choose"):
        check(Sweep(), tmp_path / "x")


def test_a_folder_that_is_there_and_cannot_be_written(tmp_path, monkeypatch):
    def touch(path, **_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", touch)
    with pytest.raises(UsageError, match=r"\(Read-only file system\)"):
        check(Sweep(), tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"trials": 500},
        {"trials": None, "time_budget": 1000.0},
        {"max_total_epochs": 100, "patience": 3, "stop_at": 0.5},
        {"gpu_hours": 3.0, "gpus_per_trial": 1},
        {"concurrent": 1, "cpus_per_trial": 2, "gpus_per_trial": 1},
        {"keep_checkpoints": 9, "checkpoint_seconds": 1.0, "verbose": True},
        {"storage": Path("/elsewhere"), "data_dir": Path("/data")},
    ],
)
def test_what_a_resumed_sweep_may_change(changes, there):
    check(dataclasses.replace(FIRST, **changes), there)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, r"seed of 'x' was 0, .* \(got 1\): leave the option out"),
        ({"metric": "val_loss"}, "metric of 'x' was val_accuracy"),
        ({"mode": "min"}, "mode of 'x' was None"),
        ({"max_epochs": 6}, "max_epochs of 'x' was 5"),
        ({"dataset": "auto"}, "dataset of 'x' was digits"),
        ({"train_size": 10}, "train_size of 'x' was None"),
        ({"val_size": 10}, "val_size of 'x' was None"),
        ({"standardise": False}, "standardise of 'x' was True"),
        ({"fix": ("a=1",)}, "fix of 'x' was"),
        ({"warm_start": ("y",)}, r"warm_start of 'x' was \[\], .* \(got \['y'\]\)"),
        ({"warm_start": ("y",), "retest": 1}, "(warm_start|retest) of 'x' was"),
        ({"trainable": Model}, "trainable of 'x' was auto"),
        ({"searcher": Optuna()}, "searcher of 'x' was {'name': 'Random'}"),
        ({"scheduler": Asha(min_epochs=2)}, "scheduler of 'x' was .*'min_epochs': 1"),
    ],
)
def test_what_defines_a_sweep_stays(changes, message, there):
    with pytest.raises(UsageError, match=message):
        check(dataclasses.replace(FIRST, **changes), there)


def test_an_option_that_a_searcher_did_not_have_yet_does_not_stop_a_resume(there):
    path = there / "sweep.json"
    before = json.loads(path.read_text())
    del before["options"]["scheduler"]["quota"]
    path.write_text(json.dumps(before))
    check(FIRST, there)
    with pytest.raises(UsageError, match=r"scheduler of 'x' was .*, and a resumed sweep keeps it"):
        check(dataclasses.replace(FIRST, scheduler=Asha(reduction_factor=5)), there)


@pytest.mark.parametrize(
    "space",
    [CONDITIONAL, LINE.fix("learning_rate", 0.1), LINE.override("learning_rate", high=0.5)],
    ids=["another", "fixed", "narrower"],
)
def test_another_space_is_refused(space, there):
    with pytest.raises(UsageError, match=r"'x' searched another space than '.*' as it is now"):
        check(FIRST, there, space=space)


def test_another_recipe_is_refused(there):
    with pytest.raises(UsageError, match="'x' was started with the recipe 'random_search'"):
        check(FIRST, there, recipe="grid_search")


def test_a_sweep_that_is_there_is_not_overwritten(there):
    with pytest.raises(UsageError, match="/x holds a sweep already: add --resume"):
        check(dataclasses.replace(FIRST, resume=False), there)


def test_a_name_that_is_nearly_there_is_suggested(tmp_path):
    for name in ("first-sweep", "frist-notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "first-sweep" / "sweep.json").write_text("{}")
    with pytest.raises(UsageError, match=r"no sweep 'frist-sweep' .* mean 'first-sweep'\?"):
        check(Sweep(name="frist-sweep", resume=True), tmp_path / "frist-sweep")


def test_a_sweep_is_stored_once_both_of_its_files_are_there(tmp_path):
    folder = tmp_path / "x"
    assert starting.stored(folder) is None
    write_sweep(folder, Sweep(seed=3), recipe="grid_search")
    before = starting.stored(folder)
    assert list(json.loads((folder / "sweep.json").read_text())) == ["recipe", "options", "space"]
    assert (before.recipe, before.options["seed"]) == ("grid_search", 3)
    assert before.space == LINE.to_json()
    (folder / "history.db").unlink()
    assert starting.stored(folder) is None


def test_names_say_what_when(tmp_path):
    name = starting.default_name("grid_search", Sweep(dataset="digits"))
    assert re.fullmatch(r"grid_search-digits-\d{8}-\d{6}", name)


def at_once(jobs):
    """What each of them gives back or raises, started at the same moment."""
    start = threading.Barrier(len(jobs))

    def run(job):
        start.wait()
        try:
            return job()
        except UsageError as error:
            return error

    with ThreadPoolExecutor(len(jobs)) as threads:
        return list(threads.map(run, jobs))


@pytest.mark.parametrize("killed", [False, True], ids=["new folder", "a killed driver's"])
def test_of_drivers_that_start_at_once_one_has_the_folder(killed, tmp_path):
    if killed:
        starting.note(Sweep(seed=99), LINE, "random_search", tmp_path)
    asked = [Sweep(name="x", seed=seed) for seed in range(4)]
    for sweep in asked:
        check(sweep, tmp_path)  # each finds it unused
    found = at_once(
        [partial(runner._history, one, LINE, "random_search", "x", tmp_path) for one in asked]
    )
    (first,) = [sweep for sweep, one in zip(asked, found, strict=True) if isinstance(one, History)]
    refused = [one for one in found if isinstance(one, UsageError)]
    assert len(refused) == 3
    assert {str(one).partition(",")[0] for one in refused} == {
        f"{tmp_path} holds a sweep already: add --resume to go on with it"
    }
    assert starting.stored(tmp_path).options["seed"] == first.seed
    next(one for one in found if isinstance(one, History)).close()


def test_default_names_of_one_second_are_numbered(tmp_path):
    folder = tmp_path / "results" / "grid_search-20300101-120000"
    assert starting.unused(folder) == folder
    made = at_once([partial(starting.make_unused, folder)] * 3)
    assert sorted(one.name for one in made) == [folder.name + end for end in ("", "-2", "-3")]
    assert starting.unused(folder).name == f"{folder.name}-4"


# What is noted of each session.


def session(history, clock, *, seconds, sweep=None, reason=None):
    """A session of so many seconds in which one epoch is trained at their middle."""
    options = {
        "clock": clock,
        "spent": recording.spent(history),
        "max_epochs": 50,
        "trials": 1,
    }
    number = recording.count(history)
    if number == 0:
        running = controller(history, **options)
    else:
        running = resumed(history, checkpoint=lambda record: ("a", record.epoch), **options)
    with recording.recorded(history, running, sweep or Sweep(), LINE):
        clock.now += seconds / 2
        running.next()
        report(running, 0, running.trials[0].epoch + 1, 0.5)
        clock.now += seconds / 2
        if reason is not None:
            running.request_stop(reason)
    return running


def test_sessions_are_counted_and_their_seconds_add_up(tmp_path):
    history, clock = WithAttributes(tmp_path), Clock()
    assert (recording.count(history), recording.spent(history)) == (0, 0.0)
    session(history, clock, seconds=10, reason="interrupted")
    assert (recording.count(history), recording.spent(history)) == (1, 10.0)
    clock.now += 5000  # nobody counts the night between
    later = session(history, clock, seconds=4, sweep=Sweep(trials=9))
    assert (recording.count(history), recording.spent(history)) == (2, 14.0)
    assert [one.until for one in history.sessions()] == [10.0, 14.0]
    assert [one.stop_reason for one in history.sessions()] == ["interrupted", None]
    assert [one.options["trials"] for one in history.sessions()] == [64, 9]
    assert [r.at for r in later.trials[0].reports] == [5.0, 12.0]


def test_a_killed_session_counts_up_to_its_last_report(tmp_path):
    history, clock = WithAttributes(tmp_path), Clock()
    running = controller(history, clock=clock, max_epochs=50)
    noted = recording.recorded(history, running, Sweep(), LINE)
    with noted:
        running.next()
        for epoch in (1, 2):
            clock.now += 3
            report(running, 0, epoch, 0.5)
        clock.now += 100
        killed = history.get("sessions")  # what is on disk while it runs
    history.set("sessions", killed)
    assert (recording.count(history), recording.spent(history)) == (1, 6.0)


def test_gpu_seconds_add_up_too_and_a_killed_session_counts_up_to_its_last_report(tmp_path):
    history, clock = WithAttributes(tmp_path), Clock()
    options = {"clock": clock, "max_epochs": 50, "gpus_per_trial": 0.5}
    running = controller(history, **options)
    with recording.recorded(history, running, Sweep(), LINE):
        clock.now += 100  # no trial runs: no GPU is used
        running.next()
        running.next()
        clock.now += 10
        report(running, 0, 1, 0.5)
        clock.now += 4
    # two trials with half a GPU each, for 14 seconds
    assert recording.gpu_seconds(history) == pytest.approx(14.0)
    options["gpus_per_trial"] = 2
    later = resumed(history, gpu_seconds=14.0, **options)
    with recording.recorded(history, later, Sweep(), LINE):
        later.next()
        clock.now += 3
        report(later, 0, 2, 0.5)
        clock.now += 100
        killed = history.get("sessions")
    history.set("sessions", killed)
    assert recording.gpu_seconds(history) == pytest.approx(14.0 + 2 * 3)


def test_what_a_new_sweep_is_asked(tmp_path):
    starting.note(Sweep(trials=3), LINE, "random_search", tmp_path)
    assert json.loads((tmp_path / "sweep.json").read_text()) == {
        "recipe": "random_search",
        "options": codec.describe(Sweep(trials=3)),
        "space": LINE.to_json(),
    }


def test_the_history_has_its_space(tmp_path):
    history, clock = WithAttributes(tmp_path), Clock()
    session(history, clock, seconds=2, sweep=Sweep(trials=3))
    assert history.get("space") == LINE.to_json()


def test_an_error_does_not_hide_the_seconds(tmp_path):
    history, clock = WithAttributes(tmp_path), Clock()
    running = controller(history, clock=clock)

    def fails():
        with recording.recorded(history, running, Sweep(), LINE):
            clock.now += 7
            raise RuntimeError("the cluster is gone")

    with pytest.raises(RuntimeError, match="the cluster is gone"):
        fails()
    assert recording.spent(history) == 7.0

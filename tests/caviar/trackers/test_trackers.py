"""Trackers beside the history, with the real packages: what they have of a sweep without Ray."""

from __future__ import annotations

import math
import struct
import threading

import pytest
from commands import sweep
from wandb.proto import wandb_internal_pb2
from without_ray import METRIC, InMemory, controller, report, resumed, run_trial

from caviar import Sweep, UsageError, trackers
from caviar.store.location import Location
from caviar.trackers import tracked_history
from caviar.trackers.mlflow_tracker import MLflow, client
from caviar.trackers.tensorboard_tracker import TensorBoard
from caviar.trackers.tracked_history import Followed, Tracker
from caviar.trackers.wandb_tracker import WandB


class Noted(Tracker):
    """Notes what it is told; raises or waits where it is asked to."""

    option = "--noted"

    def __init__(self, *, raises=None, waits=None):
        self.told, self.raises, self.waits = [], raises, waits

    def _note(self, *what):
        if self.waits is not None:
            self.waits.wait(60)
        if what[0] == self.raises:
            raise ConnectionError("the server is gone\nand more")
        self.told.append(what)

    def start(self, record):
        self._note("start", record.number)

    def report(self, number, report):
        self._note("report", number, report.epoch)

    def end(self, record, best):
        self._note("end", record.number, record.outcome, best)

    def close(self):
        self._note("close")


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """What is real here, the packages and their databases, may take its time."""
    monkeypatch.setattr(tracked_history, "PATIENCE", 250)


def follow(*found, run, history=None):
    """What was said, of a sweep that these trackers follow."""
    said = []
    log = Followed(history or InMemory(), found, said.append)
    run(controller(log, max_epochs=2))
    log.close()
    return said


def three_trials(sweep):
    run_trial(sweep, [0.5, 0.75])
    run_trial(sweep, [0.25, math.nan], diverged=True)
    sweep.next()
    report(sweep, 2, 1, 0.6)


def test_a_tracker_is_told_all_in_order():
    one = Noted()
    assert follow(one, run=three_trials) == []
    assert one.told == [
        ("start", 0),
        ("report", 0, 1),
        ("report", 0, 2),
        ("end", 0, "completed", 0.75),
        ("start", 1),
        ("report", 1, 1),
        ("report", 1, 2),
        ("end", 1, "diverged", 0.25),
        ("start", 2),
        ("report", 2, 1),
        ("close",),
    ]


@pytest.mark.parametrize("where", ["start", "report", "end", "close"])
def test_one_that_raises_is_left_out_and_the_sweep_goes_on(where):
    broken, sound, history = Noted(raises=where), Noted(), InMemory()
    said = follow(broken, sound, run=three_trials, history=history)
    assert said == [
        "--noted gets no more, and the sweep goes on (ConnectionError: the server is gone)"
    ]
    assert len(history.records()) == 3
    assert len(sound.told) == 11
    assert where not in [told[0] for told in broken.told]


def test_one_that_is_slow_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(tracked_history, "PATIENCE", 0.01)
    gate = threading.Event()
    slow, history = Noted(waits=gate), InMemory()
    said = follow(slow, run=three_trials, history=history)
    assert len(history.records()) == 3
    assert said == ["--noted has not taken everything within 0.01 seconds; the history has it all"]
    gate.set()


def test_tensorboard_has_a_run_a_trial_with_curve_and_hyperparameters(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert follow(TensorBoard(tmp_path, metric=METRIC), run=three_trials) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "trial_0000", "trial_0001", "trial_0002",
    ]  # fmt: skip
    events = EventAccumulator(str(tmp_path / "trial_0000")).Reload()
    assert [(e.step, e.value) for e in events.Scalars(METRIC)] == [(1, 0.5), (2, 0.75)]
    assert [e.value for e in events.Scalars(f"best/{METRIC}")] == [0.75]
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"learning_rate" in content
    assert b"completed" in content
    cut_off = EventAccumulator(str(tmp_path / "trial_0002")).Reload()
    assert [(e.step, round(e.value, 6)) for e in cut_off.Scalars(METRIC)] == [(1, 0.6)]


def test_mlflow_has_an_experiment_with_a_run_a_trial(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    history = InMemory()

    def tracker():
        return MLflow(uri, name="a sweep", metric=METRIC, token="abc")

    assert follow(tracker(), run=three_trials, history=history) == []
    # Another session goes on with trial 2, in the same run.
    said = []
    log = Followed(history, [tracker()], said.append)
    log.records = history.records
    again = resumed(log, max_epochs=2)
    again.next()
    report(again, 2, 1, 0.6)
    report(again, 2, 2, 0.7)
    again.free(2)
    log.close()
    assert said == []
    connection = client(uri)
    experiment = connection.get_experiment_by_name("a sweep")
    runs = {
        run.data.tags["caviar.trial"]: run
        for run in connection.search_runs([experiment.experiment_id])
    }
    assert sorted(runs) == ["0", "1", "2"]
    assert [run.info.status for _, run in sorted(runs.items())] == [
        "FINISHED", "FAILED", "FINISHED",
    ]  # fmt: skip
    assert [run.data.tags["outcome"] for _, run in sorted(runs.items())] == [
        "completed", "diverged", "completed",
    ]  # fmt: skip
    assert runs["0"].data.params == {"learning_rate": "0.01"}
    assert runs["0"].data.metrics == {METRIC: 0.75, f"best_{METRIC}": 0.75}
    curve = connection.get_metric_history(runs["2"].info.run_id, METRIC)
    assert sorted((m.step, m.value) for m in curve) == [(1, 0.6), (2, 0.7)]


def wandb_records(path):
    """The records of an offline run: LevelDB's log format after a header of seven bytes.

    Blocks of 32 KiB; in them checksum (4 bytes), length (2), type (1: whole, 2 to 4: first, middle
    and last part) and the data.
    """
    content, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:  # too little is left of the block
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def test_wandb_has_a_run_a_trial_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracker = WandB("project", tmp_path, name="a sweep", metric=METRIC, token="abc")
    assert follow(tracker, run=three_trials) == []
    found = {}
    for path in (tmp_path / "wandb").glob("offline-run-*/*.wandb"):
        run, rows = None, []
        for record in wandb_records(path):
            if record.HasField("run"):
                run = record.run.run_id, record.run.run_group, record.run.project
                config = {item.key: item.value_json for item in record.run.config.update}
                assert "learning_rate" in config
            elif record.HasField("history"):
                items = {(i.key or i.nested_key[0]): i.value_json for i in record.history.item}
                rows.append((record.history.step.num, items[METRIC]))
        found[run] = rows
    assert found == {
        ("abc-0", "a sweep", "project"): [(1, "0.5"), (2, "0.75")],
        ("abc-1", "a sweep", "project"): [(1, "0.25"), (2, "NaN")],
        ("abc-2", "a sweep", "project"): [(1, "0.6")],
    }


# What cannot work is refused before the sweep starts.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mlflow": "file:///tmp/runs"}, "--mlflow cannot open 'file:///tmp/runs'"),
        ({"mlflow": "sqlite:////dev/null/x.db"}, "--mlflow cannot open 'sqlite:"),
        ({"wandb": "p"}, "--wandb has no key for api.wandb.ai: run wandb login"),
    ],
)
def test_what_cannot_be_reached_is_refused(options, message, tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match=message):
        trackers.check(Sweep(**options), Location.of(tmp_path))


@pytest.mark.parametrize("options", [{"tensorboard": True}, {"mlflow": "x"}, {"wandb": "x"}])
def test_a_package_that_is_missing_is_named(options, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (name,) = options
    with pytest.raises(UsageError, match=rf"pip install 'caviar-tune\[{name}\]'"):
        trackers.check(Sweep(**options), Location.of(tmp_path))


def test_an_object_store_has_no_room_for_files_of_trackers():
    with pytest.raises(UsageError, match="--tensorboard writes files into the folder"):
        trackers.check(Sweep(tensorboard=True), Location("bucket/x", "s3"))


def test_nothing_is_asked_by_default(tmp_path):
    trackers.check(Sweep(), Location.of(tmp_path))
    assert trackers.chosen(Sweep(), Location.of(tmp_path), None, name="x") == []


@pytest.mark.timeout(300)
def test_a_sweep_tells_all_three(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    options = ["--dataset", "digits", "--train-size", "200", "--trials", "2", "--max-epochs", "1"]
    options += ["--name", "x", "--storage", str(tmp_path), "--concurrent", "2"]
    options += ["--tensorboard", "--mlflow", uri, "--wandb", "project"]
    out, err = sweep("random_search", *options)
    assert err == "", "they do not talk into the sweep's own output"
    assert "gets no more" not in out
    folder = tmp_path / "x"
    assert len(list(folder.glob("tensorboard/trial_000[01]/events.*"))) >= 2
    assert len(list(folder.glob("wandb/offline-run-*"))) == 2
    connection = client(uri)
    runs = connection.search_runs([connection.get_experiment_by_name("x").experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["trial 0", "trial 1"]
    assert all("val_accuracy" in run.data.metrics for run in runs)

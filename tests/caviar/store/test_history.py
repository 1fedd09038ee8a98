"""The history on disk: what it gives back, what others see in it, when it is safe."""

from __future__ import annotations

import io
import json
import math
import shutil

import optuna
import pytest
from optuna.trial import TrialState
from without_ray import CONDITIONAL, METRIC, open_history

from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.controller.events import DecisionEvent, Kind
from caviar.schedulers.reasons import BelowCut

NAN, INF = math.nan, math.inf
ADAM = {"learning_rate": 0.1, "optimizer": "adam", "units": 8, "layers": 2, "widths": [8, 8]}
SGD = {**CONDITIONAL.default(), "momentum": 0.97}


def record(number, config=None, **changes):
    fields = {"number": number, "config": config or SGD, "seed": 7 + number, "session": 0}
    return TrialRecord(**{**fields, **changes})


def reports(*values, order=0, **metrics):
    return [
        Report(
            epoch=epoch, metrics={METRIC: value, **metrics}, order=order + epoch, at=epoch + 0.125
        )
        for epoch, value in enumerate(values, start=1)
    ]


def write(history, one, space=CONDITIONAL, best=None):
    """A whole trial."""
    history.start(TrialRecord(one.number, one.config, one.seed, one.session), space)
    for report in one.reports:
        history.report(one.number, report)
    if one.outcome is not Outcome.RUNNING:
        history.end(one, best)
    return one


@pytest.fixture
def history(tmp_path):
    opened = open_history(tmp_path)
    yield opened
    opened.close()


TRIALS = [
    record(0, reports=reports(0.5, 0.6, val_loss=1.5), outcome=Outcome.COMPLETED),
    record(1, ADAM, reports=reports(0.1, order=2), outcome=Outcome.STOPPED_EARLY),
    record(2, reports=reports(0.1, NAN), outcome=Outcome.DIVERGED, session=1),
    record(3, reports=reports(0.1), outcome=Outcome.FAILED, error="RuntimeError: out of luck"),
    record(4, outcome=Outcome.FAILED, error="ValueError: at once"),
    record(5, reports=reports(0.1, 0.2, 0.3)),
    record(6),
]


def same(one, other):
    """Equality in which NaN is NaN."""
    return repr(one) == repr(other)


def test_everything_comes_back(history, tmp_path):
    for trial in TRIALS:
        write(history, trial, best=0.6)
    expected = dict(enumerate(TRIALS))
    assert same(history.records(), expected)
    assert same(open_history(tmp_path).records(), expected)


def test_each_call_is_on_disk_when_it_returns(history, tmp_path):
    """A copy of the files after each call is what a killed driver leaves behind."""
    left = iter(range(100))

    def on_disk():
        folder = tmp_path / f"copy {next(left)}"
        folder.mkdir()
        for path in tmp_path.glob("history.db*"):
            shutil.copy(path, folder)
        copy = open_history(folder)
        found = copy.records(), copy.get("sessions")
        copy.close()
        return found

    trial = record(0)
    history.start(trial, CONDITIONAL)
    assert on_disk() == ({0: trial}, None)
    for report in reports(0.5, 0.6):
        history.report(0, report)
        trial.reports.append(report)
        assert on_disk() == ({0: trial}, None)
    history.set("sessions", [{"until": 1.5}])
    assert on_disk() == ({0: trial}, [{"until": 1.5}])
    trial.session = 3
    history.again(trial)
    assert on_disk()[0] == {0: trial}
    trial.outcome, trial.error = Outcome.FAILED, "RuntimeError: no"
    history.end(trial, None)
    assert on_disk()[0] == {0: trial}


def test_another_process_reads_while_it_is_written(history, tmp_path):
    reader = open_history(tmp_path)
    for number in range(3):
        history.start(record(number), CONDITIONAL)
        history.report(number, reports(0.5)[0])
        assert reader.records() == history.records()
        assert len(reader.records()) == number + 1
    assert list(tmp_path.glob("history.db-wal")), "readers do not wait for the writer"


@pytest.mark.parametrize(
    ("outcome", "best", "state", "value"),
    [
        (Outcome.COMPLETED, 0.6, TrialState.COMPLETE, 0.6),
        (Outcome.COMPLETED, None, TrialState.FAIL, None),  # nothing finite to show for it
        (Outcome.STOPPED_EARLY, 0.6, TrialState.PRUNED, None),
        (Outcome.FAILED, 0.6, TrialState.FAIL, None),
        (Outcome.DIVERGED, 0.6, TrialState.FAIL, None),
        (Outcome.RUNNING, None, TrialState.RUNNING, None),
    ],
)
def test_states_in_optuna(outcome, best, state, value, history):
    trial = record(0, reports=reports(0.4, 0.6, 0.5), outcome=outcome)
    write(history, trial, best=best)
    (found,) = optuna.load_study(study_name=None, storage=f"sqlite:///{history.path}").get_trials()
    assert found.state == state
    assert found.intermediate_values == {1: 0.4, 2: 0.6, 3: 0.5}
    assert (found.value if state.is_finished() else None) == value
    assert history.records()[0].outcome is outcome


@pytest.mark.parametrize("mode", ["max", "min"])
def test_optuna_opens_it_in_natural_units(mode, tmp_path):
    history = open_history(tmp_path, mode=mode)
    write(history, record(0, reports=reports(0.5), outcome=Outcome.COMPLETED), best=0.5)
    write(history, record(1, ADAM, reports=reports(0.6), outcome=Outcome.COMPLETED), best=0.6)
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{history.path}")
    assert study.best_trial.number == (1 if mode == "max" else 0)
    sgd, adam = study.get_trials()
    assert sgd.params == {**SGD, "widths": "[8]"}  # Optuna's choices cannot be lists
    assert adam.params == {**ADAM, "widths": "[8, 8]"}
    assert "momentum" not in adam.params
    learning_rate = sgd.distributions["learning_rate"]
    assert (learning_rate.low, learning_rate.high, learning_rate.log) == (1e-4, 1.0, True)
    assert len(study.trials_dataframe()) == 2


def test_the_dashboard_shows_a_running_sweep(history):
    optuna_dashboard = pytest.importorskip("optuna_dashboard")
    write(history, record(0, reports=reports(0.4, 0.6), outcome=Outcome.COMPLETED), best=0.6)
    write(history, record(1, ADAM, reports=reports(NAN, INF, -INF)))

    def get(path):
        app = optuna_dashboard.wsgi(f"sqlite:///{history.path}")  # it caches for ten seconds
        answered = []
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        }
        body = b"".join(app(environ, lambda status, headers, error=None: answered.append(status)))
        assert answered == ["200 OK"]

        def no(constant):
            raise AssertionError(f"{constant} is no JSON: a browser could not read the answer")

        return json.loads(body, parse_constant=no)

    (study,) = get("/api/studies")["study_summaries"]
    assert (study["study_name"], study["directions"]) == ("sweep", ["maximize"])
    trials = get(f"/api/studies/{study['study_id']}")["trials"]
    assert [trial["state"] for trial in trials] == ["Complete", "Running"]
    assert trials[0]["values"] == [0.6]
    assert [v["value"] for v in trials[0]["intermediate_values"]] == [0.4, 0.6]
    shown = {param["name"]: param["param_external_value"] for param in trials[1]["params"]}
    assert shown == {
        "learning_rate": "0.1",
        "optimizer": "adam",
        "units": "8",
        "layers": "2",
        "widths": "[8, 8]",
    }
    history.report(1, Report(epoch=4, metrics={METRIC: 0.7}, order=9, at=1.0))
    later = get(f"/api/studies/{study['study_id']}")["trials"]
    assert later[1]["intermediate_values"][-1] == {"step": 4, "value": 0.7}


def test_what_holds_for_the_whole_sweep(history, tmp_path):
    assert history.get("sessions") is None
    assert history.get("sessions", []) == []
    history.set("sessions", [{"until": 1.5, "options": {"trials": None}}])
    history.set("sessions", [{"until": 2.5}])
    assert open_history(tmp_path).get("sessions") == [{"until": 2.5}]


def test_a_report_without_the_metric_is_kept(history):
    history.start(record(0), CONDITIONAL)
    only_loss = Report(epoch=1, metrics={"val_loss": 0.5}, order=0, at=1.0)
    history.report(0, only_loss)
    assert history.records()[0].reports == [only_loss]


def test_a_sweep_goes_on_in_the_same_file(tmp_path):
    first = open_history(tmp_path)
    first.start(record(0), CONDITIONAL)
    first.close()
    again = open_history(tmp_path)
    trial = record(0, session=1)
    again.again(trial)
    again.report(0, reports(0.5)[0])
    again.start(record(1), CONDITIONAL)
    assert list(again.records()) == [0, 1]
    assert again.records()[0] == record(0, session=1, reports=reports(0.5))


def test_what_was_decided_is_appended_with_its_time(history):
    narrower = "  learning_rate 0.0001 … 1 -> 0.01 … 0.1"
    events = [
        DecisionEvent(kind=Kind.MESSAGE, at=7325.0, message="stage 2 of 3: closer"),
        DecisionEvent(kind=Kind.MESSAGE, at=7325.4, message=narrower),
        DecisionEvent(kind=Kind.STOPPED, at=0.0, trial=3, epoch=1, reason=BelowCut(0.25, 0.5)),
        DecisionEvent(kind=Kind.PROMOTED, at=0.0, trial=2, epoch=1),
    ]
    for event in events:
        history.decide(event)
    assert (history.path.parent / "decisions.log").read_text(encoding="utf-8") == (
        "     2 h 2 min  stage 2 of 3: closer\n"
        "     2 h 2 min    learning_rate 0.0001 … 1 -> 0.01 … 0.1\n"
        "           0 s  stopped trial 3 at epoch 1: 0.25 is below the rung's cut 0.5\n"
        "           0 s  promoted trial 2 at epoch 1: it is the best that waits there\n"
    )
    lines = (history.path.parent / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [DecisionEvent.of_json(json.loads(line)) for line in lines] == events

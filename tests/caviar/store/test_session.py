"""One session as a history keeps it, and the state of a sweep that follows from its sessions."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from without_ray import open_history

from caviar.store.session import CRASHED, RUNNING, Commit, How, Session, SweepState, state

WHOLE = {
    "started": 1_790_000_000.0,
    "from": 2.0,
    "until": 12.5,
    "options": {"trials": 9},
    "versions": {"python": "3.11.0"},
    "data": "digits: 10 rows",
    "data_checksum": "c0ffee00",
    "dataset": "digits",
    "concurrent": 2,
    "host": "here",
    "pid": 17,
    "git": {"commit": "0" * 40, "changed": True},
    "gpu_seconds": 1.5,
    "stop_reason": "interrupted",
    "finals": "crashed",
}


def test_every_key_is_read_and_written_as_it_was():
    found = Session.from_json(WHOLE)
    assert found.to_json() == WHOLE
    assert list(found.to_json()) == list(WHOLE)
    assert (found.begin, found.seconds, found.ended) == (2.0, 10.5, True)
    assert found.git == Commit("0" * 40, changed=True)
    assert str(found.git) == "0" * 40 + ", with changes that are not in it"


@pytest.mark.parametrize("missing", [key for key in WHOLE if key != "dataset"])
def test_a_key_that_an_older_version_did_not_note_has_a_default(missing):
    stored = {key: value for key, value in WHOLE.items() if key != missing}
    usual = Session().to_json() | {"stop_reason": None, "finals": None}
    found = Session.from_json(stored).to_json()
    assert {"stop_reason": None, "finals": None} | found == {**WHOLE, missing: usual[missing]}


def test_an_end_without_a_reason_is_not_the_same_as_no_end():
    ended, running = Session.from_json({"stop_reason": None}), Session.from_json({})
    assert (ended.ended, running.ended) == (True, False)
    assert (ended.stop_reason, running.stop_reason) == (None, None)
    assert ended.to_json()["stop_reason"] is None
    assert "stop_reason" not in running.to_json()


def test_keys_of_a_newer_version_and_empty_ones_are_passed_over():
    assert Session.from_json({"of tomorrow": 1, "git": None, "host": None}) == Session()


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ({"data": "digits: 10 rows", "dataset": "other"}, "other"),
        ({"data": "mine: with: colons"}, "mine"),  # as before the name had a field of its own
        ({"data": "digits"}, "digits"),
        ({}, None),
    ],
)
def test_the_name_of_the_data_set(stored, name):
    assert Session.from_json(stored).dataset == name


def test_in_a_history_one_session_is_replaced_and_the_others_stay(tmp_path):
    history = open_history(tmp_path)
    assert history.sessions() == []
    history.set("sessions", [{"until": 1.0, "of tomorrow": 1}])
    second = Session(until=2.0)
    history.note(second, 1)
    history.note(replace(second, until=3.0, ended=True), 1)
    history.close()
    again = open_history(tmp_path)
    assert [one.until for one in again.sessions()] == [1.0, 3.0]
    assert again.get("sessions")[0] == {"until": 1.0, "of tomorrow": 1}
    again.close()


HERE = {"host": "HERE", "pid": os.getpid()}


@pytest.mark.parametrize(
    ("changes", "found", "words", "may_run"),
    [
        ({"ended": True}, SweepState(How.FINISHED), "finished", False),
        (
            {"ended": True, "stop_reason": "time budget"},
            SweepState(How.STOPPED, "time budget"),
            "time budget",
            False,
        ),
        ({"ended": True, "stop_reason": CRASHED}, SweepState(How.CRASHED), "crashed", False),
        (HERE, SweepState(How.RUNNING), "running", True),
        ({**HERE, "host": "another"}, SweepState(How.UNKNOWN), "unfinished", True),
        # above every process id of Linux
        ({**HERE, "pid": 2**22 + 1}, SweepState(How.KILLED), "killed", False),
        (
            {"ended": True, "finals": RUNNING, **HERE},
            SweepState(How.RUNNING, in_finals=True),
            "finals running",
            True,
        ),
        (
            {"ended": True, "finals": "interrupted"},
            SweepState(How.STOPPED, "interrupted", in_finals=True),
            "finals interrupted",
            False,
        ),
        (
            {"ended": True, "finals": CRASHED},
            SweepState(How.CRASHED, in_finals=True),
            "finals crashed",
            False,
        ),
    ],
)
def test_the_state_of_a_sweep(changes, found, words, may_run, monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "HERE")
    last = Session(**changes)
    assert Session.from_json(json.loads(json.dumps(last.to_json()))) == last
    assert state([Session(ended=True), last]) == found
    assert (str(found), found.may_run) == (words, may_run)


def test_a_sweep_without_a_session_was_killed_before_its_first():
    assert state([]) == SweepState(How.KILLED)

"""Other words for every decision: what is stored, resumed, watched and counted stays the same."""

import dataclasses

import pytest
from without_ray import LINE, METRIC, UP, controller, drive, report, resumed, run_trial

from caviar import Asha, Sweep
from caviar.controller.events import DecisionEvent
from caviar.schedulers import reasons
from caviar.store import experiments, recording, starting
from caviar.store.history import History
from caviar.terminal.watched import Watched

NONSENSE = "stopped trial 99 at epoch 1: : \n{x} paused"
ASHA = Asha(quota=False)
OPTIONS = {"scheduler": ASHA, "max_epochs": 3, "trials": 5}


def reword(monkeypatch):
    """Nonsense in place of every sentence about a decision."""
    for kind in vars(reasons).values():
        if dataclasses.is_dataclass(kind):
            monkeypatch.setattr(kind, "words", lambda self, direction: NONSENSE)
    monkeypatch.setattr(DecisionEvent, "words", lambda self, direction: NONSENSE)
    monkeypatch.setattr(DecisionEvent, "why", lambda self, direction: NONSENSE)


def swept(folder):
    """A sweep that is cut off, watched, resumed and watched; all that is known of it."""
    folder.mkdir()
    asked = Sweep(trials=5, max_epochs=3, metric=METRIC, scheduler=ASHA)
    starting.note(asked, LINE, "random_search", folder)
    history = History(folder, name=folder.name, objective=UP)
    first = controller(history, **OPTIONS)
    with recording.recorded(history, first, asked, LINE):
        for values in ([0.5, 0.6, 0.7], [0.25], [0.6, 0.7, 0.8]):
            run_trial(first, values)
        first.next()
        report(first, 3, 1, 0.55)
    watched = Watched(experiments.find(folder))
    watched.look()
    seen = [sorted(watched._stopped), len(watched.decisions), watched.trials.counts()]
    again = resumed(history, **OPTIONS)
    drive(again)
    watched.look()
    seen += [sorted(watched._stopped), len(watched.decisions), watched.trials.counts()]
    watched.close()
    found = history.records()
    history.close()
    events = (folder / "decisions.jsonl").read_text()
    return seen, events, [(r.config, r.outcome, r.epoch, r.error) for r in found.values()]


def test_other_words_change_nothing(tmp_path, monkeypatch):
    before = swept(tmp_path / "before")
    reword(monkeypatch)
    assert swept(tmp_path / "after") == before
    assert before[0][0] == [1]


@pytest.mark.parametrize("kind", reasons._KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_reason_comes_back_from_json(kind):
    values = {field.name: 1 for field in dataclasses.fields(kind)}
    reason = kind(**values)
    stored = {"kind": kind.__name__, **dataclasses.asdict(reason)}
    assert reasons.reason_of(stored) == reason
    assert reasons.reason_of({**stored, "more": 1}) is None

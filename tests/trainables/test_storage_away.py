"""Storage that cannot be written for a while costs a trial a checkpoint at the most."""

import os

import pytest
from ray import tune
from ray.train._internal.session import _TrainingResult

from trainables import TorchTrainable, saving

FULL = OSError(28, "No space left on device")


@pytest.fixture
def trial(monkeypatch, tmp_path):
    """A trial of a sweep whose storage refuses the first `refusals` writes."""
    monkeypatch.setattr(saving, "STORAGE_SECONDS", 0.05)

    def make(refusals, error=FULL):
        tries = []

        def save(self, checkpoint_dir=None):
            tries.append(checkpoint_dir)
            if len(tries) <= refusals:
                raise error
            return _TrainingResult(checkpoint=tune.Checkpoint(tmp_path), metrics={})

        monkeypatch.setattr(tune.Trainable, "save", save)
        found = TorchTrainable.__new__(TorchTrainable)
        found._storage = object()
        found._last = {"epoch": 3}
        found.tries = tries
        return found

    return make


def test_storage_that_comes_back_is_waited_for(trial, monkeypatch, tmp_path):
    monkeypatch.setattr(saving, "STORAGE_SECONDS", 60.0)
    monkeypatch.setattr(saving.time, "sleep", lambda seconds: None)
    patient = trial(refusals=3)
    assert patient.save().checkpoint.path == str(tmp_path)
    assert len(patient.tries) == 4
    assert len(set(patient.tries)) == 4, "nothing half-written is taken up again"


def test_a_trial_goes_on_without_a_checkpoint_when_it_stays_away(trial, caplog):
    result = trial(refusals=10**9).save()
    assert result.checkpoint is None
    assert "No checkpoint in epoch 3: [Errno 28] No space left on device" in caplog.text


def test_what_the_storage_is_not_to_blame_for_is_raised(trial):
    with pytest.raises(RuntimeError, match="a bug"):
        trial(refusals=1, error=RuntimeError("a bug")).save()


def test_outside_a_sweep_nothing_is_waited_for(trial):
    alone = trial(refusals=1)
    alone._storage = None
    with pytest.raises(OSError, match="No space left"):
        alone.save("/somewhere")
    assert alone.tries == ["/somewhere"]


def test_a_checkpoint_in_a_folder_is_on_the_disk_before_the_trial_goes_on(
    trial, monkeypatch, tmp_path
):
    for name in ("last.pt", "checkpoint.json"):
        (tmp_path / name).write_text(name)
    flushed = set()
    monkeypatch.setattr(os, "fsync", lambda file: flushed.add(os.fstat(file).st_ino))
    trial(refusals=0).save()
    paths = (tmp_path / "last.pt", tmp_path / "checkpoint.json", tmp_path)
    assert flushed == {path.stat().st_ino for path in paths}


def test_a_file_system_that_cannot_flush_costs_no_checkpoint(trial, monkeypatch):
    def refuse(file):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "fsync", refuse)
    assert trial(refusals=0).save().checkpoint is not None

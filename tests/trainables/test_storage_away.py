"""Storage that cannot be written for a while costs a trial a checkpoint at the most."""

import pytest
from ray import tune
from ray.train._internal.session import _TrainingResult

from trainables import TorchTrainable, saving

FULL = OSError(28, "No space left on device")


@pytest.fixture
def trial(monkeypatch):
    """A trial of a sweep whose storage refuses the first ``refusals`` writes."""
    monkeypatch.setattr(saving, "STORAGE_SECONDS", 0.05)

    def make(refusals, error=FULL):
        tries = []

        def save(self, checkpoint_dir=None):
            tries.append(checkpoint_dir)
            if len(tries) <= refusals:
                raise error
            return _TrainingResult(checkpoint="saved", metrics={})

        monkeypatch.setattr(tune.Trainable, "save", save)
        found = TorchTrainable.__new__(TorchTrainable)
        found._storage = object()
        found._last = {"epoch": 3}
        found.tries = tries
        return found

    return make


def test_storage_that_comes_back_is_waited_for(trial, monkeypatch):
    monkeypatch.setattr(saving, "STORAGE_SECONDS", 60.0)
    monkeypatch.setattr(saving.time, "sleep", lambda seconds: None)
    patient = trial(refusals=3)
    assert patient.save().checkpoint == "saved"
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

"""Where checkpoints are, which is the newest whole one, and what is removed."""

from __future__ import annotations

import json

import pytest
from without_ray import checkpoint

from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.store import checkpoints
from caviar.store.checkpoints import CheckpointFolder, folder_name
from caviar.store.location import Location
from trainables.manifest import is_altered


def on(folder):
    """A folder of this machine as the functions take it."""
    return Location.of(folder)


def newest(folder, number):
    found = checkpoints.newest(on(folder), number)
    return None if found is None else (found[0].local, found[1])


def remove(folder, number):
    checkpoints.remove(on(folder), number)


def keep_newest(folder, number):
    checkpoints.keep_newest(on(folder), number)


def tidy(folder):
    checkpoints.tidy(on(folder))


def drop_unknown(folder, records):
    checkpoints.drop_unknown(on(folder), records)


def drop_damaged(folder, records):
    checkpoints.drop_damaged(on(folder), records)


@pytest.mark.parametrize(
    ("number", "attempt", "name"),
    [
        (0, 0, "trial-0000"),
        (7, 0, "trial-0007"),
        (7, 2, "trial-0007.2"),
        (12345, 1, "trial-12345.1"),
    ],
)
def test_folder_names(number, attempt, name):
    assert folder_name(number, attempt) == name


def test_no_checkpoint_no_newest(tmp_path):
    assert newest(tmp_path, 0) is None
    (tmp_path / "trial-0000").mkdir()
    assert newest(tmp_path, 0) is None
    assert newest(tmp_path / "nowhere", 0) is None


def test_the_newest_is_the_one_with_most_epochs_over_all_attempts(tmp_path):
    checkpoint(tmp_path, "trial-0003", 0, 2)
    checkpoint(tmp_path, "trial-0003", 1, 5)
    checkpoint(tmp_path, "trial-0003.2", 0, 4)  # trained again from the second epoch
    path, manifest = newest(tmp_path, 3)
    assert path == tmp_path / "trial-0003" / "checkpoint_000001"
    assert manifest.epoch == 5
    later = checkpoint(tmp_path, "trial-0003.2", 1, 6)
    assert newest(tmp_path, 3)[0] == later


@pytest.mark.parametrize(
    "damage", ["cut short", "no weights", "no manifest", "half a manifest", "format"]
)
def test_a_damaged_one_is_passed_over(damage, tmp_path):
    whole = checkpoint(tmp_path, "trial-0000", 0, 2)
    checkpoint(tmp_path, "trial-0000", 1, 3, damage=damage)
    path, manifest = newest(tmp_path, 0)
    assert (path, manifest.epoch) == (whole, 2)
    remove(tmp_path, 0)
    checkpoint(tmp_path, "trial-0000", 1, 3, damage=damage)
    assert newest(tmp_path, 0) is None


def test_trials_are_not_mixed_up(tmp_path):
    for folder in ("trial-0001", "trial-0001.1", "trial-0010", "trial-0011", "trial-10001"):
        checkpoint(tmp_path, folder, 0, len(folder))
    assert newest(tmp_path, 1)[0].parent.name == "trial-0001.1"
    assert newest(tmp_path, 10001)[0].parent.name == "trial-10001"
    assert newest(tmp_path, 1000) is None
    remove(tmp_path, 1)
    left = sorted(path.parent.name for path in tmp_path.glob("*/checkpoint_*"))
    assert left == ["trial-0010", "trial-0011", "trial-10001"]
    remove(tmp_path, 1)  # nothing to remove is fine
    assert newest(tmp_path, 1) is None


def test_removing_leaves_what_is_no_checkpoint(tmp_path):
    checkpoint(tmp_path, "trial-0000", 0, 1)
    (tmp_path / "trial-0000" / "notes.txt").write_text("mine")
    remove(tmp_path, 0)
    assert [path.name for path in (tmp_path / "trial-0000").iterdir()] == ["notes.txt"]


def test_tidying_removes_empty_folders_of_trials_alone(tmp_path):
    checkpoint(tmp_path, "trial-0000", 0, 1)
    for folder in ("trial-0001", "trial-0002.1", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "trial-notes.txt").write_text("mine")
    tidy(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["other", "trial-0000", "trial-notes.txt"]
    tidy(tmp_path / "nowhere")


def test_the_controller_asks_for_paths_and_epochs(tmp_path):
    checkpoint(tmp_path, "trial-0002.1", 0, 4)
    folder = CheckpointFolder(on(tmp_path))
    assert folder.newest(2) == (str(tmp_path / "trial-0002.1" / "checkpoint_000000"), 4)
    assert folder.newest(1) is None


def test_a_fork_starts_from_a_copy_that_outlives_its_parent(tmp_path):
    folder = CheckpointFolder(on(tmp_path))
    assert folder.inherit(2, 7) is None
    checkpoint(tmp_path, "trial-0002", 3, 4)
    path = tmp_path / "trial-0007.parent" / "checkpoint_000003"
    assert folder.inherit(2, 7) == (str(path), 4)
    remove(tmp_path, 2)
    assert newest(tmp_path, 7)[0] == path
    assert (path / "last.pt").read_bytes() == b"weights"
    checkpoint(tmp_path, "trial-0007", 0, 5)
    assert folder.newest(7) == (str(tmp_path / "trial-0007" / "checkpoint_000000"), 5)
    remove(tmp_path, 7)
    assert folder.newest(7) is None


def test_a_link_that_cannot_be_made_becomes_a_copy(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    checkpoint(tmp_path, "trial-0002", 0, 4)
    path, _ = CheckpointFolder(on(tmp_path)).inherit(2, 7)
    assert newest(tmp_path, 7) is not None
    assert str(newest(tmp_path, 7)[0]) == path


@pytest.mark.parametrize("damage", [None, "cut short"])
def test_only_the_newest_whole_one_is_kept(damage, tmp_path):
    first = checkpoint(tmp_path, "trial-0000", 0, 1)
    second = checkpoint(tmp_path, "trial-0000.1", 0, 2)
    third = checkpoint(tmp_path, "trial-0000.1", 1, 3, damage=damage)
    other = checkpoint(tmp_path, "trial-0001", 0, 1)
    keep_newest(tmp_path, 0)
    left = third if damage is None else second
    assert [path for path in (first, second, third) if path.exists()] == [left]
    assert other.exists()


def test_where_none_is_whole_all_stay(tmp_path):
    path = checkpoint(tmp_path, "trial-0000", 0, 1, damage="cut short")
    keep_newest(tmp_path, 0)
    assert path.exists()


def trial(number, epochs, *, outcome=Outcome.RUNNING, parent=None):
    """A trial of which the history has so many reports."""
    reports = [Report(epoch, {"val_accuracy": 0.5}, epoch, 0.0) for epoch in range(1, epochs + 1)]
    config = {"learning_rate": 0.1}
    return TrialRecord(number, config, 0, outcome=outcome, reports=reports, parent=parent)


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (trial(7, 6), [4, 6]),
        (trial(7, 5), [4]),  # goes on at 4 and trains 5 again: its curve has no gap
        (trial(7, 3), []),
        (trial(7, 0), []),
        (trial(7, 5, outcome=Outcome.PAUSED), [4]),
        (trial(7, 5, outcome=Outcome.COMPLETED), [4, 6]),  # nothing is trained any more
        (trial(7, 0, parent=2), [4, 6]),  # a fork that has its parent's
    ],
)
def test_a_trial_never_goes_on_from_what_the_history_does_not_know(record, kept, tmp_path):
    for number, epoch in enumerate([4, 6]):
        checkpoint(tmp_path, "trial-0007", number, epoch)
    damaged = checkpoint(tmp_path, "trial-0007", 9, 9, damage="cut short")
    drop_unknown(tmp_path, {7: record})
    left = [json.loads(p.read_text())["epoch"] for p in sorted(tmp_path.glob("*/*/*.json"))]
    assert left == [*kept, 9]
    assert damaged.is_dir(), "passed over as it is"


@pytest.mark.parametrize(
    ("outcome", "damaged", "left"),
    [
        (Outcome.RUNNING, [], [2, 4, 6]),
        (Outcome.RUNNING, [6], [2, 4]),
        (Outcome.PAUSED, [4, 6], [2]),
        (Outcome.RUNNING, [2, 4, 6], []),  # starts afresh
        (Outcome.RUNNING, [2], [2, 4, 6]),  # nothing goes on from it
        (Outcome.COMPLETED, [6], [2, 4, 6]),  # nothing is trained any more
    ],
)
def test_an_unfinished_trial_goes_on_from_the_newest_whose_content_is_whole(
    outcome, damaged, left, tmp_path
):
    for number, epoch in enumerate([2, 4, 6]):
        damage = "zeros" if epoch in damaged else None
        checkpoint(tmp_path, f"trial-0007.{number}", 0, epoch, damage=damage)
    drop_damaged(tmp_path, {7: trial(7, 6, outcome=outcome)})
    assert [json.loads(p.read_text())["epoch"] for p in sorted(tmp_path.glob("*/*/*.json"))] == left
    found = newest(tmp_path, 7)
    assert (None if found is None else found[1].epoch) == (left[-1] if left else None)


def test_each_checkpoint_is_read_at_most_once(tmp_path, monkeypatch):
    for epoch in (2, 4, 6):
        checkpoint(tmp_path, "trial-0007", epoch, epoch, damage="zeros" if epoch == 6 else None)
    read = []

    def noted(directory, manifest):
        read.append(manifest.epoch)
        return is_altered(directory, manifest)

    monkeypatch.setattr("caviar.store.checkpoints.is_altered", noted)
    drop_damaged(tmp_path, {7: trial(7, 6)})
    assert read == [6, 4]

"""The copy of a sweep's history in storage that all machines see."""

from __future__ import annotations

import doctest
import itertools
import shutil
import threading
from pathlib import Path

import pytest
from without_ray import METRIC, UP, controller, steps

from caviar.base import uris
from caviar.base.errors import UsageError
from caviar.base.trial import Report
from caviar.ray import nodes
from caviar.ray.nodes import Answer
from caviar.store import layout, location
from caviar.store import mirror as mirrors
from caviar.store.history import History
from caviar.store.location import Location
from caviar.store.mirror import Mirror, working_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path):
    return Location.of(tmp_path / "shared" / "sweep")


def fill(folder, epochs):
    """A sweep in `folder` that has trained so many epochs more, its history open."""
    history = History(folder, name="sweep", objective=UP)
    sweep = controller(history, trials=None, time_budget=1e9, max_epochs=100)
    for _ in itertools.islice(steps(sweep), 1 + epochs):
        pass
    return history


def epochs(folder):
    history = History(folder, name="sweep", objective=UP)
    try:
        return sum(len(record.reports) for record in history.records().values())
    finally:
        history.close()


def test_a_place_reads_what_it_wrote_and_misses_what_is_not_there(place):
    assert place.read("a/b.txt") is None
    place.write("a/b.txt", b"one")
    place.write("a/b.txt", b"two")
    assert place.read("a/b.txt") == b"two"
    place.remove("a/b.txt")
    place.remove("a/b.txt")
    assert place.read("a/b.txt") is None


@pytest.mark.parametrize(
    ("written", "shown", "name", "local"),
    [
        ("/a/b/", "/a/b", "b", Path("/a/b")),
        ("/a/../b", "/b", "b", Path("/b")),
        (Path("s3:/bucket/a"), "s3://bucket/a", "a", None),
        ("gs://bucket/a?x=1", "gs://bucket/a?x=1", "a", None),
    ],
)
def test_what_a_person_writes(written, shown, name, local):
    found = Location.of(written)
    assert (str(found), found.name, found.local) == (shown, name, local)
    inside = found / "c.txt"
    assert inside.name == "c.txt"
    assert Location.of(str(inside)) == inside


def test_a_folder_of_this_machine(place):
    assert place.glob("*") == []
    place.write("b.txt", b"one")
    place.write("a.txt", b"three")
    assert [one.name for one in place.glob("*.txt")] == ["a.txt", "b.txt"], "no part is left"
    assert ((place / "a.txt").is_file(), (place / "a.txt").size()) == (True, 5)
    assert (place / "a.txt").read_bytes() == b"three"
    with pytest.raises(FileNotFoundError, match=r"c\.txt"):
        (place / "c.txt").read_bytes()
    place.remove_all()
    place.remove_all()
    assert not (place / "a.txt").is_file()


def test_the_examples_in_the_docstrings():
    assert doctest.testmod(location) == (0, 2)
    assert doctest.testmod(uris) == (0, 3)


def test_a_history_that_is_being_written_is_copied_whole(place):
    mirror = Mirror(place)
    mirror.fetch(resume=False)
    history = fill(mirror.folder, epochs=5)
    mirror.copy()
    assert epochs(mirror.folder) == 5
    assert epochs_in(place) == 5
    history.close()


def test_another_head_goes_on_from_what_the_storage_has(place, tmp_path, monkeypatch):
    mirror = Mirror(place)
    mirror.fetch(resume=False)
    fill(mirror.folder, epochs=7).close()
    (mirror.folder / layout.OPTIONS).write_text("{}")
    (mirror.folder / layout.DECISIONS).write_text("stage 1\n")
    mirror.copy()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "the disk of another machine"))
    again = Mirror(place)
    assert again.folder != mirror.folder
    again.fetch(resume=True)
    assert epochs(again.folder) == 7
    assert (again.folder / layout.OPTIONS).read_text() == "{}"
    assert (again.folder / layout.DECISIONS).read_text() == "stage 1\n"


def test_what_the_last_driver_here_could_not_copy_is_not_lost(place):
    mirror = Mirror(place)
    mirror.fetch(resume=False)
    history = fill(mirror.folder, epochs=3)
    (mirror.folder / layout.DECISIONS).write_text("stage 1\n")
    mirror.copy()
    history.close()
    (mirror.folder / layout.DECISIONS).write_text("stage 1\nstage 2\n")
    later = History(mirror.folder, name="sweep", objective=UP)
    later.set("note", 1)
    later.report(0, Report(9, {METRIC: 0.5}, order=9, at=1.0))
    later.close()
    again = Mirror(place)
    again.fetch(resume=True)
    for _ in range(2):
        assert epochs(again.folder) == 4
        assert (again.folder / layout.DECISIONS).read_text() == "stage 1\nstage 2\n"
        again.copy()
        again.fetch(resume=True)


def test_a_new_sweep_takes_nothing_from_an_old_one_of_the_same_name(place):
    mirror = Mirror(place)
    mirror.fetch(resume=False)
    fill(mirror.folder, epochs=3).close()
    again = Mirror(place)
    again.fetch(resume=False)
    assert list(again.folder.iterdir()) == []


def test_storage_that_is_away_for_a_while_costs_nothing(place, monkeypatch):
    monkeypatch.setattr(mirrors, "COPY_SECONDS", 0.01)
    said, told = [], threading.Event()

    def say(line):
        said.append(line)
        told.set()

    away = True
    write = Location.write

    def write_or_not(self, name, content):
        if away:
            raise OSError(28, "No space left on device")
        write(self, name, content)

    monkeypatch.setattr(Location, "write", write_or_not)
    mirror = Mirror(place, say=say)
    mirror.fetch(resume=False)
    with mirror.kept():
        fill(mirror.folder, epochs=2).close()
        assert told.wait(30)
        assert "cannot be written: [Errno 28] No space left on device" in said[0]
        told.clear()
        away = False
        assert told.wait(30)
        assert said[1].endswith("can be written again")
    assert len(said) == 2, "said once, not at each try"
    assert epochs_in(place) == 2


def epochs_in(place):
    mirror = Mirror(place)
    shutil.rmtree(mirror.folder)
    mirror.fetch(resume=True)
    return epochs(mirror.folder)


def test_storage_that_stays_away_leaves_the_results_here_and_says_where(place, monkeypatch):
    def refuse(self, name, content):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Location, "write", refuse)
    mirror = Mirror(place)
    mirror.fetch(resume=False)
    with (
        pytest.raises(UsageError, match=r"Read-only file system.* it is in .*--resume copies it"),
        mirror.kept(),
    ):
        fill(mirror.folder, epochs=2).close()
    assert epochs(mirror.folder) == 2


def test_one_machine_writes_where_the_sweep_lies(tmp_path):
    with working_folder(Location.of(tmp_path / "x"), shared=False, resume=False) as working:
        assert working == tmp_path / "x"


def test_several_machines_see_the_history_in_the_end(tmp_path):
    folder = tmp_path / "x"
    with working_folder(Location.of(folder), shared=True, resume=False) as working:
        assert working != folder
        fill(working, epochs=4).close()
    assert epochs(folder) == 4


def test_several_machines_do_not_begin_where_another_driver_has_begun_since(tmp_path):
    fill(tmp_path, epochs=2).close()
    (tmp_path / "sweep.json").write_text("{}")
    with (
        pytest.raises(UsageError, match="holds a sweep already: add --resume"),
        working_folder(Location.of(tmp_path), shared=True, resume=False),
    ):
        pass
    assert epochs(tmp_path) == 2


# The machines' answers.

HERE = {"python": "3.11.7", "caviar-tune": "0.1.0", "ray": "2.60.0"}
SOUND = Answer(missing=[], versions=HERE, storage=None)
NODES = {"a": "10.0.0.1", "b": "10.0.0.2"}


def complain(b):
    return nodes.complaints(NODES, {"a": SOUND, "b": b}, here=HERE, place="/results")


def test_sound_machines_are_not_complained_of():
    assert complain(SOUND) == []


def test_a_build_for_another_device_is_the_same_version():
    """The head of a cluster may have torch for CPUs, its machines with GPUs that for CUDA."""
    here = {**HERE, "torch": "2.13.0+cpu"}
    there = Answer(missing=[], versions={**HERE, "torch": "2.13.0+cu130"}, storage=None)
    answers = {"a": Answer(missing=[], versions=here, storage=None), "b": there}
    assert nodes.complaints(NODES, answers, here=here, place="/results") == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            Answer(missing=["mine"], versions=HERE, storage=None),
            "The machine 10.0.0.2 has no module mine: install it there",
        ),
        (
            Answer(missing=[], versions={**HERE, "ray": "2.55.0"}, storage=None),
            "The machine 10.0.0.2 has ray 2.55.0 (here 2.60.0): install the same versions",
        ),
        (
            Answer(missing=[], versions=HERE, storage="No such file or directory"),
            "The storage /results is not the same on 10.0.0.2 (No such file or directory): "
            "checkpoints written there would be lost. Give --storage a folder that all",
        ),
        (None, "No answer from 10.0.0.2 in 120 s"),
    ],
)
def test_what_is_wrong_with_a_machine_is_said_in_a_sentence(answer, words):
    (sentence,) = complain(answer)
    assert sentence.startswith(words)


def test_a_folder_on_the_disk_of_the_system_is_no_storage_for_machines_to_come():
    with pytest.raises(UsageError, match=r"is on this machine's own disk, and the cluster adds"):
        nodes.check_own_disk(Path("/no/such/folder"))

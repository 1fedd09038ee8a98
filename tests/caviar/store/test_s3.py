"""A sweep whose storage is S3, against moto's server on loopback."""

from __future__ import annotations

import html
import itertools
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import caviar, finish, port_of_our_own, start
from without_ray import LINE, METRIC, UP, controller, run_trial, steps

from caviar.after import exporting, reproduction
from caviar.base.errors import UsageError
from caviar.cli import main
from caviar.store import checkpoints, experiments, layout, recording, starting
from caviar.store.history import History
from caviar.store.location import Location
from caviar.store.mirror import Mirror, on_disk
from caviar.sweep.sweep import Sweep
from caviar.terminal.watched import Watched
from trainables import TorchTrainable


@pytest.fixture(scope="module")
def server():
    """The address of an S3 of these tests' own."""
    with port_of_our_own() as port:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 200
            while True:
                assert process.poll() is None, "moto's server has ended"
                with socket.socket() as tried:
                    if tried.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert time.monotonic() < until, "moto's server does not answer after 200 s"
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def bucket(server, monkeypatch, tmp_path, request):
    """An empty bucket, as --storage."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = f"b{abs(hash(request.node.nodeid))}"
    client = boto3.client("s3", endpoint_url=f"http://{server}", region_name="us-east-1")
    client.create_bucket(Bucket=name)
    return f"s3://{name}/sweeps?endpoint_override={server}&scheme=http&region=us-east-1"


def test_a_folder_in_a_bucket(bucket):
    place = Location.of(bucket) / "x"
    assert str(place).startswith("s3://b")
    assert place.read("a.txt") is None
    assert place.glob("*") == []
    place.write("a.txt", b"one")
    place.write("a.txt", b"two")
    place.write("b/c.txt", b"three")
    assert place.read("a.txt") == b"two"
    assert ((place / "a.txt").is_file(), (place / "a.txt").size()) == (True, 3)
    assert [found.name for found in place.glob("*")] == ["a.txt", "b"]
    assert [str(found) for found in place.glob("b*")] == [str(place / "b")]
    (place / "b").remove_all()
    place.remove("a.txt")
    place.remove("a.txt")
    assert place.glob("*.txt") == []


def write_checkpoint(place, trial, folder, epoch, *, cut=0):
    """A checkpoint as its trial writes it, `cut` bytes short."""
    lies = place / f"trials/{folder}/checkpoint_{trial:06d}"
    content = bytes(10)
    lies.write("last.pt", content[: len(content) - cut])
    noted = {"last.pt": {"bytes": 10, "sha256": ""}}
    manifest = {"epoch": epoch, "metrics": {}, "best_epoch": None, "best_metrics": {}}
    text = json.dumps({"format": 1, **manifest, "configuration": {}, "files": noted})
    lies.write("checkpoint.json", text.encode())


def test_the_newest_whole_checkpoint_is_found_over_all_attempts(bucket):
    place = Location.of(bucket) / "x"
    trials = place / "trials"
    assert checkpoints.newest(trials, 7) is None
    write_checkpoint(place, 0, "trial-0007", epoch=3)
    write_checkpoint(place, 0, "trial-0007.0.1", epoch=5)
    write_checkpoint(place, 1, "trial-0007.0.1", epoch=6, cut=4)
    write_checkpoint(place, 0, "trial-0070", epoch=9)
    path, manifest = checkpoints.newest(trials, 7)
    assert manifest.epoch == 5
    assert str(path).partition("?")[0].endswith("/x/trials/trial-0007.0.1/checkpoint_000000")
    checkpoints.remove(trials, 7)
    checkpoints.tidy(trials)
    assert checkpoints.newest(trials, 7) is None
    assert checkpoints.newest(trials, 70)[1].epoch == 9


def test_the_history_comes_back_on_another_machine(bucket, tmp_path, monkeypatch):
    place = Location.of(bucket) / "x"
    mirror = Mirror(place)
    mirror.fetch(resume=False)
    history = History(mirror.folder, name="x", objective=UP)
    sweep = controller(history, trials=None, time_budget=1e9, max_epochs=100)
    with mirror.kept():
        for _ in itertools.islice(steps(sweep), 6):
            pass
        (mirror.folder / layout.OPTIONS).write_text("{}")
    history.close()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    folder = on_disk(place, resume=True)
    assert folder != mirror.folder
    again = History(folder, name=None, objective=UP)
    assert sum(len(record.reports) for record in again.records().values()) == 5
    again.close()
    with pytest.raises(UsageError, match="holds a sweep already"):
        on_disk(place, resume=False)


def test_what_cannot_be_used_is_said_before_anything_starts(bucket, monkeypatch):
    with pytest.raises(UsageError, match=r"^There is no sweep s3://.* to resume\.$"):
        on_disk(Location.of(bucket) / "no", resume=True)
    elsewhere = bucket.replace("s3://b", "s3://no-such-b")
    with pytest.raises(UsageError, match=r"cannot be used .*Credentials come from the environment"):
        on_disk(Location.of(elsewhere) / "x", resume=False)


@pytest.fixture
def two_trials(bucket, monkeypatch, tmp_path):
    """The sweep `x` in the bucket, of two trials so far, seen from another machine; go on with
    it by what is yielded."""
    mirror = Mirror(Location.of(bucket) / "x")
    mirror.fetch(resume=False)
    history = History(mirror.folder, name="x", objective=UP)
    sweep = controller(history, max_epochs=2)

    def train(*values):
        run_trial(sweep, values)
        mirror.copy()

    asked = Sweep(max_epochs=2, trials=10)
    starting.note(asked, LINE, "random_search", history.path.parent)
    with recording.recorded(history, sweep, asked, LINE):
        train(0.25, 0.5)
        train(0.75, 0.5)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
        yield train
    history.close()


def caviar_says(capsys, *words):
    """What the command prints, in this process; it ends well."""
    code = main.main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert (code, err) == (0, ""), out
    return out


def test_the_commands_after_a_sweep_read_a_bucket(bucket, two_trials, capsys):
    lies = Location.of(bucket) / "x"
    write_checkpoint(lies, 1, "trial-0001", epoch=2)
    (row,) = caviar_says(capsys, "list", "--storage", bucket).splitlines()[1:]
    assert row.split()[:7] == ["x", "running", METRIC, "0.7500", "0.5000", "2", "of"]
    for itself in (["x", "--storage", bucket], [lies]):
        out = caviar_says(capsys, "show", *itself)
        assert "sweep x, running" in out
        assert f"folder   {lies}" in out
        best = json.loads(caviar_says(capsys, "best", *itself, "--json"))["best"]
        assert (best["trial"], best["epoch"]) == (1, 1)
        assert best["checkpoint"] == str(lies / "trials/trial-0001/checkpoint_000001")
        rows = caviar_says(capsys, "trials", *itself).splitlines()[1:]
        assert [line.split()[:4] for line in rows] == [
            ["1", "completed", "2", "0.7500"],
            ["0", "completed", "2", "0.5000"],
        ]


def test_watching_a_bucket_sees_what_came_since(bucket, two_trials):
    watched = Watched(experiments.find("x", Path(bucket)))
    watched.look()
    assert watched.trials.epochs == 4
    two_trials(0.875, 0.5)
    watched.look()
    assert (watched.trials.epochs, watched.trials.best()[0].number) == (6, 2)
    watched.close()


def test_a_checkpoint_in_a_bucket_is_exported_from_a_copy(bucket, two_trials):
    write_checkpoint(Location.of(bucket) / "x", 1, "trial-0001", epoch=2)
    experiment = experiments.find("x", Path(bucket))
    before = reproduction.original(experiment, 1)
    source = exporting.of_the_sweep(experiment, before, TorchTrainable)
    assert (source.place / "last.pt").read_bytes() == bytes(10)
    assert (source.place / "checkpoint.json").is_file()


def test_a_sweep_that_no_bucket_has(bucket):
    assert experiments.names(Path(bucket)) == []
    with pytest.raises(UsageError, match=r"There is no sweep 'x', .* nor in s3://b\d+/sweeps\?"):
        experiments.find("x", Path(bucket))
    with pytest.raises(UsageError, match=r"There is no sweep 's3://b\d+/sweeps/x\?"):
        experiments.find(str(Location.of(bucket) / "x"))
    silent = "s3://b/sweeps?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
    with pytest.raises(UsageError, match=r"cannot be used .*Credentials come from the env"):
        experiments.names(Path(silent))


@pytest.mark.timeout(600)
def test_a_whole_sweep_and_more_trials_for_it(bucket):
    common = ["--storage", bucket, "--name", "x"]
    options = ["--dataset", "digits", "--trials", 3, "--max-epochs", 2]
    code, out, err = finish(start(caviar("sweep", "random_search", *options, *common)))
    assert (code, err) == (0, ""), out
    place = Location.of(bucket) / "x"
    found = json.loads(place.read(layout.SUMMARY))
    assert found["trials"]["total"] == 3
    assert found["best"]["checkpoint"].startswith("s3://")
    assert "checkpoint s3://" in out
    page = html.unescape((place / layout.REPORT).read_bytes().decode())
    assert "<title>x</title>" in page, "not the name of the folder that the driver writes"
    assert f"from {place}</p></footer>" in page
    code, out, err = finish(
        start(caviar("sweep", "random_search", *common, "--resume", "--trials", 5))
    )
    assert (code, err) == (0, ""), out
    assert json.loads(place.read(layout.SUMMARY))["trials"]["total"] == 5
    assert on_disk(place, resume=True).is_dir()

"""A history in PostgreSQL: Debian's server, on loopback, with a password that nothing may keep."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import made_up
import pytest
from commands import port_of_our_own
from without_ray import UP, controller, steps

from caviar import Sweep
from caviar.base.errors import UsageError
from caviar.base.trial import Outcome
from caviar.cli import main
from caviar.driver.command_line import parse
from caviar.store import database, layout
from caviar.store.history import History

PASSWORD = "correct horse battery staple"


def binaries() -> Path | None:
    """The folder of initdb, which Debian leaves off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@pytest.fixture(scope="module")
def server():
    """The address of a PostgreSQL of these tests' own."""
    there = binaries()
    if there is None:
        reason = "no PostgreSQL server here: apt-get install postgresql"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with tempfile.TemporaryDirectory() as name, port_of_our_own() as port:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        os.chmod(folder, 0o755)
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if user:
            shutil.chown(folder, "postgres")
        data = folder / "data"
        options = ["--auth=scram-sha-256", "--username=me", f"--pwfile={folder / 'password'}"]
        subprocess.run(
            [*user, str(there / "initdb"), "-D", str(data), "--no-sync", *options],
            check=True,
            capture_output=True,
        )
        listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        process = subprocess.Popen(
            [*user, str(there / "postgres"), "-D", str(data), "-p", str(port), *listen],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            address = f"postgresql://me@127.0.0.1:{port}/postgres"
            wait_for(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for(address, process):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        until = time.monotonic() + 200
        while True:
            assert process.poll() is None, "PostgreSQL has ended"
            with contextlib.suppress(UsageError):
                return database.check(address)
            if time.monotonic() > until:
                pytest.fail("PostgreSQL does not answer after 200 s")
            time.sleep(0.2)


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


def write(folder, url, name):
    """A sweep whose driver is gone after two trials and a bit."""
    folder.mkdir()
    history = History(folder, name=name, objective=UP, url=url)
    sweep = controller(history, max_epochs=3, trials=4)
    for _ in itertools.islice(steps(sweep), 12):
        pass
    history.set("note", {"a": 1})
    return history, sweep


def test_everything_comes_back(server, tmp_path):
    history, sweep = write(tmp_path / "x", server, "everything")
    history.close()
    again = History(tmp_path / "x", name=None, objective=UP)
    assert again.get("note") == {"a": 1}
    found = again.records()
    assert {n: (r.config, r.outcome, r.epoch, r.seed) for n, r in found.items()} == {
        n: (r.config, r.outcome, r.epoch, r.seed) for n, r in sweep.trials.items()
    }
    assert [r.outcome for r in found.values()][:2] == [Outcome.COMPLETED] * 2
    assert Outcome.RUNNING in [r.outcome for r in found.values()]
    again.close()
    assert not (tmp_path / "x" / layout.HISTORY).exists()


def test_two_sweeps_share_a_database_and_none_takes_another_s_name(server, tmp_path):
    one, _ = write(tmp_path / "one", server, "one")
    two, _ = write(tmp_path / "two", server, "two")
    before = one.records()
    two.set("note", "of the second")
    assert one.get("note") == {"a": 1}
    assert one.records() == before
    assert list(two.records()) == list(before), "each counts its own trials"
    one.close()
    two.close()
    (tmp_path / "other").mkdir()
    with pytest.raises(UsageError, match=r"holds a sweep 'one' already: choose another --name"):
        History(tmp_path / "other", name="one", objective=UP, url=server)


def test_the_password_is_kept_nowhere(server, tmp_path):
    history, _ = write(tmp_path / "x", server, "secret")
    history.close()
    for path in (tmp_path / "x").rglob("*"):
        assert PASSWORD.encode() not in path.read_bytes()


def test_every_command_after_a_sweep_reads_it(server, tmp_path, capsys):
    made_up.write(tmp_path / "there", made_up.sampled(30), history_url=server)
    file = made_up.write(tmp_path / "here", made_up.sampled(30))

    def said(*words):
        assert main.main([*words, "--storage", str(tmp_path)]) == 0
        return capsys.readouterr().out

    for command in ("show", "best", "trials", "watch"):
        there, here = (
            {*re.findall(r"[^\s,─╭╮]+", said(command, name))} for name in ("there", "here")
        )
        paths = {"there", "here", *(str(tmp_path / name) for name in ("there", "here"))}
        assert (there ^ here) - paths <= {"--history-url", server}, command
        assert len(here) > 20, command
    listed = said("list")
    assert [line.split()[0] for line in listed.splitlines() if "finished" in line] == [
        "here",
        "there",
    ]
    page = tmp_path / "there" / "report.html"
    assert said("report", "there").endswith(f"report  {page}\n")
    text = page.read_text(encoding="utf-8")
    assert "best so far" in text
    assert f"--history-url {server}" in text, "the command that reproduces the sweep"
    assert PASSWORD not in text
    assert said("report", "there", "here", "--output", str(tmp_path / "both.html"))
    assert (file / layout.HISTORY).exists()
    assert not (tmp_path / "there" / layout.HISTORY).exists()


def test_a_database_that_is_away_is_said_to_be(server, tmp_path, capsys, monkeypatch):
    made_up.write(tmp_path / "away", made_up.sampled(3), history_url=server)
    monkeypatch.setenv("PGPASSWORD", "wrong")
    for words in (["report", "away"], ["show", "away"], ["report", "away", "away"]):
        assert main.main([*words, "--storage", str(tmp_path)]) == 2
        sentence = capsys.readouterr().err
        assert re.match(
            r"caviar: The database of --history-url cannot be used: .*password", sentence
        )


def test_a_sweep_goes_on_where_its_database_has_moved(server, tmp_path):
    folder = made_up.write(tmp_path / "moved", made_up.sampled(3), history_url=server, trials=9)
    noted = json.loads((folder / layout.HISTORY_URL).read_text())
    away = json.dumps({**noted, "url": "postgresql://me@127.0.0.1:1/away"})
    (folder / layout.HISTORY_URL).write_text(away)
    words = ["--storage", str(tmp_path), "--name", "moved", "--resume"]
    with pytest.raises(UsageError, match=r"^The database of --history-url cannot be used: "):
        parse(Sweep(), recipe="asha_parzen", args=words)
    again = parse(Sweep(), recipe="asha_parzen", args=[*words, "--history-url", server])
    assert (again.trials, again.history_url) == (9, server)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://me:secret@h/d", r"^--history-url must not hold the password"),
        ("mysql://me@h/d", r"takes postgresql://USER@HOST/DATABASE, and it names 'mysql'"),
        ("sqlite:///x.db", r"Without the option the history is a file\.$"),
        ("somewhere", r"takes postgresql://USER@HOST/DATABASE, and it is 'somewhere'"),
        ("postgresql://me@127.0.0.1:1/d", r"^The database of --history-url cannot be used: "),
    ],
)
def test_an_address_that_will_not_do_is_refused(url, complaint):
    with pytest.raises(UsageError, match=complaint) as refused:
        database.check(url)
    assert "secret" not in str(refused.value)


def test_a_wrong_password_is_said_to_be_one(server, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with pytest.raises(UsageError, match=r"cannot be used: .*password authentication failed"):
        database.check(server)

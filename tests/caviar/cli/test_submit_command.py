"""`caviar submit` up to the cluster: what is sent, what is refused, what the exit code is."""

from __future__ import annotations

import types

import pytest

from caviar.cli import main, submit
from caviar.ray import job_client


class Status(str):
    def is_terminal(self):
        return self in ("SUCCEEDED", "FAILED", "STOPPED")


class Client:
    """A cluster whose job is at each of `statuses` in turn."""

    def __init__(self, statuses=("SUCCEEDED",), log="", exit_code=0):
        self.statuses = [Status(status) for status in statuses]
        self.log = log
        self.exit_code = exit_code
        self.submitted = []
        self.stopped = []

    def submit_job(self, **what):
        self.submitted.append(what)
        return "raysubmit_1"

    def get_job_status(self, job):
        if job != "raysubmit_1":
            raise RuntimeError("Request failed with status code 404")
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def get_job_logs(self, job):
        return self.log[: len(self.log) // len(self.statuses)]

    def get_job_info(self, job):
        state = self.statuses[0]
        return types.SimpleNamespace(
            driver_exit_code=self.exit_code, status=state, message="it was lost"
        )

    def stop_job(self, job):
        self.stopped.append(job)


@pytest.fixture
def cluster(monkeypatch):
    def there(**how):
        client = Client(**how)
        monkeypatch.setattr(job_client, "connect", lambda address, cluster: client)
        monkeypatch.setattr(submit.time, "sleep", lambda seconds: None)
        return client

    return there


HERE = "http://127.0.0.1:8265"


def caviar(*words):
    return main.main(["submit", *words])


def test_arguments_arrive_as_they_were_quoted(cluster, capsys):
    client = cluster()
    told = ["caviar", "sweep", "asha_optuna", "--fix", "a=[1, 2]", "--name", "it's new", "--help"]
    assert caviar(HERE, "--", *told) == 0
    (what,) = client.submitted
    assert what["entrypoint"] == (
        "caviar sweep asha_optuna --fix 'a=[1, 2]' --name 'it'\"'\"'s new' --help"
    )
    assert what["runtime_env"] == {}
    assert capsys.readouterr().out == "job raysubmit_1\n"


def test_variables_come_from_the_environment_and_are_not_printed(cluster, monkeypatch, capsys):
    client = cluster()
    monkeypatch.setenv("TRACKING_TOKEN", "s3cret")
    assert caviar(HERE, "--env", "TRACKING_TOKEN", "--env", "A=b=c", "--", "env") == 0
    assert client.submitted[0]["runtime_env"] == {
        "env_vars": {"TRACKING_TOKEN": "s3cret", "A": "b=c"}
    }
    assert "s3cret" not in "".join(capsys.readouterr())


def test_a_working_directory_travels_without_what_is_not_needed(cluster, tmp_path):
    client = cluster()
    (tmp_path / "mine.py").write_text("x = 1\n")
    assert caviar(HERE, "--working-dir", str(tmp_path), "--", "python", "mine.py") == 0
    runtime = client.submitted[0]["runtime_env"]
    assert runtime["working_dir"] == str(tmp_path)
    assert "/.git/" in runtime["excludes"]
    assert "/results/" in runtime["excludes"]


def test_what_does_not_travel_does_not_count(cluster, tmp_path, monkeypatch):
    cluster()
    monkeypatch.setattr(submit, "MOST_BYTES", 2**20)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "pack").write_bytes(bytes(2 * 2**20))
    assert caviar(HERE, "--working-dir", str(tmp_path), "--", "true") == 0


@pytest.mark.parametrize(
    ("exit_code", "statuses", "expected"),
    [
        (0, ["SUCCEEDED"], 0),
        (3, ["RUNNING", "FAILED"], 3),
        (130, ["RUNNING", "RUNNING", "STOPPED"], 130),
        (None, ["PENDING", "FAILED"], 1),
    ],
)
def test_the_exit_code_is_the_command_s(exit_code, statuses, expected, cluster, capsys):
    cluster(statuses=statuses, exit_code=exit_code, log="all of the log")
    assert caviar(HERE, "--", "caviar", "sweep") == expected
    said = capsys.readouterr()
    assert said.out == "job raysubmit_1\nall of the log"
    assert ("it was lost" in said.err) == (exit_code is None)


def test_a_job_is_stopped(cluster, capsys):
    client = cluster(statuses=["RUNNING", "RUNNING", "STOPPED"])
    assert caviar(HERE, "--stop", "raysubmit_1") == 0
    assert client.stopped == ["raysubmit_1"]
    assert capsys.readouterr().out == "job raysubmit_1 stopped\n"


def test_ctrl_c_leaves_the_job_and_says_how_to_come_back(cluster, monkeypatch, capsys):
    client = cluster(statuses=["RUNNING"])

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(submit.time, "sleep", interrupted)
    assert caviar("http://h:8265", "--follow", "raysubmit_1") == 130
    assert client.stopped == []
    out = capsys.readouterr().out
    assert "caviar submit http://h:8265 --follow raysubmit_1" in out
    assert "caviar submit http://h:8265 --stop raysubmit_1" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([HERE], "takes a command after --, or --follow JOB, or --stop JOB"),
        ([HERE, "--stop", "x", "--", "true"], "one of them"),
        ([HERE, "--env", "NOT_SET_ANYWHERE", "--", "true"], "--env NOT_SET_ANYWHERE takes the"),
        ([HERE, "--working-dir", "/no/such", "--", "true"], "must be a folder, and /no/such is"),
        (["no.yaml", "--", "true"], "'no.yaml' is neither a file that `ray up` took nor an"),
        ([HERE, "--follow", "other"], "There is no job 'other' on this cluster"),
        ([HERE, "--nonsense", "--", "true"], "--nonsense"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(words, complaint, cluster, capsys):
    client = cluster()
    assert caviar(*words) == 2
    err = capsys.readouterr().err
    assert err.startswith("caviar: ")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert client.submitted == []


def test_a_working_directory_that_is_too_large_is_refused(cluster, monkeypatch, tmp_path, capsys):
    cluster()
    monkeypatch.setattr(submit, "MOST_BYTES", 2**20)
    (tmp_path / "data.npz").write_bytes(bytes(3 * 2**20))
    assert caviar(HERE, "--working-dir", str(tmp_path), "--", "true") == 2
    assert "holds 3 MiB and must hold at most 1" in capsys.readouterr().err


def test_an_address_is_taken_as_it_is():
    with submit._address("http://127.0.0.1:8265") as address:
        assert address == "http://127.0.0.1:8265"

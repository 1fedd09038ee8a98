"""A new project runs at once, and what is wrong with a machine is said with what to do."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from commands import caviar, finish, start, summary

from caviar.cli import doctor
from caviar.cli.main import main

GIB = 2**30
Usage = namedtuple("Usage", "total used free")


def test_a_new_project_passes_its_test_and_sweeps(tmp_path, capsys):
    folder = tmp_path / "deep" / "project"
    assert main(["init", str(folder)]) == 0
    said = capsys.readouterr().out
    assert {file.name for file in folder.iterdir()} == {"model.py", "sweep.py", "test_model.py"}
    assert all(file.name in said for file in folder.iterdir())
    assert said.endswith(f"cd {folder} && python sweep.py\n")

    def run(*command):
        return subprocess.run(
            [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=200
        )

    tested = run("-m", "pytest", "-q")
    assert tested.returncode == 0, tested.stdout
    assert "21 passed" in tested.stdout
    swept = run("sweep.py", "--trials", "3", "--max-epochs", "2", "--name", "first")
    assert swept.returncode == 0, swept.stdout + swept.stderr
    found = summary(folder / "results" / "first")
    assert found["trials"]["total"] == 3
    assert set(found["best"]["config"]) >= {"hidden_units", "dropout"}


def test_what_init_prints_can_be_typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "proj ü"]) == 0
    assert capsys.readouterr().out.endswith("\ncd 'proj ü' && python sweep.py\n")


def test_init_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "sweep.py").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert "has sweep.py already, which would be lost" in capsys.readouterr().err
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine"]


def test_init_where_nothing_can_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file" / "project")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_doctor_finds_this_machine_fit(tmp_path):
    code, out, err = finish(start(caviar("doctor", "--storage", tmp_path / "new")))
    assert code == 0, out + err
    for what in ("Python", "torch", "optuna", "GPU", "storage", "ports", "Ray"):
        assert f"  {what}" in out, out
    assert "wrong" not in out
    assert "starts here: 1 node" in out
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("works", [True, False])
def test_the_doctor_computes_on_each_gpu(monkeypatch, works):
    """That there is a driver says nothing about the code that torch was built with."""
    card = SimpleNamespace(name="Tesla K80", total_memory=11 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    ones = torch.ones

    def on_card(*shape, device):
        assert device == "cuda:0"
        if works:
            return ones(*shape)
        raise RuntimeError("CUDA error: no kernel image is available\nCUDA kernel errors might")

    monkeypatch.setattr(torch, "ones", on_card)
    (found,) = doctor.devices()
    assert (found.what, found.state) == ("GPU 0", "ok" if works else "wrong")
    assert found.found.startswith("Tesla K80, 11 GiB")
    if not works:
        assert "cannot compute on it (CUDA error: no kernel image is available)" in found.found
        assert "install a torch for this GPU" in found.do


def test_the_doctor_says_what_is_wrong_and_counts_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(
        doctor,
        "look",
        lambda storage: iter(
            [
                doctor.Finding("one", "ok", "here"),
                doctor.Finding("two", "note", "small", "make it larger"),
                doctor.Finding("three", "wrong", f"[bold]{storage.name}", "buy one"),
            ]
        ),
    )
    assert main(["doctor", "--storage", "/x/y"]) == 1
    said = capsys.readouterr().out
    assert "wrong  three  [bold]y: buy one" in said
    assert "note   two    small: make it larger" in said
    assert "1 of 3 would keep a sweep from running" in said


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 9), "wrong"), ((3, 11, 0), "ok"), ((3, 13, 5), "ok"), ((3, 14, 0), "wrong")],
)
def test_python(version, state, monkeypatch):
    monkeypatch.setattr(sys, "version_info", version)
    assert doctor.python().state == state


def test_a_package_that_is_missing_or_too_old(monkeypatch):
    monkeypatch.setattr(
        metadata, "requires", lambda _: ["numpy>=99", "no-such-thing>=1", "gone ; extra == 'dev'"]
    )
    found = list(doctor.packages())
    assert [(f.what, f.state) for f in found] == [("numpy", "wrong"), ("no-such-thing", "wrong")]
    assert found[0].do == "pip install 'numpy>=99'"
    assert found[1].found == "not installed"


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [(4, 100, "wrong"), (6, 100, "ok"), (6, 200, "note"), (5, 100, "ok")],
)
def test_disk(free, total, state, monkeypatch, tmp_path):
    usage = Usage(total * GIB, (total - free) * GIB, free * GIB)
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(Path(path)) or usage)
    assert doctor.disk("disk", tmp_path / "not" / "there").state == state
    assert asked == [tmp_path]


def test_storage_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    found = doctor.folder(tmp_path / "file" / "results")
    assert (found.state, found.do) == ("wrong", "choose another --storage")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory as on Linux")
@pytest.mark.parametrize(("free", "state"), [(1, "note"), (2, "ok")])
def test_shared_memory(free, state, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(64 * GIB, 0, free * GIB))
    assert [found.state for found in doctor.shared_memory()] == [state]


def test_few_open_files(monkeypatch):
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 524288))
    (found,) = doctor.open_files()
    assert (found.state, found.do) == ("note", "for many trials at once: ulimit -n 65536")


def test_no_loopback(monkeypatch):
    def refuse(address):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("socket.create_server", refuse)
    found = doctor.loopback()
    assert found.state == "wrong"
    assert "Operation not permitted" in found.found


def test_ray_that_does_not_start():
    def connect():
        raise ConnectionError("no room\nand more")

    found = doctor.ray_starts(connect)
    assert (found.state, found.found) == ("wrong", "does not start (no room)")
    assert doctor.ray_starts(lambda: str(os.getpid())).found == str(os.getpid())

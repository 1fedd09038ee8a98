"""The command that starts a sweep like one that was: read back, it is the same sweep."""

from __future__ import annotations

import dataclasses
import doctest
import shlex
import subprocess

import pytest

from caviar import Asha, Parzen, Sweep
from caviar.driver.command_line import parse
from caviar.store.provenance import commit
from caviar.store.session import Commit
from caviar.sweep import recipes, rerun
from caviar.sweep.rerun import command
from trainables import DeviceOptions


def of(recipe):
    return recipes.load(recipe)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"trials": None, "time_budget": 12345678.5, "seed": 7},
        {"dataset": "digits", "fix": ("dropout=0", "activation=relu"), "standardise": False},
        {"gpus_per_trial": 0.25, "mode": "min", "metric": "val_loss", "max_epochs": 3},
        {"scheduler": Asha(min_epochs=3, quota=False)},
        {"searcher": Parzen(random_share=0.5), "space": "a b:c"},
        {"device": DeviceOptions(compile=True, tf32=False, channels_last=False), "target": "kind"},
    ],
)
def test_read_back_it_is_the_same_sweep(changes):
    asked = dataclasses.replace(of("asha_parzen"), **changes)
    words = shlex.split(command("asha_parzen", asked))
    assert words[:3] == ["caviar", "sweep", "asha_parzen"]
    assert parse(of("asha_parzen"), recipe="asha_parzen", args=words[3:]) == asked


def test_where_it_lay_is_left_out():
    asked = dataclasses.replace(of("grid_search"), name="x", resume=True, verbose=True)
    assert command("grid_search", asked) == "caviar sweep grid_search --seed 0"


def test_a_sweep_from_python_has_no_command():
    assert command("python", Sweep()) is None


def test_the_commit_and_whether_it_is_all(tmp_path):
    def run(*words):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)

    assert commit(tmp_path) is None
    run("init", "-q")
    assert commit(tmp_path) is None  # no commit yet
    (tmp_path / "a").write_text("1")
    run("add", "a")
    run("-c", "user.name=n", "-c", "user.email=e@e", "commit", "-qm", "one")
    (tmp_path / "untracked").write_text("1")
    found = commit(tmp_path)
    assert found.changed is False
    assert len(found.commit) == 40
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == Commit(found.commit, changed=True)


def test_no_git_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path) is None


def test_the_example_in_the_docstring():
    assert doctest.testmod(rerun) == (0, 2)

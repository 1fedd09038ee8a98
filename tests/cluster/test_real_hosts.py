"""`ray up`, `ray submit`, `ray job submit` and `caviar submit` of real sweeps over three hosts."""

from __future__ import annotations

import json
import shutil

import pytest
from faults import DASHBOARD, HERE, REPOSITORY

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

OPTIONS = ["--dataset", "digits", "--trials", "6", "--max-epochs", "3", "--gpus-per-trial", "1"]


def summary(lab, name):
    return json.loads((lab.shared / "results" / name / "summary.json").read_text())


def check_spread(lab, name):
    """All trials ran, and the checkpoints of the best lie in the storage that all share."""
    found = summary(lab, name)
    assert found["trials"]["total"] == 6
    assert found["trials"]["failed"] == found["trials"]["diverged"] == 0
    assert found["best"]["checkpoint"].startswith(f"/shared/results/{name}/trials/")
    folder = lab.shared / "results" / name
    assert (folder / "history.db").is_file()
    assert (folder / found["best"]["checkpoint"].removeprefix(f"/shared/results/{name}/")).is_dir()


def test_ray_submit_runs_a_recipe_as_it_is(cluster):
    """One script travels; its arguments are joined with blanks, so quotes are for two shells."""
    script = REPOSITORY / "pipelines" / "asha_optuna.py"
    where = ["--storage", "/shared/results", "--name", "'two words'"]
    out = cluster.laptop(
        "ray", "submit", "--no-config-cache", cluster.file, script, "--", *OPTIONS, *where,
        timeout=300,
    )  # fmt: skip
    assert "3 nodes, 3 CPU, 3 GPU" in out
    assert "3 trials side by side" in out
    check_spread(cluster, "two words")


def test_ray_job_submit_runs_the_command(cluster):
    where = ["--storage", "/shared/results", "--name", "job"]
    sweep = ["python", "-m", "caviar.cli.main", "sweep", "asha_optuna", *OPTIONS, *where]
    # The dashboard is on the head's loopback alone: a laptop forwards it, the head reaches it.
    with pytest.raises(AssertionError, match=r"(?i)connect"):
        cluster.laptop("ray", "job", "list", "--address", DASHBOARD)
    command = " ".join(sweep)
    out = cluster.inside(
        "head",
        f"RAY_AUTH_MODE=token ray job submit --address http://127.0.0.1:8265 -- {command}",
        timeout=300,
    )
    assert "3 nodes, 3 CPU, 3 GPU" in out
    check_spread(cluster, "job")


def test_caviar_submit_sends_the_working_directory_and_quotes(cluster, tmp_path):
    shutil.copy(HERE / "watched.py", tmp_path)
    where = ["--storage", "/shared/results", "--name", "of mine", "--trainable", "watched:Watched"]
    out = cluster.laptop(
        *["python", "-m", "caviar.cli.main", "submit", cluster.file, "--working-dir", tmp_path],
        *["--", "python", "-m", "caviar.cli.main", "sweep", "asha_optuna", *OPTIONS, *where],
        timeout=300,
    )
    assert "\njob raysubmit_" in out
    check_spread(cluster, "of mine")
    hosts = {path.name.rpartition("-")[0] for path in cluster.events.iterdir()}
    assert hosts == {"head", "one", "two"}, "every host had the module and trained"


def test_one_trial_trains_on_all_three_hosts(cluster):
    """Three workers with a GPU each, and each host has one."""
    sweep = ["python", "-m", "caviar.cli.main", "sweep", "random_search", "--dataset", "digits"]
    options = ["--trials", "2", "--max-epochs", "2", "--gpus-per-trial", "3", "--spread-trial"]
    where = ["--cpus-per-trial", "3", "--storage", "/shared/results", "--name", "spread"]
    out = cluster.laptop(
        *["python", "-m", "caviar.cli.main", "submit", cluster.file],
        *["--", *sweep, *options, *where],
        timeout=300,
    )
    assert "3 nodes, 3 CPU, 3 GPU" in out
    assert "with 3 CPU and 3 GPU for 3 workers" in out
    found = summary(cluster, "spread")
    assert (found["trials"]["total"], found["trials"]["completed"]) == (2, 2), out
    assert found["epochs_trained"] == 4


def test_two_trials_share_a_gpu(cluster):
    sweep = ["python", "-m", "caviar.cli.main", "sweep", "random_search", "--dataset", "digits"]
    options = ["--trials", "12", "--max-epochs", "3", "--gpus-per-trial", "0.5"]
    where = ["--cpus-per-trial", "0.5", "--storage", "/shared/results", "--name", "halves"]
    out = cluster.laptop(
        *["python", "-m", "caviar.cli.main", "submit", cluster.file],
        *["--", *sweep, *options, *where],
        timeout=300,
    )
    assert "6 trials side by side, each with 0.5 CPU and 0.5 GPU" in " ".join(out.split())
    found = summary(cluster, "halves")
    assert found["trials"]["total"] == 12, out
    assert found["trials"]["failed"] == 0


def test_nobody_without_the_token_gets_in(cluster):
    out = cluster.inside(
        "head",
        "HOME=/tmp RAY_AUTH_MODE=token RAY_AUTH_TOKEN=wrong "
        "ray job list --address http://127.0.0.1:8265",
        check=False,
    )
    assert "401" in out or "403" in out or "uthent" in out


def refused(cluster, *options):
    """What a sweep on the head says that is refused with exit code 2."""
    sweep = "python -m caviar.cli.main sweep random_search --dataset digits"
    out = cluster.inside(
        "head", f"{sweep} {' '.join(options)} || echo exit code $?", timeout=120, check=False
    )
    assert "exit code 2" in out
    return next(line for line in out.splitlines() if line.startswith("caviar: "))


def test_storage_that_only_the_head_has_is_refused_before_the_first_trial(cluster):
    said = refused(cluster, "--storage", "/root/results", "--name", "own")
    assert "The storage /root/results/own is" in said
    assert "NFS" in said
    assert cluster.inside("head", "ls /root/results/own 2>/dev/null | wc -l").strip() == "0"


def test_a_module_that_the_workers_lack_is_named(cluster):
    cluster.inside("head", "mkdir -p /root/here && cp ~/caviar/tests/cluster/watched.py /root/here")
    sweep = "cd /root/here && python -m caviar.cli.main sweep random_search --dataset digits"
    out = cluster.inside(
        "head",
        f"{sweep} --trainable watched:Watched --storage /shared/results --name mod; echo exit $?",
        timeout=120,
    )
    assert "exit 2" in out
    assert "has no module watched: install it there" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--gpus-per-trial", "2"],
            "asks for 1 CPU and 2 GPU for 2 workers, and no machine here has that",
        ),
        (["--accelerator-type", "A100"], "of the kind A100, and no machine here has that"),
    ],
)
def test_what_no_machine_has_is_refused_at_once(cluster, options, words):
    assert words in refused(cluster, "--storage", "/shared/results", "--name", "no", *options)

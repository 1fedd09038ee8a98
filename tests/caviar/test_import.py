"""A user's own folders beside a script and the command, in the driver and in Ray's workers."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "caviar"]
SWEEP = ["sweep", "random_search", "--dataset", "digits", "--trials", "2", "--max-epochs", "1"]
FOLDERS = {"package": "__init__.py", "empty": None, "yaml": "settings.yaml"}
SCRIPT = """
from caviar import Random, Sweep, run

if __name__ == "__main__":
    sweep = Sweep(dataset="digits", trials=2, max_epochs=1, searcher=Random())
    print("completed", run(sweep).summary["trials"]["completed"])
"""


def folder(place, name, kind):
    (place / name).mkdir()
    if FOLDERS[kind] is not None:
        (place / name / FOLDERS[kind]).write_text("")


def run(command, place, **variables):
    done = subprocess.run(
        command,
        cwd=place,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=200,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The library as a wheel, unpacked into a folder of its own."""
    place = tmp_path_factory.mktemp("wheel")
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(place)]
    source = place / "source"  # a build leaves files behind
    clone = ["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(source)]
    subprocess.run(clone, check=True, timeout=100)
    subprocess.run([sys.executable, "-m", *build, str(source)], check=True, timeout=200)
    (found,) = place.glob("*.whl")
    zipfile.ZipFile(found).extractall(place / "site")
    return place / "site"


@pytest.mark.timeout(250)
@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_pipelines_beside_the_command_is_no_trouble(tmp_path, kind):
    folder(tmp_path, "pipelines", kind)
    code, out, err = run([*COMMAND, *SWEEP, "--name", "x"], tmp_path, PYTHONPATH=str(ROOT))
    assert (code, err) == (0, ""), out
    assert "2 trials (" in out


@pytest.mark.timeout(250)
def test_a_folder_pipelines_beside_a_script_is_no_trouble(tmp_path):
    folder(tmp_path, "pipelines", "package")
    (tmp_path / "mine.py").write_text(SCRIPT)
    code, out, err = run([sys.executable, "mine.py"], tmp_path, PYTHONPATH=str(ROOT))
    assert code == 0, f"{out}\n{err}"
    assert "completed" in out


@pytest.mark.timeout(400)
def test_the_same_with_a_wheel(tmp_path, wheel):
    folder(tmp_path, "pipelines", "package")
    (tmp_path / "mine.py").write_text("import caviar\nprint(caviar.__file__)\n" + SCRIPT)
    code, out, err = run([sys.executable, "mine.py"], tmp_path, PYTHONPATH=str(wheel))
    assert code == 0, f"{out}\n{err}"
    assert str(wheel) in out
    assert "completed" in out
    code, out, err = run([*COMMAND, "sweep", "--help"], tmp_path, PYTHONPATH=str(wheel))
    assert (code, err) == (0, "")
    assert "asha_parzen" in out


@pytest.mark.parametrize("name", ["search_spaces", "trainables"])
@pytest.mark.parametrize("kind", ["package", "file"])
def test_what_hides_a_package_beside_a_script_is_said_with_its_path(tmp_path, name, kind):
    if kind == "file":
        (tmp_path / f"{name}.py").write_text("")
    else:
        folder(tmp_path, name, kind)
    (tmp_path / "mine.py").write_text("import caviar\n")
    code, _, err = run([sys.executable, "mine.py"], tmp_path, PYTHONPATH=str(ROOT))
    there = tmp_path / (name if kind == "package" else f"{name}.py")
    sentence = f"{there} hides Caviar's package {name!r}, which has the same name: rename it, "
    assert code == 1
    assert err.splitlines()[-1].startswith(f"ImportError: {sentence}")


@pytest.mark.parametrize("name", ["search_spaces", "trainables"])
def test_the_command_says_it_in_one_sentence(tmp_path, name):
    """From its own folder, whence Python itself imports the command."""
    folder(tmp_path, name, "package")
    (tmp_path / "caviar").write_text("from caviar.cli.main import main\nraise SystemExit(main())\n")
    for command in ([sys.executable, "caviar"], COMMAND):
        code, out, err = run([*command, "list"], tmp_path, PYTHONPATH=str(ROOT))
        assert (code, out) == (2, "")
        assert err.startswith(f"caviar: {tmp_path / name} hides Caviar's package {name!r}")
        assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["search_spaces", "trainables"])
def test_a_sweep_is_refused_where_rays_workers_would_import_another_package(tmp_path, name):
    """The command itself finds its own packages there; the working directory comes first in a
    worker."""
    folder(tmp_path, name, "package")
    command = [str(Path(sys.executable).with_name("caviar")), *SWEEP]
    code, out, err = run(command, tmp_path, PYTHONPATH=str(ROOT))
    assert (code, out) == (2, "")
    assert err.startswith(f"caviar: {tmp_path / name} hides Caviar's package {name!r}")
    assert err.count("\n") == 1

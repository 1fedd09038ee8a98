"""Every command in the README and the documentation runs, and each command and recipe is there."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from caviar import Sweep
from caviar.cli import main
from caviar.driver.command_line import option_names, parse
from caviar.nightly import settings
from caviar.sweep import parts, recipes
from caviar.sweep.recipes import load as load_recipe

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))]
ELSEWHERE = {
    "make ": "what CI calls",
    ". .venv/bin/activate": "what make install has made",
    "optuna-dashboard ": "tests/caviar/store/test_history.py",
    "ray ": "tests/cluster",
    "python pipelines/": "tests/caviar/driver/test_sweeps.py, from the folder of the repository",
    "caviar submit ": "tests/cluster, on three hosts",
    "kubectl ": "tests/cluster, by the schemas",
    "sbatch ": "tests/cluster, by bash",
}
"""What cannot run in a folder by itself, and where it is tested."""
TWICE = {
    "caviar doctor": "tests/caviar/cli/test_init_and_doctor.py",
    "cd project && ": "tests/caviar/cli/test_init_and_doctor.py",
    "caviar nightly ": "tests/caviar/nightly/test_nightly.py",
}
"""What the fast tests start elsewhere too: here it runs in the long ones only."""
OTHERS = {"--generate", "--scheduler.epoch"}
"""Options of other tools, and of a user's scheduler, that the pages name."""


def fences(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", (ROOT / page).read_text())


def commands(text: str) -> list[str]:
    """The lines of a block, those that end in a backslash joined, comments cut off."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.strip()]


def test_every_block_says_what_it_is():
    for page in PAGES:
        for language, text in fences(page):
            assert language, f"{page}: a block without a language:\n{text}"


class Reader:
    """Somebody who types what the pages say, in one folder, and no command twice.

    The pages tell one story: a sweep that two of them start is the same, to the letter. So each
    page runs after any other, and what they have in common is trained once.
    """

    def __init__(self, folder: Path, *, skips: Collection[str]):
        self.folder = folder
        self.skips = tuple(skips)
        self.done: set[str] = set()
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
        }

    def read(self, page: str) -> None:
        """Write the files of a page that are named, and run its commands in their order."""
        for language, text in fences(page):
            name = re.match(r"# (\S+\.(?:py|toml))\n", text)
            if name is not None:
                file = self.folder / name[1]
                assert not file.exists() or file.read_text() == text, f"{page}: another {name[1]}"
                file.write_text(text)
            if language == "sh":
                for command in commands(text):
                    if not command.startswith(self.skips) and command not in self.done:
                        self.run(page, command)

    def run(self, page: str, command: str) -> None:
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{page}: {command}\n{done.stdout}\n{done.stderr}"
        self.done.add(command)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return Reader(tmp_path_factory.mktemp("reader"), skips={**ELSEWHERE, **TWICE})


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_run(page, reader):
    reader.read(page)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES)
def test_each_page_can_be_read_alone(page, tmp_path):
    Reader(tmp_path, skips=ELSEWHERE).read(page)


def test_the_plan_of_a_night_can_be_read(tmp_path):
    (plan,) = [text for language, text in fences("docs/nightly.md") if language == "toml"]
    (tmp_path / "nightly.toml").write_text(plan)
    found = settings.read(tmp_path / "nightly.toml", load_recipe)
    assert parse(found.usual, recipe=found.settings.recipe, args=found.options).finalists == 2


def test_every_command_of_the_command_line_is_there(capsys):
    assert main.main([]) == 0  # prints the help
    known = set(re.findall(r"(?m)^    ([a-z]+)(?: {2,}|$)", capsys.readouterr().out))
    assert {"sweep", "reproduce", "doctor"} <= known, "the help reads otherwise now"
    page = (ROOT / "docs" / "commands.md").read_text()
    assert set(re.findall(r"(?m)^\| `caviar (\w+)", page)) == known
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"caviar (\w+)", readme)) >= known - {"show"}  # best says more


@pytest.mark.parametrize("page", ["README.md", "docs/choose.md"])
def test_every_recipe_is_there(page):
    rows = "\n".join(re.findall(r"(?m)^\|.*\|$", (ROOT / page).read_text()))
    assert set(recipes.files()) <= set(re.findall(r"`(\w+)`", rows))


def options() -> set[str]:
    """Every option of every command and of every recipe."""
    (commands,) = (a for a in main._parser()._actions if isinstance(a, argparse._SubParsersAction))
    found = {word for one in commands.choices.values() for word in one._option_string_actions}
    (spaces,) = (a for a in commands.choices["spaces"]._actions if a.dest == "action")
    found |= set(spaces.choices["show"]._option_string_actions)
    found |= {f"--{kind}" for kind in parts.KINDS}
    for recipe in recipes.files():
        found |= set(option_names(recipes.load(recipe)))
    return found


def test_every_option_that_the_pages_name_is_one():
    known = options()
    for page in PAGES:
        named = set(re.findall(r"(?<![\w-])--[a-z][\w.-]*", (ROOT / page).read_text()))
        assert named <= known | OTHERS, page


def test_the_site_builds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "reference" / "pipelines" / "index.html").read_text()
    for option in dataclasses.fields(Sweep):
        assert f"{option.name}" in reference, f"the reference has no {option.name}"
    for page in tmp_path.rglob("*.html"):
        assert not re.search(
            r"""<(script|link)[^>]+(src|href)=["']https?://(?!localhost)""", page.read_text()
        ), page

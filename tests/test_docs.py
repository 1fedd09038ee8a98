"""Every command in the README and the documentation runs; the site builds without a warning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))]
ELSEWHERE = {
    "make ": "what CI calls",
    "pip install caviar-tune": "the package is built and installed by a person's release",
    "ray ": "tests/cluster",
    "python pipelines/": "tests/pipelines/test_sweeps.py, from the folder of the repository",
    "caviar submit ": "tests/cluster, on three hosts",
    "kubectl ": "tests/cluster, by the schemas",
    "sbatch ": "tests/cluster, by bash",
}
"""What cannot run in a folder by itself, and where it is tested."""
LONG = {"README.md", "docs/quickstart.md"}
"""Pages with more than a minute of sweeps; the others are in the fast tests."""


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


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.slow] if p in LONG else []) for p in PAGES]
)
def test_the_commands_run(page, tmp_path):
    """In one folder, one after the other, as a person who reads types them."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(ROOT)
    environment["COLUMNS"] = "100"
    for language, text in fences(page):
        name = re.match(r"# (\S+\.(?:py|toml))\n", text)
        if name is not None:
            (tmp_path / name[1]).write_text(text)
        if language != "sh":
            continue
        for command in commands(text):
            if command.startswith(tuple(ELSEWHERE)):
                continue
            done = subprocess.run(
                command,
                shell=True,
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, f"{page}: {command}\n{done.stdout}\n{done.stderr}"


def test_the_site_builds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference" / "pipelines" / "index.html").is_file()
    for page in tmp_path.rglob("*.html"):
        assert not re.search(
            r"""<(script|link)[^>]+(src|href)=["']https?://(?!localhost)""", page.read_text()
        ), page

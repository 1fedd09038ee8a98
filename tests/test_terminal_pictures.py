"""The live view in a real terminal, drawn as in the README."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "docs" / "terminal_pictures.py"


@pytest.mark.timeout(200)
def test_a_sweep_in_a_terminal_is_drawn_during_and_after(tmp_path):
    sweep = ["asha_optuna", "--dataset", "digits", "--trials", "32", "--max-epochs", "9"]
    command = [sys.executable, "-m", "caviar.cli.main", "sweep", *sweep, "--storage", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "pictures"), *command],
        cwd=tmp_path,
        timeout=180,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    during = (tmp_path / "pictures" / "during.svg").read_text().replace("&#160;", " ")
    after = (tmp_path / "pictures" / "after.svg").read_text().replace("&#160;", " ")
    for shown in ("caviar sweep", "of 32", "stopped early", "val_accuracy", "against the default"):
        assert shown in during
    assert "32 trials (" in after
    for label in ("checkpoint", "summary", "history", "optuna-dashboard"):
        assert label in after
    assert "Ctrl-C stops" in during
    assert "Ctrl-C stops" not in after  # the live view has made room for the result

"""The reader of the output leaves, as `head` does after a few lines."""

from __future__ import annotations

import pytest
from commands import DIGITS, caviar, check_whole, finish, start


@pytest.mark.parametrize(
    "command",
    [["--help"], ["sweep", "asha_parzen", "--help"], ["spaces"], ["spaces", "show", "mlp"]],
    ids=" ".join,
)
def test_a_command_ends_without_a_word(command):
    process = start(caviar(*command))
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert error == ""
    assert process.wait(timeout=60) in (0, 1)  # argparse itself passes over it


def test_a_sweep_goes_on_to_its_end(tmp_path):
    where = ["--storage", tmp_path, "--name", "quiet"]
    small = ["--space", "ng", "--trials", 4, "--max-epochs", 3]
    process = start(caviar("sweep", "random_search", *DIGITS, *small, *where))
    assert process.stdout.readline().startswith("space ng")
    process.stdout.close()
    process.stdout = None
    code, _, error = finish(process)
    assert code == 0, error
    assert error.count("nobody reads this output") == 1
    assert "Traceback" not in error
    assert "BrokenPipe" not in error
    check_whole(tmp_path / "quiet", trials=4, max_epochs=3)
    assert (tmp_path / "quiet" / "report.html").stat().st_size > 1000

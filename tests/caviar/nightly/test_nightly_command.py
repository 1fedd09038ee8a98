"""A night as a command of its own, as the recipe `nightly` runs it."""

from __future__ import annotations

import pytest

from caviar.nightly import command, night
from caviar.nightly.lock import OverlapError

PLAN = '[nightly]\nname = "digits"\nrecipe = "random_search"\n'


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "nightly.toml"
    path.write_text(PLAN)
    return path


@pytest.mark.parametrize("code", [night.BETTER_OR_SAME, night.WORSE, night.FAILED, night.CUT_OFF])
def test_the_exit_code_is_that_of_the_night(plan, monkeypatch, code):
    monkeypatch.setattr(night, "run", lambda found: code)
    assert command.main(["--config", str(plan)]) == code


def test_a_second_night_at_once_has_failed(plan, monkeypatch, capsys):
    def run(found):
        raise OverlapError("a night runs already")

    monkeypatch.setattr(night, "run", run)
    assert command.main(["--config", str(plan)]) == night.FAILED
    assert capsys.readouterr().out == "caviar: a night runs already\n"


def test_what_cannot_be_carried_out_and_an_interrupt(plan, monkeypatch, capsys):
    assert command.main(["--config", str(plan.with_name("none.toml"))]) == command.EXIT_USAGE
    assert "cannot be read" in capsys.readouterr().err

    def run(found):
        raise KeyboardInterrupt

    monkeypatch.setattr(night, "run", run)
    assert command.main(["--config", str(plan)]) == command.EXIT_INTERRUPTED
    assert capsys.readouterr().err == "caviar: interrupted\n"

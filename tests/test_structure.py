"""What the architecture promises, held against the code: see `structure.py` and CONTRIBUTING.md."""

from __future__ import annotations

from pathlib import Path

import pytest
import tyro
from structure import Structure, raises_without_match

from caviar.cli import main
from caviar.sweep import recipes

ROOT = Path(__file__).parents[1]
MOST_MODULES, MOST_LINES, MOST_PARAMETERS = 20, 80, 8
MOST_ANY = 22.9
"""It is to be 12: lower it with every `Any` that goes."""
MANY_PARAMETERS = {"trainables.loops.supervised:SupervisedLoop.__init__"}
"""The one that is left; a list that only shrinks."""


@pytest.fixture(scope="module")
def structure():
    return Structure(ROOT)


def test_no_folder_is_a_hall(structure):
    full = {folder: n for folder, n in structure.folders().items() if n > MOST_MODULES}
    for folder in {path.parent for path in (ROOT / "tests").rglob("*.py")}:
        count = len(list(folder.glob("*.py")))
        if count > MOST_MODULES:
            full[str(folder.relative_to(ROOT))] = count
    assert not full


def test_no_modules_import_each_other_in_a_circle(structure):
    assert structure.cycles() == []


def test_no_room_imports_from_a_room_above_it(structure):
    assert structure.upward() == []


def test_one_folder_imports_ray_and_nobody_the_recipes(structure):
    library = [name for name in structure.importers("ray") if name.startswith("caviar.")]
    assert [name for name in library if not name.startswith("caviar.ray.")] == []
    parts = ("trainables.loops.", "trainables.models.", "trainables.data.", "search_spaces.")
    of_ray = [name for name in structure.importers("ray") if name.startswith(parts)]
    assert of_ray == ["search_spaces.encoders.ray_encoder"]
    assert structure.importers("pipelines") == []


def test_no_function_is_long_or_takes_many_arguments(structure):
    functions = structure.functions()
    assert [one for one in functions if one.lines > MOST_LINES] == []
    assert {one.where for one in functions if one.parameters > MOST_PARAMETERS} == MANY_PARAMETERS


def test_types_are_named(structure):
    assert structure.any_per_thousand() <= MOST_ANY


def test_every_expected_error_is_told_by_its_message():
    assert raises_without_match(ROOT / "tests") == []


@pytest.mark.parametrize("recipe", recipes.files())
def test_the_help_of_a_recipe_shows_no_mark_up(recipe, capsys):
    with pytest.raises(SystemExit, match="0"):
        tyro.cli(type(recipes.load(recipe)), default=recipes.load(recipe), args=["--help"])
    assert "`" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        "best", "doctor", "export", "init", "list", "nightly", "report", "reproduce", "retrain",
        "show", "simulate", "spaces", "submit", "sweep", "trials", "watch",
    ],
)  # fmt: skip
def test_the_help_of_a_command_shows_no_mark_up(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main.main([command, "--help"])
    assert "`" not in capsys.readouterr().out

"""Spaces in files and as tables."""

import json

import pytest

import search_spaces
from search_spaces import AllOf, AtLeast, AtMost, Choice, Fixed, Float, Int, Is, SearchSpace
from search_spaces.table import COLUMNS

ODD = SearchSpace(
    "odd",
    [
        Choice(name="any", options=[None, True, 1, 1.5, "ä", [1, [2]], {"a": None}], tier=1),
        Int(name="n", low=1, high=9, step=2),
        Float(name="x", low=0.1, high=0.7, step=0.2, when=AllOf(AtLeast("n", 3), AtMost("n", 7))),
        Fixed(name="f", value={"k": [1]}, when=Is("any", {"a": None}), source="page 3"),
    ],
)


@pytest.mark.parametrize("space", [*map(search_spaces.get, search_spaces.names()), ODD], ids=str)
def test_saved_spaces_are_the_same_ones(space, tmp_path):
    space.save(tmp_path / "space.json")
    loaded = SearchSpace.load(tmp_path / "space.json")
    assert loaded == space
    assert loaded.parameters == space.parameters
    assert loaded.default() == space.default()
    assert loaded.fingerprint == space.fingerprint


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "space.json holds no search space: Expecting property name"),
        ("[]", "space.json holds no search space: a saved space has format, name and parameters"),
        (
            '{"format": 2, "name": "s", "parameters": []}',
            "format of a saved space must be 1, got 2",
        ),
        (
            '{"format": 1, "name": "s", "parameters": [{"kind": "flot"}]}',
            "a parameter's kind is one of float, int, choice, fixed, got 'flot'",
        ),
        (
            '{"format": 1, "name": "s", "parameters": [{"kind": "float", "name": "a", "lo": 1}]}',
            "a: a float has no 'lo': did you mean 'low'",
        ),
        (
            '{"format": 1, "name": "s", "parameters": [{"kind": "float", "name": "a", "low": 1}]}',
            "a: .*missing 1 required keyword-only argument: 'high'",
        ),
        ('{"format": 1, "name": "s", "parameters": 3}', "parameters must be a list, got 3"),
        (
            '{"format": 1, "name": "s", "parameters": [3]}',
            "a saved parameter has kind, name and its range, got 3",
        ),
        (
            '{"format": 1, "name": "s", "parameters": [{"kind": ["float"]}]}',
            r"a parameter's kind is one of float, int, choice, fixed, got \['float'\]",
        ),
    ],
)
def test_files_that_hold_no_space(text, match, tmp_path):
    path = tmp_path / "space.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=match):
        SearchSpace.load(path)


def test_json_is_json():
    assert json.loads(json.dumps(ODD.to_json())) == ODD.to_json()


def test_rows():
    rows = {row[0]: row for row in search_spaces.get("mlp").rows()}
    assert len(rows["momentum"]) == len(COLUMNS)
    assert rows["momentum"][:6] == ("momentum", "0.9 … 0.999", "log1m", "0.9", "2", "")
    assert rows["units_3"][:6] == (
        "units_3",
        "50 … 100",
        "linear",
        "100",
        "2",
        "hidden_layers >= 3",
    )
    assert rows["weight_decay_on"][1:4] == ("False, True", "choice", "False")
    assert all(row[-1] for row in rows.values())  # every parameter has a source


def test_text_lines_up():
    lines = str(ODD).splitlines()
    assert lines[0] == "space odd"
    assert lines[1].split()[:3] == ["parameter", "range", "scale"]
    at = lines[1].index("scale")
    assert [line[at:].split()[0] for line in lines[3:]] == ["choice", "linear", "linear", "fixed"]

"""Spaces by name and by module path."""

import pytest

import search_spaces
from search_spaces import SearchSpace

MODULE = """
from search_spaces import Float, SearchSpace
mine = SearchSpace("mine", [Float(name="rate", low=0, high=1)])
def made():
    return mine.named("made")
number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    package = tmp_path / "my_pkg_of_spaces"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "spaces.py").write_text(MODULE)
    (package / "broken.py").write_text("import not_there_at_all")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [entry for entry in __import__("sys").path if entry])
    return "my_pkg_of_spaces.spaces"


def test_names():
    assert search_spaces.names() == [
        "mlp",
        "mlp_heaton",
        "cnn",
        "resnet",
        "abs",
        "art",
        "kt",
        "ng",
    ]
    for name in search_spaces.names():
        assert search_spaces.get(name).name == name


def test_a_space_of_ones_own(module):
    assert search_spaces.get(f"{module}:mine").names == ("rate",)
    assert search_spaces.get(f"{module}:made").name == "made"
    assert search_spaces.get("search_spaces.cnn:cnn") == search_spaces.get("cnn")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("mpl", r"no space is named 'mpl': did you mean 'mlp'\? \(built in: mlp, mlp_heaton, cnn"),
        ("whatever", r"no space is named 'whatever': known are mlp"),
        (":x", r"a space of your own is module.path:attribute, got ':x'"),
        ("x:", r"a space of your own is module.path:attribute, got 'x:'"),
        ("nowhere.spaces:mine", r"no module 'nowhere' for the space 'nowhere.spaces:mine'"),
        ("my_pkg_of_spaces.spaces:mini", r"has no 'mini': did you mean 'mine'\?"),
        ("my_pkg_of_spaces.spaces:number", r"must be a SearchSpace or a function .* got int"),
        ("my_pkg_of_spaces.broken:mine", r"cannot be imported: No module named 'not_there_at_all'"),
    ],
)
def test_unknown_spaces_are_refused(module, name, match):
    with pytest.raises(ValueError, match=match):
        search_spaces.get(name)


def test_public_names():
    assert set(search_spaces.__all__) <= set(vars(search_spaces))
    assert isinstance(search_spaces.get("mlp"), SearchSpace)

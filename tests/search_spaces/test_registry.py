"""Spaces by name and by module path."""

import pytest

import search_spaces
from search_spaces import SearchSpace
from search_spaces.documented import documents

MODULE = """
from search_spaces import Float, SearchSpace
mine = SearchSpace("mine", [Float(name="rate", low=0, high=1)])
def made():
    return mine.named("made")
def for_data(inputs, outputs):
    return mine.override("rate", high=inputs / outputs).named("for_data")
def needs(path):
    return mine
def gives_a_list():
    return [mine]
def mistaken():
    return SearchSpace("mine", [Float(name="rate", low=0, hihg=1)])
def reversed():
    return mine.override("rate", low=2)
number = 3
"""
CLASS = """
from search_spaces import Float
Float(name="rate", low=1, high=0)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    package = tmp_path / "my_pkg_of_spaces"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "spaces.py").write_text(MODULE)
    (package / "broken.py").write_text("import not_there_at_all")
    (package / "reversed.py").write_text(CLASS)
    (package / "cut_off.py").write_text("space = SearchSpace(")
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
    assert search_spaces.get("search_spaces.documented.cnn:cnn") == search_spaces.get("cnn")


def test_spaces_that_depend_on_the_data(module):
    dependent = [name for name in search_spaces.names() if search_spaces.depends_on_data(name)]
    assert dependent == ["mlp_heaton", "art"]
    assert not search_spaces.depends_on_data(f"{module}:mine")
    assert not search_spaces.depends_on_data(f"{module}:made")
    assert search_spaces.depends_on_data(f"{module}:for_data")
    assert search_spaces.get(f"{module}:for_data", inputs=64, outputs=10)["rate"].high == 6.4
    assert search_spaces.get("art", inputs=64, outputs=10)["units_1"].default == 53
    assert search_spaces.get("art")["units_1"].default == 533


@pytest.mark.parametrize(
    ("name", "sizes", "match"),
    [
        ("art", {"inputs": 64}, r"give both sizes or neither, got inputs=64 and outputs=None"),
        ("art", {"inputs": 0, "outputs": 10}, r"inputs must be a whole number, 1 or more, got 0"),
        (
            "cnn",
            {"inputs": 64, "outputs": 10},
            r"'cnn' does not depend .* got inputs=64 .* leave them out .*mlp_heaton and art do",
        ),
        (
            "my_pkg_of_spaces.spaces:mine",
            {"inputs": 64, "outputs": 10},
            r"spaces:mine' does not depend on the sizes of the data",
        ),
        ("my_pkg_of_spaces.spaces:for_data", {}, r"needs the sizes of the data, got none: give in"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(module, name, sizes, match):
    with pytest.raises(ValueError, match=match):
        search_spaces.get(name, **sizes)


@pytest.mark.parametrize("name", search_spaces.names())
def test_every_built_in_space_is_described_in_a_line(name):
    line = search_spaces.summary(name)
    assert line.endswith(".")
    assert 20 < len(line) < 90
    assert documents.cited(search_spaces.get(name))


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("mpl", r"no space is named 'mpl': did you mean 'mlp'\? \(built in: mlp, mlp_heaton, cnn"),
        ("whatever", r"'whatever': known are mlp, mlp_heaton, .*, ng \(your own: module.path:attr"),
        (None, r"a space is named by a text, got None"),
        ("my_pkg/spaces.py:x", r"a space of your own is module.path:attribute, got 'my_pkg/sp"),
        ("..spaces:mine", r"a space of your own is module.path:attribute, got '..spaces:mine'"),
        (":x", r"a space of your own is module.path:attribute, got ':x'"),
        ("x:", r"a space of your own is module.path:attribute, got 'x:'"),
        ("nowhere.spaces:mine", r"no module 'nowhere' for the space 'nowhere.spaces:mine'"),
        ("my_pkg_of_spaces.spaces:mini", r"has no 'mini': did you mean 'mine'\?"),
        ("my_pkg_of_spaces.spaces:number", r"must be a SearchSpace, or a function .* got int"),
        ("my_pkg_of_spaces.spaces:Float", r"must be a SearchSpace, or a function .* got type"),
        ("my_pkg_of_spaces.spaces:needs", r"must be a SearchSpace, .* got one that needs path"),
        ("my_pkg_of_spaces.spaces:gives_a_list", r"must be a SearchSpace, .* that gives list"),
        (
            "my_pkg_of_spaces.spaces:mistaken",
            r"could not be called: TypeError: .* argument 'hihg' \(.*/spaces.py, line 13\)$",
        ),
        (
            "my_pkg_of_spaces.spaces:reversed",
            r"could not be called: rate: low < high must hold, .* \(.*/spaces.py, line 15\)$",
        ),
        (
            "my_pkg_of_spaces.reversed:mine",
            r"cannot be imported: rate: low < high must hold, .* \(.*/reversed.py, line 3\)$",
        ),
        ("my_pkg_of_spaces.cut_off:x", r"cannot be imported: SyntaxError: .*\(cut_off.py, line 1"),
        ("my_pkg_of_spaces.broken:mine", r"cannot be imported: .*No module named 'not_there_at_a"),
    ],
)
def test_unknown_spaces_are_refused(module, name, match):
    with pytest.raises(ValueError, match=match):
        search_spaces.get(name)


def test_public_names():
    assert set(search_spaces.__all__) <= set(vars(search_spaces))
    assert isinstance(search_spaces.get("mlp"), SearchSpace)

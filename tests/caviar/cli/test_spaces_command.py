"""`caviar spaces`: the list, the table of a space on any terminal, the picture, bad input."""

import re
import resource
import subprocess
import sys

import pytest

import search_spaces
from caviar.cli import main
from caviar.sweep import recipes

MODULE = """
from search_spaces import Choice, Float, SearchSpace
mine = SearchSpace("mine", [
    Float(name="rate", low=0.25, high=0.75, source="[bold]see[/bold] page [3]"),
    Choice(name="kind", options=["q" * 100, "b"]),
])
def for_data(inputs, outputs):
    return mine.override("rate", high=inputs / outputs).named("for_data")
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    package = tmp_path / "my_pkg_of_caviar"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "spaces.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def run(capsys):
    """Run `caviar spaces ...`: its exit code, stdout and stderr."""

    def spaces(*args):
        code = main.main(["spaces", *map(str, args)])
        out, err = capsys.readouterr()
        return code, re.sub("\x1b\\[[0-9;]*m", "", out), err

    return spaces


@pytest.fixture(params=[80, 100])
def columns(request, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # what makes rich believe in a terminal
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


def test_the_list_has_a_line_for_every_space(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    for name in search_spaces.names():
        space = search_spaces.get(name)
        assert rows[name].split()[1] == str(len(space))
        assert search_spaces.summary(name) in rows[name]
    assert rows["mlp"].rstrip().endswith("ABS, ART, KT, NG")
    assert rows["ART"].rstrip().endswith("R. Dagli")


def test_the_list_fits_a_terminal(run, columns):
    _, out, _ = run()
    assert max(map(len, out.splitlines())) <= columns
    for name in search_spaces.names():
        assert set(search_spaces.summary(name).split()) <= set(out.split())


@pytest.mark.parametrize("name", search_spaces.names())
def test_into_a_pipe_every_parameter_is_one_line_with_all_it_has(run, name):
    code, out, err = run("show", name)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"space {name}, {len(search_spaces.get(name))} parameters")
    assert lines[1] == search_spaces.summary(name)
    for row in search_spaces.get(name).rows():
        (line,) = [line for line in lines if line.split()[:1] == [row[0]]]
        assert " ".join(line.split()) == " ".join(cell for cell in row if cell)


@pytest.mark.parametrize("name", search_spaces.names())
def test_on_a_terminal_nothing_is_wider_and_nothing_is_lost(run, columns, name):
    _, out, _ = run("show", name)
    assert max(map(len, out.splitlines())) <= columns
    words = set(out.split())
    for row in search_spaces.get(name).rows():
        assert {word for cell in row for word in cell.split()} <= words


def test_your_own_space_is_shown_as_it_is_written(run, columns):
    _, out, _ = run("show", "my_pkg_of_caviar.spaces:mine")
    assert "0.25 … 0.75" in out
    assert "[bold]see[/bold] page [3]" in out
    assert out.count("q") >= 100  # longer than the terminal is wide: folded, not cut
    assert max(map(len, out.splitlines())) <= columns


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["mlp_heaton"], r"units_1 +10 … 784 +log +533 "),
        (["mlp_heaton", "--inputs", 64, "--outputs", 10], r"units_1 +10 … 64 +linear +53 "),
        (["art", "--outputs", 10, "--inputs", 64], r"units_1 +10 … 64 +linear +53 "),
        (
            ["my_pkg_of_caviar.spaces:for_data", "--inputs", 64, "--outputs", 10],
            r"rate +0.25 … 6.4 +linear",
        ),
    ],
)
def test_spaces_that_depend_on_the_data_take_its_sizes(run, args, expected):
    code, out, _ = run("show", *args)
    assert code == 0
    assert re.search(expected, out)


def test_the_picture(run, tmp_path):
    code, out, err = run("show", "ng", "--plot", tmp_path / "ng.html")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"picture  {tmp_path / 'ng.html'}"
    assert "momentum, log1m" in (tmp_path / "ng.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["show", "mpl"], r"no space is named 'mpl': did you mean 'mlp'\? \(built in: mlp, .*"),
        (["show", "whatever"], r"no space is named 'whatever': known are mlp, mlp_heaton, .*"),
        (["show", "nowhere.spaces:mine"], r"no module 'nowhere' for the space .*"),
        (
            ["show", "my_pkg_of_caviar.spaces:mini"],
            r"module 'my_pkg_of_caviar.spaces' has no 'mini': did you mean 'mine'\?",
        ),
        (
            ["show", "my_pkg_of_caviar.spaces:for_data"],
            r".* needs the sizes of the data, got none: give inputs, .*",
        ),
        (["show", "mlp_heaton", "--inputs", 64], r"give both sizes or neither, got inputs=64 .*"),
        (
            ["show", "cnn", "--inputs", 64, "--outputs", 10],
            r"space 'cnn' does not depend on the sizes .* \(built in, mlp_heaton and art do\)",
        ),
        (
            ["show", "art", "--inputs", 0, "--outputs", 10],
            r"inputs must be a whole number, 1 or more, got 0: take the size of one row .*",
        ),
        (["show", "art", "--inputs", "x"], r"argument --inputs: invalid int value: 'x'\. See: .*"),
        (["show"], r"the following arguments are required: NAME\. See: caviar spaces show --help"),
        (["mlp"], r"argument ACTION: invalid choice: 'mlp' .* See: caviar spaces --help"),
        (
            ["show", "mlp", "--plot", "x.png"],
            r"a picture is written as HTML, got 'x.png': end it .*",
        ),
        (
            ["show", "mlp", "--plot", "not_there/x.html"],
            r"--plot cannot write not_there/x.html: No such file or directory\. .*",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(run, args, sentence):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert re.fullmatch(f"caviar: {sentence}\n", err)


def cpu_seconds(code):
    """CPU seconds and output of Python code in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, done.stdout


@pytest.mark.parametrize("args", [["spaces"], ["spaces", "show", "mlp"]], ids=" ".join)
def test_it_is_there_at_once_without_ray_and_torch(args):
    code = f"import sys; from caviar.cli import main as cli; cli.main({args}); print(*sys.modules)"
    _, out = cpu_seconds(code)
    loaded = set(out.splitlines()[-1].split())
    assert "search_spaces.registry" in loaded
    assert not loaded & {"ray", "torch", "optuna", "hyperopt", "sklearn", "plotly"}
    spent, bare, numpy = (
        min(cpu_seconds(each)[0] for _ in range(3)) for each in (code, "pass", "import numpy")
    )
    assert spent - bare < 15 * (numpy - bare)  # about 6 times


def test_the_recipes_are_the_scripts_alone():
    found = set(recipes.files())
    assert found >= {"asha_optuna", "caviar", "random_search"}
    assert not found & {"__init__", "caviar_strategy", "cli", "spaces"}

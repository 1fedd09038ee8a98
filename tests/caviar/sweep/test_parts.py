"""A user's own searcher and scheduler: named, stored, read back, and missing later. No Ray."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys

import pytest
from without_ray import LINE, METRIC, write_sweep

from caviar import Asha, Parzen, Random, Sweep, UsageError, load
from caviar.cli import main
from caviar.driver.command_line import parse
from caviar.store import layout, starting
from caviar.sweep import codec, compatibility, parts, recipes, rerun

MODULE = '''
from dataclasses import dataclass

from caviar.schedulers import SchedulerOptions
from caviar.schedulers.no_stopping import FullFidelity
from caviar.searchers import SearcherOptions
from caviar.searchers.random import RandomSearcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian(SearcherOptions):
    """Draws near the best."""

    width: float = 0.1
    """The width of a draw."""
    names: tuple[str, ...] = ("a",)
    """Names."""

    def build(self, space, **how):
        return RandomSearcher(space, **how)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(SchedulerOptions):
    """Judges at one epoch."""

    epoch: int = 2
    """The epoch."""

    def build(self, *, max_epochs, seed):
        return FullFidelity(max_epochs)

    def judges_at(self, max_epochs):
        return (self.epoch,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs(Stop):
    needed: int


class Other:
    pass
'''
NAMES = ["--searcher", "mine_parts:Gaussian", "--scheduler=mine_parts:Stop"]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A user's module where the command is started; what it defines."""
    (tmp_path / "mine_parts.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("mine_parts", None)


def forget(folder, monkeypatch):
    """The user's module is no more."""
    (folder / "mine_parts.py").unlink()
    sys.modules.pop("mine_parts", None)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(folder)])


def read(*args, recipe="asha_parzen"):
    return parse(recipes.load(recipe), recipe=recipe, args=args)


def own(**changes):
    sweep = read(*NAMES, "--searcher.width", "0.2", "--scheduler.epoch", "4")
    return dataclasses.replace(sweep, metric=METRIC, **changes)


def test_parts_are_named_on_the_command_line(mine):
    sweep = own()
    assert (parts.name_of(sweep.searcher), sweep.searcher.width) == ("mine_parts:Gaussian", 0.2)
    assert (parts.name_of(sweep.scheduler), sweep.scheduler.epoch) == ("mine_parts:Stop", 4)
    assert read("--searcher", "Random").searcher == Random()
    assert read("--scheduler", "Asha", "--searcher=Parzen").scheduler == Asha()
    assert read("--searcher", "Parzen", "--searcher.width", "0.5").searcher == Parzen(width=0.5)


def test_help_lists_the_options_of_the_named_part(mine, capsys):
    with pytest.raises(SystemExit, match="0"):
        read(*NAMES, "--help")
    out = capsys.readouterr().out
    assert "--searcher.width" in out
    assert "--scheduler.epoch" in out
    assert "--searcher.good-share" not in out
    assert "package.module:Class" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--searcher", "Parsen"], r"There is no searcher 'Parsen'; .* mean 'Parzen'\?"),
        (["--scheduler", "Parzen"], "There is no scheduler 'Parzen'; there are Asha, "),
        (["--searcher"], "--searcher takes a name, such as CoarseToFine, .* it got nothing"),
        (["--searcher", "--trials", "3"], "--searcher takes a name, .* it got nothing"),
        (["--searcher", "no_such:X"], "names the module 'no_such', and there is no module"),
        (["--searcher", "mine_parts:"], "--searcher takes package.module:Class, and it is"),
        (["--searcher", "mine_parts:Gausian"], r"no class 'Gausian'.* mean 'Gaussian'\?"),
        (["--searcher", "mine_parts:Stop"], "is no searcher: .* caviar.SearcherOptions"),
        (["--scheduler", "mine_parts:Other"], "is no scheduler: .* caviar.SchedulerOptions"),
        (["--scheduler", "mine_parts:Needs"], "options have no default: TypeError: .*needed"),
        (["--sercher", "Random"], r"There is no option '--sercher'.* '--searcher'\?"),
    ],
)
def test_what_is_no_part_is_refused(mine, args, message, capsys):
    with pytest.raises(UsageError, match=message):
        read(*args)
    assert main.main(["sweep", "asha_parzen", *args]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_module_that_raises_is_refused_with_its_line(mine):
    (mine / "mine_parts.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match=r"cannot be imported: ZeroDivisionError.*line 1"):
        read(*NAMES)


def test_stored_and_read_back_they_are_the_same(mine):
    sweep = own()
    described = json.loads(json.dumps(codec.describe(sweep)))
    assert described["searcher"] == {"name": "mine_parts:Gaussian", "width": 0.2, "names": ["a"]}
    assert described["scheduler"] == {"name": "mine_parts:Stop", "epoch": 4}
    again = codec.restored(described)
    assert (again.searcher, again.scheduler) == (sweep.searcher, sweep.scheduler)
    assert codec.describe(Sweep())["searcher"] == {"name": "Random"}


def test_what_a_users_scheduler_needs_is_checked(mine, monkeypatch):
    sweep = own()
    compatibility.check(sweep, LINE)
    trainable = type("Forgets", (), {"forks": staticmethod(lambda: False)})
    compatibility.check_trainable(sweep, trainable)
    monkeypatch.setattr(type(sweep.scheduler), "forks", True)
    with pytest.raises(UsageError, match=r"With Stop trials .* those of Forgets do not hold"):
        compatibility.check_trainable(sweep, trainable)


def test_the_command_names_them(mine):
    words = shlex.split(rerun.command("asha_parzen", own()))
    assert words[3:7] != []
    assert words[words.index("--searcher") + 1] == "mine_parts:Gaussian"
    assert words[words.index("--scheduler") + 1] == "mine_parts:Stop"
    assert read(*words[3:]) == own()
    other = dataclasses.replace(recipes.load("asha_parzen"), searcher=Random())
    assert "--searcher Random" in rerun.command("asha_parzen", other)


def test_a_resumed_sweep_has_them_unasked(mine):
    write_sweep(mine / "results" / "x", own(), recipe="asha_parzen")
    again = read("--name", "x", "--resume", "--trials", "99")
    assert (again.searcher, again.scheduler) == (own().searcher, own().scheduler)
    assert read("--name", "x", "--resume", *NAMES).searcher == own().searcher
    asked = read("--name", "x", "--resume", "--searcher", "Random")
    with pytest.raises(UsageError, match=r"searcher of 'x' was .*mine_parts:Gaussian"):
        starting.check(asked, space=LINE, recipe="asha_parzen", folder=mine / "results" / "x")


def test_a_sweep_can_be_read_and_not_resumed_without_its_classes(mine, monkeypatch, capsys):
    folder = mine / "results" / "x"
    write_sweep(folder, own(), recipe="asha_parzen", epochs=40)
    assert load(folder).options.scheduler.judges_at(9) == (4,)
    forget(mine, monkeypatch)
    options = load(folder).options
    assert options.scheduler.judges_at(9) == ()
    before = json.loads((folder / layout.OPTIONS).read_text())["options"]
    assert codec.describe(options)["searcher"] == before["searcher"]
    assert "--searcher mine_parts:Gaussian --searcher.width 0.2" in rerun.command(
        "asha_parzen", options
    )
    with pytest.raises(UsageError, match=r"there is no module 'mine_parts'"):
        options.searcher.build(LINE, mode="max", seed=0)
    for command in ("list", "show", "trials", "best", "report", "watch"):
        where = [] if command == "list" else ["x"]
        assert main.main([command, *where]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main.main(["sweep", "asha_parzen", "--name", "x", "--resume"]) == 2
    err = capsys.readouterr().err
    assert "there is no module 'mine_parts'" in err
    assert len(err.splitlines()) == 1

"""`caviar simulate`: what it prints on small tables worked by hand, real histories, bad input."""

import math
import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from without_ray import LINE, controller, drive, write_sweep

from caviar import Sweep, UsageError
from caviar.base.objective import Objective
from caviar.base.trial import Outcome
from caviar.cli import main
from caviar.schedulers import NoStopping
from caviar.searchers import Parzen, Random
from caviar.simulator import load_sweep, regret_plot, study
from caviar.store import recording, starting
from caviar.store.history import History, stored_records

SVG = "{http://www.w3.org/2000/svg}"


def write_table(path, curves, **changes):
    """A file of learning curves [tasks, rows, epochs] over one parameter, spread evenly."""
    curves = np.array(curves, dtype=float)
    rows = curves.shape[1]
    fields = {
        "X": np.linspace(0.0, 1.0, rows)[:, None],
        "names": np.array(["x"]),
        "lower": np.array([0.0]),
        "upper": np.array([1.0]),
        "log": np.array([False]),
        "integer": np.array([False]),
        "tasks": np.array(["first", "second"][: len(curves)]),
        "metric": np.array("accuracy"),
        "goal": np.array("max"),
        "accuracy": curves,
        "seconds_per_epoch": np.ones(curves.shape[:2]),
        **changes,
    }
    np.savez(path, **{name: value for name, value in fields.items() if value is not None})
    return path


# One epoch each, one of them 1.0, the median 0.5: regrets are 0 and 1, and 2 at the worst.
FOUR = [[[0.0], [0.5], [0.5], [1.0]]]


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def connected(*, workers, verbose):
        raise AssertionError("Ray was started")

    monkeypatch.setattr("caviar.ray.cluster.connected", connected)


@pytest.fixture
def simulate(capsys):
    """Run `caviar simulate ...` in this process; its exit code, stdout and stderr."""

    def run(*args):
        code = main.main(["simulate", *map(str, args), "--jobs", "1"])
        out, err = capsys.readouterr()
        return code, re.sub("\x1b\\[[0-9;]*m", "", out), err

    return run


def rows(out):
    """(recipe, workers) to the cells behind them, of the first table that was printed."""
    found = {}
    for line in out.splitlines():
        cells = re.split(r" {2,}", line.strip())
        if len(cells) == 8 and cells[1].replace(",", "").isdigit():
            found.setdefault((cells[0], cells[1]), cells[2:])
    return found


def test_all_of_a_small_table_ends_without_regret(simulate, tmp_path):
    table = write_table(tmp_path / "t.npz", FOUR)
    args = ["--recipe", "random_search", "--seeds", 3, "--epochs", 4, "--workers", "1,4"]
    code, out, err = simulate("--table", table, *args)
    assert (code, err) == (0, "")
    assert "4 configurations of up to 1 epochs, max accuracy" in out
    assert "budget   4 epochs over all trials, as many as 4 trainings to the last epoch" in out
    found = rows(out)
    assert list(found) == [("random_search", "1"), ("random_search", "4")]
    for workers, seconds in (("1", "4 s"), ("4", "1 s")):
        # Nothing is known after a tenth of four epochs; all four rows ran at the end.
        assert found["random_search", workers][0] == "–"
        assert found["random_search", workers][3:] == ["0.000 ± 0.000", "4", seconds]


def test_mean_and_standard_error_by_hand():
    regret = np.array([[1.0, 0.2], [1.0, 0.4], [1.0, 0.6]])
    mean, error = regret_plot.mean_and_error(regret)
    assert mean.tolist() == pytest.approx([1.0, 0.4])
    assert error.tolist() == pytest.approx([0.0, 0.2 / math.sqrt(3)])
    assert np.isnan(regret_plot.mean_and_error(regret[:1])[1]).all()


def test_several_tasks_have_a_mean_and_one_can_be_asked_for(simulate, tmp_path):
    table = write_table(tmp_path / "t.npz", [FOUR[0], [[1.0], [0.5], [0.5], [0.0]]])
    args = ["--recipe", "random_search", "--seeds", 2, "--epochs", 4]
    _, out, _ = simulate("--table", table, *args)
    titles = [
        line.strip() for line in out.splitlines() if re.match(r"\s*(mean|first|second)", line)
    ]
    assert titles == ["mean over the 2 tasks", "first", "second"]
    _, out, _ = simulate("--table", f"{table}:second", *args)
    assert "mean over" not in out
    assert "second" in out


def test_recipes_are_compared_with_their_own_options(simulate, tmp_path):
    rng = np.random.default_rng(0)
    table = write_table(tmp_path / "t.npz", rng.random((1, 60, 9)))
    args = ["--table", table, "--recipe", "random_search", "grid_search", "--seeds", 2]
    _, out, _ = simulate(*args, "--epochs", 90)
    assert rows(out)["grid_search", "8"][4] == "2", "2 points on one axis, and no early stopping"
    _, more, _ = simulate(*args, "--epochs", 90, "--searcher.points", 5)
    assert rows(more)["grid_search", "8"][4] == "5"
    assert rows(more)["random_search", "8"] == rows(out)["random_search", "8"]
    _, gentle, _ = simulate(*args, "--epochs", 90, "--scheduler.min_epochs=9")
    assert rows(gentle)["random_search", "8"][4] == "16", "8 of 9 epochs, then 8 more"
    assert rows(gentle)["grid_search", "8"] == rows(out)["grid_search", "8"]


def test_the_picture_has_a_panel_for_each_table_and_number_of_workers(simulate, tmp_path):
    table = write_table(tmp_path / "t<1>.npz", [FOUR[0]] * 2)
    args = ["--recipe", "random_search", "asha_parzen", "--seeds", 2, "--epochs", 4]
    code, out, _ = simulate("--table", table, *args, "--workers", "1,2", "--plot", "p.svg")
    assert code == 0
    assert out.splitlines()[-1] == "picture  p.svg"
    picture = ET.parse(tmp_path / "p.svg").getroot()
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert "Regret on t<1>.npz, 2 seeds" in texts
    for title in ("mean over the 2 tasks", "first", "second"):
        assert {f"{title}, 1 worker", f"{title}, 2 workers"} <= set(texts)
    assert len(list(picture.iter(f"{SVG}polyline"))) == 3 * 2 * 2
    assert not re.search(r"nan|href|<script", (tmp_path / "p.svg").read_text())


def test_a_panel_is_drawn_where_its_numbers_say():
    lines = {"a": np.array([[math.nan, 1.0, 0.5, 0.0]] * 2)}
    root = ET.fromstring(
        regret_plot.draw("t", [[regret_plot.Panel(title="p", budget=4, lines=lines)]])
    )
    (line,) = root.iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    # 270 pixels across from 48, 156 down from 34; the axis ends at 1.1 times the highest mean.
    assert [x for x, _ in points] == pytest.approx([48 + 270 * k / 4 for k in (2, 3, 4)], abs=0.1)
    down = [34 + 156 * (1 - regret / 1.1) for regret in (1.0, 0.5, 0.0)]
    assert [y for _, y in points] == pytest.approx(down, abs=0.1)


# Histories of real sweeps.


def history(folder, *, trials=12, max_epochs=9, **changes):
    """A finished sweep on disk, written by the engine; trial 0 is the default configuration."""
    asked = Sweep(trials=trials, max_epochs=max_epochs, **changes)
    folder.mkdir()
    starting.note(asked, LINE, "random_search", folder)
    written = History(folder, name=folder.name, objective=asked.objective)
    sweep = controller(written, trials=trials, max_epochs=max_epochs, scheduler=asked.scheduler)
    with recording.recorded(written, sweep, asked, LINE):
        drive(sweep)
    written.close()
    return sweep


def test_last_nights_history_is_replayed(simulate, tmp_path):
    night = history(tmp_path / "night")
    (tmp_path / "night").rename(tmp_path / "moved")
    before = (tmp_path / "moved" / "history.db").read_bytes()
    args = ["--recipe", "random_search", "asha_parzen", "--seeds", 2]
    code, out, err = simulate("--table", tmp_path / "moved", *args)
    assert (code, err) == (0, "")
    assert (tmp_path / "moved" / "history.db").read_bytes() == before
    assert "12 configurations of up to 9 epochs, max val_accuracy" in out
    short = sum(r.epoch < 9 for r in night.trials.values())
    assert f"{short} of them were stopped early" in out
    assert f"budget   {night.trials.epochs // 2} epochs over all trials" in out
    assert set(rows(out)) == {("random_search", "8"), ("asha_parzen", "8")}


def test_the_table_of_a_history_holds_what_was_recorded(tmp_path):
    night = history(tmp_path / "night")
    of = load_sweep(tmp_path / "night")
    assert (of.objective, of.max_epochs, of.space) == (Objective("val_accuracy", "max"), 9, LINE)
    assert [dict(c) for c in of.configs] == [r.config for r in night.trials.values()]
    for row, record in enumerate(night.trials.values()):
        curve = [report.metrics["val_accuracy"] for report in record.reports]
        assert of.values[row, : of.known[row]].tolist() == curve
    assert stored_records(tmp_path / "night") == night.trials


def test_the_default_configuration_of_a_history_runs_first_and_to_its_end(tmp_path):
    history(tmp_path / "night")
    of = load_sweep(tmp_path / "night")
    parts = {"r": (Parzen(), NoStopping())}
    (case,) = study.cases([of], parts, workers=[1], seeds=1, epochs=[20], trials=None)
    assert (case.default_first, case.searcher) == (True, Parzen())
    found = study.one(of, case)
    best = max(of.values[0])
    assert found.regret[44] == pytest.approx(of.regret(best)), "9 of 20 epochs are the default's"


def test_a_table_without_the_default_draws_nothing_near_one(tmp_path):
    from caviar.simulator import load_tables

    tables = load_tables(write_table(tmp_path / "t.npz", FOUR))  # 0.5 is none of its rows
    parts = {"p": (Parzen(), NoStopping()), "r": (Random(), NoStopping())}
    cases = study.cases(tables, parts, workers=[1], seeds=1, epochs=[4], trials=None)
    assert [case.default_first for case in cases] == [False, False]
    assert [case.searcher for case in cases] == [Parzen(near_default=False), Random()]


def test_processes_find_what_one_process_finds(tmp_path):
    from caviar.simulator import load_tables

    rng = np.random.default_rng(0)
    tables = load_tables(write_table(tmp_path / "t.npz", rng.random((2, 30, 3))))
    parts = {"r": (Random(), NoStopping())}
    cases = study.cases(tables, parts, workers=[2], seeds=2, epochs=[20, 30], trials=None)
    alone, beside = (list(study.run(tables, cases, jobs=jobs)) for jobs in (1, 2))
    for (case, one), (again, other) in zip(alone, beside, strict=True):
        assert case == again
        assert np.array_equal(one.regret, other.regret, equal_nan=True)
        assert (one.trials, one.epochs, one.seconds) == (other.trials, other.epochs, other.seconds)


def test_a_sweep_that_is_running_can_be_replayed(simulate, tmp_path):
    write_sweep(tmp_path / "now", Sweep(trials=20, max_epochs=9), epochs=40)
    assert any(r.outcome is Outcome.RUNNING for r in stored_records(tmp_path / "now").values())
    code, out, _ = simulate("--table", tmp_path / "now", "--recipe", "random_search", "--seeds", 1)
    assert code == 0
    assert "over 1 seed," in out


# Bad input.

TABLE = "--table", "t.npz"
RANDOM = "--recipe", "random_search"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--table", "no.npz", *RANDOM], "There is no table of learning curves at no.npz."),
        (["--table", "text.npz", *RANDOM], r"text.npz is no .npz file of learning curves \(.*"),
        (
            ["--table", "other.npz", *RANDOM],
            "other.npz is no table of learning curves: it lacks names, .*, and it holds X.",
        ),
        (
            ["--table", "t.npz:frist", *RANDOM],
            r"t.npz holds no task 'frist'; it holds first\. Did you mean 'first'\?",
        ),
        (["--table", "empty", *RANDOM], r"empty holds no sweep \(sweep.json and history.db\): .*"),
        (["--table", "broken", *RANDOM], r"broken/sweep.json is not as this version of .*"),
        (["--table", "night:a", *RANDOM], "--table: a sweep has no tasks, leave out ':a'."),
        (["--table", "equal.npz", *RANDOM], "table 'first': the best of its 2 rows and the .*"),
        ([*TABLE, "--recipe", "asha_parzn"], ".*no recipe 'asha_parzn'.*mean 'asha_parzen'.*"),
        ([*TABLE, *RANDOM, "--workers", "0"], "--workers takes whole numbers above 0 .* '0'."),
        ([*TABLE, *RANDOM, "--workers", "8, 64"], "--workers takes whole numbers .* '8, 64'."),
        ([*TABLE, *RANDOM, "--seeds", "0"], "--seeds must be at least 1, and it is 0."),
        ([*TABLE, *RANDOM, "--trials", "-1"], "--trials must be at least 1, and it is -1."),
        ([*TABLE, *RANDOM, "--trainings", "nan"], "--trainings must be above 0 and finite, .*nan."),
        ([*TABLE, *RANDOM, "--plot", "p.png"], "--plot writes SVG, and it got 'p.png': .*"),
        ([*TABLE, *RANDOM, "--plot", "no/p.svg"], "--plot cannot write no/p.svg: give a file .*"),
        ([*TABLE, *RANDOM, "--seed", "1"], r"There is no option '--seed' .*mean '--seeds'\?.*"),
        (
            [*TABLE, *RANDOM, "--scheduler.reduction-facto", "4"],
            ".* of random_search. Did you mean '--scheduler.reduction-factor'.*",
        ),
        ([*TABLE, *RANDOM, "--searcher.points", "4"], "There is no option '--searcher.points'.*"),
        (
            [*TABLE, *RANDOM, "--scheduler.reduction-factor", "1"],
            "--scheduler.reduction-factor must be at least 2, and it is 1.",
        ),
        (
            [*TABLE, *RANDOM, "--scheduler.min-epochs", "7"],
            "min_epochs must not exceed max_epochs, and they are 7 and 1: .*",
        ),
        ([*TABLE], "the following arguments are required: --recipe.* See: caviar simulate --help"),
        ([*TABLE, *RANDOM, "--epochs", "3", "--trials", "3"], "argument --trials: not allowed .*"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_sentence(args, told, tmp_path, capsys):
    write_table("t.npz", FOUR)
    write_table("equal.npz", [[[0.5], [0.5]]])
    np.savez("other.npz", X=np.zeros((2, 2)))
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty").mkdir()
    write_sweep(tmp_path / "night", Sweep(trials=3, max_epochs=2))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sweep.json").write_text("{}")
    (tmp_path / "broken" / "history.db").write_text("this is not a database" * 100)
    before = sorted(tmp_path.rglob("*"))
    assert main.main(["simulate", *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(f"caviar: {told}\n", err), err
    assert sorted(tmp_path.rglob("*")) == before, "something was left behind"


def test_a_table_of_which_most_rows_diverge_is_ranked_by_the_others(tmp_path):
    from caviar.simulator import load_tables

    curves = [[[math.nan]] * 4 + [[0.2], [0.4], [0.8]]]
    (table,) = load_tables(write_table(tmp_path / "t.npz", curves))
    assert table.scale == (0.8, 0.4)


def test_help_needs_neither_ray_nor_torch(capsys):
    with pytest.raises(SystemExit, match="0"):
        main.main(["simulate", "--help"])
    out = capsys.readouterr().out
    for option in ("--table", "--recipe", "--workers", "--seeds", "--trainings", "--plot"):
        assert option in out
    assert "UsageError" not in out


def test_the_command_runs_without_ray(tmp_path):
    import subprocess

    write_table(tmp_path / "t.npz", FOUR)
    code = (
        "import sys; from caviar.cli import main as cli; "
        "code = cli.main(['simulate', '--table', 't.npz', '--recipe', 'random_search', "
        "'--seeds', '2', '--epochs', '4']); "
        "assert 'ray' not in sys.modules and 'torch' not in sys.modules; sys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert rows(ran.stdout)["random_search", "8"][3] == "0.000 ± 0.000"


def test_an_empty_history_is_refused(tmp_path):
    write_sweep(tmp_path / "none", Sweep(trials=3, max_epochs=2))
    with pytest.raises(UsageError, match="'none' holds no trial with a report"):
        load_sweep(tmp_path / "none")


def test_stages_need_to_know_how_many_trials_they_share(simulate, tmp_path):
    table = write_table(tmp_path / "t.npz", [[[i / 20] for i in range(20)]])
    code, out, _ = simulate("--table", table, "--recipe", "coarse_to_fine", "--trials", 9)
    assert code == 0
    assert rows(out)["coarse_to_fine", "8"]
    staged = ["--table", table, "--recipe", "coarse_to_fine", "--searcher.stage-trials", 3]
    assert simulate(*staged)[0] == 0
    code, _, err = simulate("--table", table, "--recipe", "coarse_to_fine")
    assert code == 2
    assert re.search(r"give --trials, or --searcher.stage-trials\.$", err.strip())

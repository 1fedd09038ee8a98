"""The page: its numbers against the history, every figure against plotly, hostile text inert."""

from __future__ import annotations

import dataclasses
import html
import importlib.metadata
import io
import json
import re
import tomllib
from pathlib import Path

import pytest
from made_up import SPACE, facts, finalist, sampled, trial, write
from markupsafe import escape
from plotly import graph_objects
from rich.console import Console
from without_ray import LINE, METRIC

from caviar import NoStopping, report
from caviar.base.trial import Outcome
from caviar.cli import main
from caviar.driver import runner
from caviar.report import compare
from caviar.report.facts import gather
from caviar.report.page import script_json
from caviar.report.sections import page
from caviar.report.write import find_out
from caviar.store.experiments import find
from search_spaces import Choice, SearchSpace

SECTIONS = [
    "verdict", "progress", "curves", "parallel", "importance", "landscape", "workers", "failures",
    "finalists", "space", "provenance",
]  # fmt: skip
HOSTILE = (
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \"'&\n\u2028 {{ 7*7 }}"
)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep of 80 trials on disk, its report written."""
    folder = write(tmp_path_factory.mktemp("report") / "eighty", sampled(80))
    report.write(find(folder))
    return folder


def figures(path):
    """The figures in a page, as the script reads them."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', text)
    return json.loads(found[1])


def valid(figure):
    """Raises ValueError for a property that plotly does not know."""
    graph_objects.Figure(json.loads(re.sub(r'"--[\w-]+"', '"#123456"', json.dumps(figure))))


def words(path):
    """What a reader sees of the text, on one line."""
    text = path.read_text(encoding="utf-8")
    body = text[text.index("<body>") : text.index('<script type="application/json"')]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_every_section_is_there_in_order(sweep):
    text = (sweep / "report.html").read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)">', text) == SECTIONS


def test_the_numbers_are_those_of_the_history(sweep):
    experiment = find(sweep)
    records = experiment.trials()
    best = experiment.best(records)
    score = records.best_report(best.number).metrics[METRIC]
    default = records.baseline().metrics[METRIC]
    epochs = sum(len(record.reports) for record in records.values())
    said = words(sweep / "report.html")
    assert f"Trial {best.number} wins" in said
    assert f"{METRIC} {score:.4f} (one run, not checked with other seeds)" in said
    assert f"{score - default:.4f} better than the default configuration ({default:.4f})" in said
    busy = sum(record.ended - record.started[0] for record in records.values())
    assert f"for 80 trials, {epochs} epochs and {busy / 3600:.2g} CPU-hours" in said
    counts = {o: sum(r.outcome is o for r in records.values()) for o in Outcome}
    assert f"{counts[Outcome.COMPLETED]} completed" in said
    assert f"{counts[Outcome.FAILED]} failed, {counts[Outcome.DIVERGED]} diverged" in said
    assert f"{counts[Outcome.FAILED]} × RuntimeError: batch 17 is odd" in said
    assert "caviar sweep asha_parzen --max-epochs 9 --seed 0" in said
    assert "0" * 40 in said
    assert "ray 2.60.0" in said


def test_the_figures_are_those_of_the_history(sweep):
    experiment = find(sweep)
    records = experiment.trials()
    drawn = figures(sweep / "report.html")
    best = experiment.best(records)
    score = float(f"{records.best_report(best.number).metrics[METRIC]:.5g}")
    for name in ("best-by-time", "best-by-epochs"):
        line = drawn[name]["data"][0]
        assert line["y"][-1] == max(line["y"]) == score
        assert line["customdata"][-1] == best.number
        assert line["y"] == sorted(line["y"])
    epochs = sum(len(record.reports) for record in records.values())
    assert drawn["best-by-epochs"]["data"][0]["x"][-1] == epochs
    points = 0
    for trace in drawn["learning-curves"]["data"]:
        if "legendgroup" not in trace or trace["mode"] != "lines":
            continue
        for x, y, number in zip(trace["x"], trace["y"], trace["customdata"], strict=True):
            if number is not None:
                assert y == float(f"{records[number].curve(METRIC)[x]:.5g}")
                assert records[number].outcome.value == trace["legendgroup"]
                points += 1
    assert points == epochs
    bars = [bar for trace in drawn["schedule"]["data"] for bar in trace["customdata"]]
    assert sorted(number for number, _ in bars) == list(records)
    rungs = [shape["x0"] for shape in drawn["learning-curves"]["layout"]["shapes"]]
    assert rungs == [1, 3]


def test_plotly_knows_every_property_of_every_figure(sweep):
    drawn = figures(sweep / "report.html")
    assert len(drawn) == 7 + len(SPACE)
    for figure in drawn.values():
        valid(figure)


def test_every_colour_has_a_value_in_every_scheme(sweep):
    used = set(re.findall(r'"(--[\w-]+)"', json.dumps(figures(sweep / "report.html"))))
    css = Path(report.__file__).with_name("page.css").read_text()
    schemes = re.findall(r":root \{(.*?)\}", css, flags=re.S)
    assert len(schemes) == 3  # light, dark, paper
    for scheme in schemes:
        assert used <= set(re.findall(r"(--[\w-]+):", scheme))


def test_the_page_loads_nothing_and_its_policy_forbids_it(sweep):
    text = (sweep / "report.html").read_text(encoding="utf-8")
    head = text[: text.index("<style>")]
    assert "default-src 'none'" in head
    assert len(re.findall("sha256-", head)) == 2
    body = text[: text.index('<script type="application/json"')]
    assert not re.search(r"(src|href)=\"(?!#)", body)


def test_a_thousand_trials_stay_below_six_megabytes(tmp_path):
    made = page(find_out(facts(*sampled(1000, epochs=27), space=SPACE, max_epochs=27))).html()
    assert len(made.encode()) < 6_000_000
    assert re.search(r"stopped early \(\d+\)", made)


# What is from outside.


def hostile(folder):
    space = SearchSpace(
        "space </script><b>", [*LINE, Choice(name="kind", options=[HOSTILE, "b"], default="b")]
    )
    records = [
        trial(n, [0.1 * n], {"learning_rate": 0.01, "kind": HOSTILE if n % 2 else "b"})
        for n in range(5)
    ]
    records.append(
        dataclasses.replace(
            records[1], number=5, outcome=Outcome.FAILED, error=HOSTILE.replace("\n", " ")
        )
    )
    return write(folder, records, space=space, traceback=f"Traceback\n{HOSTILE}\n")


def test_hostile_text_stays_text(tmp_path):
    folder = hostile(tmp_path / "<b>bold & 'quoted'")
    path, _ = report.write(find(folder))
    text = path.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script>") == 3 + _in_plotly("<script")
    assert "<img src=x" not in text.replace(_plotly(), "")
    assert "<b>bold" not in text
    assert "49" not in re.findall(r"<pre>(.*?)</pre>", text, flags=re.S)[0]
    shown = html.unescape(re.findall(r"<pre>(.*?)</pre>", text, flags=re.S)[0])
    assert shown == f"Traceback\n{HOSTILE}\n"
    labels = figures(path)["slice-1"]["layout"]["xaxis"]["ticktext"]
    assert labels[0].startswith("&lt;/script&gt;&lt;script&gt;")  # plotly shows it as it was


def _plotly():
    path = Path(graph_objects.__file__).parents[1] / "package_data" / "plotly.min.js"
    return path.read_text(encoding="utf-8")


def _in_plotly(text):
    return _plotly().count(text)


def test_json_in_a_script_cannot_end_it():
    safe = script_json({"a": HOSTILE})
    assert not set("<>&") & set(safe)
    assert json.loads(safe) == {"a": HOSTILE}
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"a": float("nan")})


# Sweeps of which there is little to say.


@pytest.mark.parametrize(
    ("records", "space", "expected"),
    [
        ([], SPACE, "No trial has reported a finite val_accuracy yet."),
        ([trial(0, [], outcome="running", ended=None)], LINE, "No epoch has been reported yet."),
        ([trial(0, [float("nan")], outcome="diverged")], LINE, "0 failed, 1 diverged"),
        ([trial(0, [0.5])], LINE, "Nothing beat the default configuration, trial 0"),
        ([trial(0, [0.5]), trial(1, [0.75])], LINE, "Importances need 20 trials"),
        (
            [trial(n, [0.5], {}) for n in range(3)],
            SearchSpace("fixed", []),
            "No trial has a score yet.",
        ),
    ],
    ids=["empty", "running", "diverged", "default only", "two", "nothing to search"],
)
def test_little_to_say(records, space, expected, tmp_path):
    path, _ = report.write(find(write(tmp_path / "a", records, space=space)))
    assert expected in words(path)
    text = path.read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)">', text) == SECTIONS


def test_trials_that_were_run_again_say_why(tmp_path):
    records = [trial(0, [0.5]), trial(1, [0.75], again=["machine lost", HOSTILE])]
    made = page(find_out(facts(*records))).html()
    assert "No trial failed and none diverged." in made
    assert "Run again: 1" in made
    assert f'<td class="long">{escape("machine lost; " + HOSTILE)}</td>' in made


def test_a_history_that_knows_no_times(tmp_path):
    records = sampled(5)
    for record in records:
        record.started, record.ended = [], None
    path, findings = report.write(find(write(tmp_path / "old", records)))
    assert "The history of this sweep does not say when its trials ran." in words(path)
    assert "and 5" not in findings.verdict.cost
    assert "hours" not in findings.verdict.cost


def test_what_the_best_changes_of_the_default_and_what_it_leaves():
    default = {"learning_rate": 0.01, "optimizer": "sgd", "momentum": 0.9, "layers": 2}
    best = {"learning_rate": 0.125, "optimizer": "adam", "layers": 2}
    made = page(find_out(facts(trial(0, [0.5], default), trial(1, [0.75], best))))
    (table,) = [b for b in made.sections[0].blocks if b["kind"] == "table"]
    assert [row["cells"] for row in table["rows"]] == [
        ["learning_rate", "0.125", "0.01"],
        ["optimizer", "adam", "sgd"],
        ["momentum", "–", "0.9"],
    ]
    assert "As in the default: layers 2." in made.html()


def test_the_default_that_won_is_compared_with_nothing():
    made = page(find_out(facts(trial(0, [0.75]), trial(1, [0.5]))))
    assert [b for b in made.sections[0].blocks if b["kind"] == "table"] == []
    (cards,) = [b["cards"] for b in made.sections[0].blocks if b["kind"] == "cards"]
    assert cards[1] == {"name": "against the default", "value": "–", "more": "nothing beat it"}


def test_finalists_with_their_seeds():
    final, one_seed = finalist(3, {11: 0.5, 12: 0.75}), finalist(4, {11: 0.25})
    made = page(find_out(facts(*sampled(30), space=SPACE, finalists=(final, one_seed)))).html()
    assert "0.6250 ± 0.18" in made
    assert "<td>0.2500</td>" in made
    assert "0.5000 (seed 11), 0.7500 (seed 12)" in made
    assert "(± 0.18 over 2 fresh seeds)" in made


@pytest.mark.parametrize(
    ("scores", "mode", "said"),
    [
        # trial 1 ran to 0.9 and trial 2 to 0.8 in the search; fresh seeds come to 0.75 and 0.6
        (({7: 0.5, 8: 1.0}, {7: 0.6, 8: 0.6}), "max", "was 0.1750 better on average: luck."),
        (({7: 0.5, 8: 1.0}, {7: 0.6, 8: 0.6}), "min", "was no better on average."),
    ],
)
def test_how_much_of_the_search_was_luck(scores, mode, said):
    records = [trial(0, [0.5]), trial(1, [0.9]), trial(2, [0.8], {"learning_rate": 0.02})]
    finalists = tuple(finalist(n, one) for n, one in enumerate(scores, start=1))
    told = facts(*records, finalists=finalists, final_epochs=36, mode=mode)
    made = page(find_out(told)).html()
    assert said in made
    assert "CPU-hours, 36 epochs of finals aside" in made
    (table,) = [
        block
        for s in page(find_out(told)).sections
        if s.id == "finalists"
        for block in s.blocks[:1]
    ]
    assert [row["cells"][3:] for row in table["rows"]] == [
        ["0.9000", "learning_rate 0.02"],
        ["0.8000", "learning_rate 0.02"],
    ]


def test_a_sweep_without_early_stopping_draws_no_rungs():
    told = facts(*sampled(30, stop=False), space=SPACE, scheduler=NoStopping())
    made = page(find_out(told))
    (curves,) = [s.figures["learning-curves"] for s in made.sections if s.id == "curves"]
    assert curves["layout"]["shapes"] == []


def test_the_files_of_the_page_are_part_of_the_package():
    root = Path(report.__file__).parents[2]
    data = tomllib.loads((root / "pyproject.toml").read_text())
    patterns = data["tool"]["setuptools"]["package-data"]["caviar"]
    needed = {p.name for p in Path(report.__file__).parent.glob("page.*")} - {"page.py"}
    matched = {p.name for pattern in patterns for p in (root / "caviar").glob(pattern)}
    assert needed == {"page.html.j2", "page.css", "page.js"}
    assert needed <= matched
    assert importlib.metadata.version("plotly")


# caviar report.


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def caviar(*args):
        code = main.main(["report", *map(str, args)])
        out, err = capsys.readouterr()
        return code, out, err

    return caviar


def test_the_command_writes_the_page_and_says_what_is_in_it(tmp_path, run):
    folder = write(tmp_path / "s" / "a", sampled(30))
    code, out, err = run("a", "--storage", tmp_path / "s")
    assert (code, err) == (0, "")
    _, findings = report.write(find(folder), tmp_path / "again.html")
    assert out.startswith(findings.verdict.sentence)
    assert findings.advice
    for one in findings.advice:
        assert f"· {one.text} {one.evidence}\n" in out
    assert out.endswith(f"report  {folder / 'report.html'}\n")
    assert words(folder / "report.html").startswith("Caviar sweep report a asha_parzen")


def test_output_elsewhere(tmp_path, run):
    folder = write(tmp_path / "a", sampled(3))
    assert run(folder, "--output", tmp_path / "b.html")[0] == 0
    assert (tmp_path / "b.html").is_file()
    assert not (folder / "report.html").exists()
    code, _, err = run(folder, "--output", tmp_path / "no" / "b.html")
    assert code == 2
    assert "The report cannot be written to" in err
    assert "give another file with --output" in err


def test_several_are_compared(tmp_path, run):
    first = write(tmp_path / "a", sampled(30))
    wider = SPACE.override("learning_rate", low=1e-5)
    second = write(tmp_path / "b", sampled(40, seed=1), space=wider, seed=7, trials=40)
    code, out, err = run(first, second)
    assert (code, out, err) == (0, "report  comparison.html\n", "")
    said = words(tmp_path / "comparison.html")
    told = [gather(find(folder)) for folder in (first, second)]
    scores = [one.trials.best_value(one.winner.number) for one in told]
    top = "ab"[scores.index(max(scores))]
    assert f"{top} has the best val_accuracy, {max(scores):.4f}" in said
    assert "seed 0 7" in said
    assert "trials 64 40" in said
    assert "learning_rate 0.0001 … 1 (log), default 0.01 1e-05 … 1 (log), default 0.01" in said
    assert "momentum 0.9" not in said[said.index("Search spaces") : said.index("configurations")]
    drawn = figures(tmp_path / "comparison.html")
    for name in ("best-by-time", "best-by-epochs"):
        lines = drawn[name]["data"]
        assert [line["name"] for line in lines] == ["a", "b"]
        assert [line["y"][-1] for line in lines] == [float(f"{score:.5g}") for score in scores]
        graph_objects.Figure(
            json.loads(re.sub(r'"--[\w-]+"', '"#123456"', json.dumps(drawn[name])))
        )


def test_the_same_everywhere(tmp_path):
    a, b = (gather(find(write(tmp_path / name, sampled(3)))) for name in "ab")
    assert compare.differences({"a": a, "b": b}) == {}
    assert compare.space_differences({"a": a, "b": b}) == {}
    again = dataclasses.replace(b, name="a", folder="/elsewhere/a")
    assert compare.names([a, again]) == [a.folder, "/elsewhere/a"]


def test_a_difference_in_the_digits_that_are_not_shown_is_one(tmp_path):
    a = gather(find(write(tmp_path / "a", sampled(3))))
    b = dataclasses.replace(a, name="b")
    a, b = (
        dataclasses.replace(facts, options=dataclasses.replace(facts.options, time_budget=seconds))
        for facts, seconds in ((a, 100.0), (b, 100.0 + 1e-9))
    )
    first, second = compare.differences({"a": a, "b": b})["time_budget"]
    assert first != second


def test_sweeps_with_other_goals_are_not_compared(tmp_path, run):
    a, b = (
        write(tmp_path / name, sampled(3), mode=mode) for name, mode in (("a", "max"), ("b", "min"))
    )
    code, out, err = run(a, b)
    assert (code, out) == (2, "")
    assert "Only sweeps with the same goal can be compared" in err
    assert "b has min val_accuracy" in err


# At the end of a sweep.


def said_at_the_end(folder):
    console = Console(file=io.StringIO(), width=60)
    findings = runner._report(folder, folder, console)
    return findings, console.file.getvalue()


def test_a_sweep_ends_with_its_report(tmp_path):
    folder = write(tmp_path / "a", sampled(3))
    findings, out = said_at_the_end(folder)
    assert (out, findings.facts.name) == ("", "a")
    assert (folder / "report.html").is_file()


def test_an_error_in_the_report_is_one_line_and_the_sweep_has_ended_well(tmp_path, monkeypatch):
    folder = write(tmp_path / "a [b]", sampled(3))

    def broken(*_):
        raise KeyError("[red]what[/red]")

    monkeypatch.setattr(report, "write", broken)
    assert said_at_the_end(folder) == (
        None,
        "report.html could not be written (KeyError: '[red]what[/red]'). Try again: caviar report "
        f"'{folder}'\n",
    )
    assert not (folder / "report.html").exists()


def test_a_full_disk_leaves_no_half_of_a_report(tmp_path, monkeypatch):
    folder = write(tmp_path / "a", sampled(3))
    report.write(find(folder))
    before = (folder / "report.html").read_bytes()

    def full(self, text, **_):
        with self.open("w") as file:
            file.write(text[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    findings, out = said_at_the_end(folder)
    assert findings is None
    assert "could not be written (OSError: [Errno 28] No space left on device)" in out
    assert (folder / "report.html").read_bytes() == before

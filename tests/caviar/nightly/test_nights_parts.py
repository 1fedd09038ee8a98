"""The parts of a nightly sweep that need no Ray: the plan, the lock, the verdict, the page."""

import json
import math
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from caviar import UsageError
from caviar.base.objective import Objective
from caviar.nightly import champion, cleanup, lock, night_file, notify, page, settings
from caviar.nightly.champion import Champion
from caviar.nightly.comparison import Score, compare, noise
from caviar.nightly.night_file import Night
from caviar.store import layout
from caviar.sweep.recipes import load as load_recipe

SHIPPED = Path(__file__).parents[3] / "schedules" / "nightly.toml"
MINIMAL = '[nightly]\nname = "n"\n'


def score(mean, std=0.01, seeds=3):
    return Score(mean=mean, std=std, seeds=seeds)


# The plan.


def test_the_shipped_plan_is_read():
    plan = settings.read(SHIPPED, load_recipe)
    assert plan.settings.folder == Path("results/fashion")
    assert plan.settings.notify == ("CAVIAR_NOTIFY",)
    at = plan.options.index("--scheduler.reduction-factor")
    assert plan.options[at + 1] == "3"
    assert plan.options[:4] == ("--dataset", "fashion_mnist", "--space", "mlp")


def test_options_become_words(tmp_path):
    path = tmp_path / "n.toml"
    path.write_text(
        MINIMAL + '[sweep]\nfix = ["dropout=0", "momentum=0.9"]\nstandardise = false\n'
        "verbose = true\ntime_budget = 1.5\n[sweep.searcher]\nnear_default = false\n"
    )
    assert settings.read(path, load_recipe).options == (
        *("--fix", "dropout=0", "momentum=0.9", "--no-standardise", "--verbose"),
        *("--time-budget", "1.5", "--searcher.no-near-default"),
    )


BAD_PLANS = [
    ("[nightly", "is not TOML"),
    ("", r"needs the table \[nightly\] with a name"),
    ("[nightly]\n", r"needs the table \[nightly\] with a name"),
    (MINIMAL + "[sweeps]\n", r"has 'sweeps' too\. Did you mean 'sweep'\?"),
    (MINIMAL + "warm_night = 3\n", r"no nightly\.warm_night\. Did you mean 'warm_nights'\?"),
    (MINIMAL + 'warm_nights = "3"\n', r"nightly\.warm_nights is a whole number, and it is '3'"),
    (MINIMAL + "warm_nights = true\n", r"is a whole number, and it is True"),
    (MINIMAL + "warm_nights = -1\n", r"must be at least 0, and it is -1"),
    (MINIMAL + "keep_nights = 0\n", r"keep_nights must be at least 1, and it is 0"),
    (MINIMAL + "notify = 'X'\n", r"nightly\.notify is a list of strings"),
    (MINIMAL + "notify_when = ['wurse']\n", r"has 'wurse'\. Did you mean 'worse'\?"),
    ("[nightly]\nname = 'a/b'\n", r"one folder inside nightly\.storage, and it is 'a/b'"),
    (
        MINIMAL + 'recipe = "asha_parsen"\n',
        r"no recipe 'asha_parsen'; .* mean 'asha_parzen'",
    ),
    (MINIMAL + "[sweep]\nresume = true\n", r"sweep\.resume is what the nights decide"),
    (MINIMAL + "[sweep]\nwarm-start = ['x']\n", r"sweep\.warm_start is what the nights decide"),
    (MINIMAL + "[sweep]\ntrials = 2001-01-01\n", r"sweep\.trials is no number, text or list"),
]


@pytest.mark.parametrize(("text", "said"), BAD_PLANS)
def test_bad_plans(tmp_path, text, said):
    path = tmp_path / "n.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        settings.read(path, load_recipe)


def test_a_plan_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read .*: give --config a file"):
        settings.read(tmp_path / "none.toml", load_recipe)


# The lock.


def _hold(folder, held, release):
    with lock.only_one(folder):
        held.set()
        release.wait(60)


def test_two_at_once_and_after_a_kill(tmp_path):
    context = multiprocessing.get_context("fork")
    held, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, release))
    other.start()
    assert held.wait(60)
    with (
        pytest.raises(lock.OverlapError, match=rf"running already \(process {other.pid} on"),
        lock.only_one(tmp_path),
    ):
        pytest.fail("both have it")
    other.kill()
    other.join(60)
    with lock.only_one(tmp_path):
        pass  # the system gave it back


# The verdict.


def test_noise_by_hand():
    # t(0.975, 4) = 2.7764; pooled variance (2 * 0.01² + 2 * 0.02²) / 4; sqrt(1/3 + 1/3).
    expected = 2.776445 * math.sqrt((2e-4 + 8e-4) / 4) * math.sqrt(2 / 3)
    assert noise(score(1, 0.01), score(2, 0.02)) == pytest.approx(expected, rel=1e-6)
    assert noise(score(1, 0.0, 1), score(2, 0.0, 1)) == math.inf


@pytest.mark.parametrize(
    ("new", "old", "mode", "verdict"),
    [
        (score(0.90), score(0.85), "max", "better"),
        (score(0.85), score(0.90), "max", "worse"),
        (score(0.85), score(0.90), "min", "better"),
        (score(0.90), score(0.89), "max", "same"),
        (score(0.90, 0.0), score(0.89, 0.0), "max", "better"),
        (score(0.90, 0.0), score(0.90, 0.0), "max", "same"),
        (score(0.99, 0.0, 1), score(0.1, 0.0, 1), "max", "same"),
        (score(math.nan), score(0.1), "max", "same"),
    ],
)
def test_better_same_or_worse(new, old, mode, verdict):
    assert compare(new, old, Objective("val_accuracy", mode)) == verdict


# The champion.


CHAMPION = Champion(
    config={"learning_rate": 0.1},
    metric="val_accuracy",
    score=score(0.9),
    night="2026-11-21",
    trial=7,
    since="2026-11-21T23:00:00",
    commit="abc",
)


def test_the_champion_comes_back_with_its_checkpoint(tmp_path):
    assert champion.read(tmp_path) is None
    source = tmp_path / "checkpoint"
    source.mkdir()
    (source / "model.pt").write_text("first")
    CHAMPION.write(tmp_path, source)
    (source / "model.pt").write_text("second")
    assert champion.read(tmp_path) == CHAMPION
    assert (tmp_path / "champion" / "model.pt").read_text() == "first"
    CHAMPION.write(tmp_path, source)
    assert (tmp_path / "champion" / "model.pt").read_text() == "second"
    found = json.loads((tmp_path / champion.FILE).read_text())
    assert (found["checkpoint"], found["history"]) == ("champion", "2026-11-21/history.db")
    assert not list(tmp_path.glob("*.part"))
    CHAMPION.write(tmp_path, None)
    assert json.loads((tmp_path / champion.FILE).read_text())["checkpoint"] is None
    assert not (tmp_path / "champion").exists()


def test_a_damaged_champion_is_not_replaced(tmp_path):
    (tmp_path / champion.FILE).write_text("{")
    with pytest.raises(UsageError, match=r"champion\.json is damaged"):
        champion.read(tmp_path)


# The diary and its page.


def night(date, verdict="same", **changes):
    usual = {"winner": score(0.9), "metric": "val_accuracy", "trials": {"total": 3}, "epochs": 9}
    return Night(night=date, verdict=verdict, **{**usual, **changes})


def write_nights(folder, *nights):
    for one in nights:
        (folder / one.night).mkdir()
        (folder / one.night / layout.OPTIONS).write_text("{}")
        one.write(folder)


def test_nights_come_back_in_their_order(tmp_path):
    nights = [night("2026-11-21"), night("2026-11-21-2"), night("2026-11-21-10")]
    write_nights(tmp_path, *reversed(nights))
    for name, text in (("2026-11-22", None), ("2026-11-23", "{"), ("zzz", None)):
        (tmp_path / name).mkdir()
        (tmp_path / name / layout.OPTIONS).write_text("{}")
        if text is not None:
            (tmp_path / name / night_file.FILE).write_text(text)
    found = night_file.read(tmp_path)
    assert found[:3] == nights
    assert [(n.night, n.verdict) for n in found[3:]] == [
        ("2026-11-22", "cut off"),
        ("2026-11-23", "failed"),
    ]
    assert "damaged" in found[4].error


def test_old_nights_keep_everything_but_their_checkpoints(tmp_path):
    nights = [night(f"2026-11-2{day}") for day in "123"]
    write_nights(tmp_path, *nights)
    for one in nights[1:]:
        (tmp_path / one.night / layout.TRIALS / "trial-0000").mkdir(parents=True)
        (tmp_path / one.night / "finals" / layout.TRIALS / "trial-0000").mkdir(parents=True)
    assert cleanup.forget(tmp_path, nights, keep=1) == ["2026-11-22"]
    assert sorted(path.parent.name for path in tmp_path.glob("**/trials")) == [
        "2026-11-23",
        "finals",
    ]
    assert (tmp_path / "2026-11-22" / night_file.FILE).is_file()


def test_the_page_shows_every_night_and_escapes(tmp_path):
    first = night("2026-11-20", "better", conditions={"trials": 3}, reigning=score(0.9))
    second = night(
        "2026-11-21",
        "failed",
        winner=None,
        trials={"total": 3, "failed": 2, "diverged": 0},
        conditions={"trials": 5, "git commit": "<script>alert(1)</script>"},
        sentence="<b>failed</b>",
        error="KeyError: '<img>'",
    )
    text = page.write(tmp_path, [first, second]).read_text()
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;b&gt;failed&lt;/b&gt;" in text
    assert "trials: 3 → 5" in text
    assert "git commit: none → &lt;script&gt;" in text
    assert "2 failed" in text
    assert "0.9 ± 0.01 (3 seeds)" in text
    assert len(re.findall("<circle", text)) == 1
    assert not re.search(r"""(src|href)=""", text)


@pytest.mark.parametrize("nights", [[], [night("2026-11-20", winner=None)], [night("2026-11-20")]])
def test_a_page_of_few_nights(tmp_path, nights):
    assert "</html>" in page.write(tmp_path, nights).read_text()


def test_where_the_dots_are(tmp_path):
    nights = [night(f"2026-11-{day}", winner=score(mean)) for day, mean in ((20, 0.8), (21, 0.9))]
    text = page.write(tmp_path, nights).read_text()
    (x1, y1), (x2, y2) = (
        (float(x), float(y))
        for x, y in re.findall(r'<circle class="dot" cx="(\S+)" cy="(\S+)"', text)
    )
    assert x1 < x2
    assert y1 > y2  # higher is better, and higher up


# Messages.


def test_no_variable_no_message(monkeypatch):
    monkeypatch.delenv("NOBODY", raising=False)
    monkeypatch.setitem(sys.modules, "apprise", None)
    notify.check(["NOBODY"])
    assert notify.send(["NOBODY"], "title", "body") is None


def test_apprise_is_asked_for_before_the_night(monkeypatch):
    monkeypatch.setenv("SOMEBODY", "json://localhost")
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match=r"pip install 'caviar-tune\[nightly\]'"):
        notify.check(["SOMEBODY"])


def test_a_url_that_is_none_is_not_repeated(monkeypatch):
    monkeypatch.setenv("SOMEBODY", "secret-that-is-no-url")
    said = notify.send(["SOMEBODY"], "title", "body")
    assert said == "SOMEBODY holds no URL that apprise can send to"


# The schedules that are shipped, each read by its own tool.


SCHEDULES = SHIPPED.parent


def tool(*command):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def needs(program):
    if shutil.which(program) is None:
        reason = f"{program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.mark.parametrize("change", [None, "61 22 * * *"])
def test_crontab(change, tmp_path):
    needs("crontab")
    text = (SCHEDULES / "crontab").read_text()
    path = tmp_path / "crontab"
    path.write_text(text if change is None else text.replace("0 22 * * *", change))
    code, said = tool("crontab", "-n", path)
    assert (code == 0) == (change is None), said


@pytest.mark.parametrize("change", [None, "Type=sometimes"])
def test_systemd(change, tmp_path, monkeypatch):
    needs("systemd-analyze")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for unit in SCHEDULES.glob("caviar-nightly.*"):
        text = unit.read_text()
        changed = text if change is None else text.replace("Type=oneshot", change)
        (tmp_path / unit.name).write_text(changed)
    units = sorted(tmp_path.glob("caviar-nightly.*"))
    assert len(units) == 2
    code, said = tool("systemd-analyze", "--user", "verify", *units)
    assert (code == 0 and not said) == (change is None), said


@pytest.mark.parametrize("change", [None, "whenever"])
def test_kubernetes(change, tmp_path):
    text = (SCHEDULES / "kubernetes_cronjob.yaml").read_text()
    path = tmp_path / "job.yaml"
    path.write_text(text if change is None else text.replace("Policy: Forbid", "Policy: [1]"))
    code, said = tool(Path(sys.executable).with_name("kubernetes-validate"), "--strict", path)
    assert (code == 0) == (change is None), said


@pytest.mark.parametrize("change", [None, "runs_on"])
def test_github(change, tmp_path):
    text = (SCHEDULES / "github_actions.yml").read_text()
    path = tmp_path / "nightly.yml"
    path.write_text(text if change is None else text.replace("runs-on", change))
    schema = ("--builtin-schema", "vendor.github-workflows")
    code, said = tool(Path(sys.executable).with_name("check-jsonschema"), *schema, path)
    assert (code == 0) == (change is None), said


def test_every_schedule_runs_the_same_command():
    for name in ("crontab", "caviar-nightly.service", "github_actions.yml"):
        assert "caviar nightly --config" in (SCHEDULES / name).read_text(), name
    assert "[caviar, nightly, --config" in (SCHEDULES / "kubernetes_cronjob.yaml").read_text()

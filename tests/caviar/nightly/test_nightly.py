"""Nights in a row on digits: a champion, a worse night, one killed half-way, two at once."""

import http.server
import json
import os
import signal
import threading
import time

import pytest
from commands import (
    REPORTS,
    STARTED,
    caviar,
    finish,
    held,
    records,
    start,
    summary,
    wait_for,
)

from caviar.nightly import champion, night_file

PLAN = """
[nightly]
name = "digits"
storage = "{storage}"
recipe = "{recipe}"
warm_nights = {warm}
keep_nights = {keep}
notify = ["NIGHT_MESSAGES"]
notify_when = ["better", "same", "worse", "failed"]

[sweep]
dataset = "digits"
trials = {trials}
max_epochs = {max_epochs}
finalists = 1
final_seeds = 2
{more}
"""


@pytest.fixture
def web_hook():
    """A server on loopback that keeps what is sent to it; its URL for apprise, and the messages."""
    messages = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            messages.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Not on the test's screen."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://127.0.0.1:{server.server_address[1]}/", messages
        server.shutdown()


def begin(folder, url="", env=None, **changes):
    usual = {"recipe": "random_search", "trials": 3, "max_epochs": 2, "warm": 9, "keep": 9}
    path = folder / "nightly.toml"
    path.write_text(PLAN.format(storage=folder, **{**usual, "more": "", **changes}))
    environment = {**(env or os.environ), "NIGHT_MESSAGES": url}
    return start(caviar("nightly", "--config", path), env=environment)


def night(folder, code, url="", **changes):
    returned, out, err = finish(begin(folder, url, **changes), seconds=280)
    assert returned == code, f"exit code {returned}\n{out}\n{err}"
    return out


@pytest.mark.timeout(900)
def test_a_first_night_crowns_a_champion(tmp_path, web_hook):
    url, messages = web_hook
    out = night(tmp_path, 0, url)
    folder = tmp_path / "digits"
    (first,) = night_file.read(folder)
    assert (first.verdict, first.trials["total"]) == ("better", 3)
    assert f"night      {first.night}" in out
    reigning = champion.read(folder)
    assert reigning.score == first.winner
    assert reigning.config == summary(folder / first.night)["best"]["config"]
    assert (folder / "champion" / "manifest.json").is_file() or any((folder / "champion").iterdir())
    assert [m["title"] for m in messages] == ["digits: better"]
    assert "first champion" in messages[0]["message"]
    assert url not in out
    assert first.night in (folder / "nights.html").read_text()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nights_in_a_row(tmp_path, web_hook):
    url, messages = web_hook
    folder = tmp_path / "digits"
    night(tmp_path, 0, url, keep=2)
    first = champion.read(folder)

    # Warmed by the first; the champion is trained again beside tonight's best.
    out = night(tmp_path, 0, url, keep=2)
    nights = night_file.read(folder)
    assert "warm start from" in out
    assert "3 of 3 trials used" in out
    assert nights[1].defender is not None or nights[1].winner is not None
    seeds = {
        json.loads((folder / n.night / "sweep.json").read_text())["options"]["seed"] for n in nights
    }
    assert len(seeds) == 2, "no night repeats another"

    # Worse on purpose: hardly any data. The champion keeps its title and its score.
    reigning = champion.read(folder)
    out = night(tmp_path, 3, url, keep=2, more="train_size = 40")
    assert "Worse than the champion's record" in out
    assert champion.read(folder) == reigning
    assert "train_size: none → 40" in (folder / "nights.html").read_text()
    assert not (folder / nights[0].night / "trials").exists(), "tidied up"
    assert first.night == nights[0].night

    # Killed half-way, started again: the same night, nothing lost.
    process = begin(tmp_path, url, trials=6)
    wait_for(process, folder / f"{nights[0].night}-4", STARTED, 3)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    before = records(folder / f"{nights[0].night}-4")
    assert night_file.read(folder)[-1].verdict == "cut off"
    out = night(tmp_path, 0, url, trials=6)
    assert "-4, going on" in out
    after = records(folder / f"{nights[0].night}-4")
    assert len(after) == 6
    assert all(after[n].config == record.config for n, record in before.items())
    assert [m["title"].partition(": ")[2] for m in messages][2] == "worse"
    assert len(messages) == 4
    assert len(night_file.read(folder)) == 4


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_panda_takes_its_daily_turn(tmp_path):
    """One model, babysat tonight and again tomorrow, each time against the champion."""
    panda = {"recipe": "panda", "trials": 1, "max_epochs": 6}
    turns = "[sweep.scheduler]\nquantum_epochs = 2"
    night(tmp_path, 0, **panda, more=turns)
    folder = tmp_path / "digits"
    first = champion.read(folder)
    out = night(tmp_path, 0, **panda, more=turns)
    one, two = night_file.read(folder)
    assert (one.verdict, first.night) == ("better", one.night)
    assert two.verdict in ("better", "same"), out
    for each in (one, two):
        said = (folder / each.night / "decisions.log").read_text()
        assert "trial 0" in said
        quanta = records(folder / each.night)
        assert max(record.epoch for record in quanta.values()) == 6
        assert all(r.forked_at == 0 or r.forked_at % 2 == 0 for r in quanta.values())


@pytest.mark.timeout(900)
def test_the_panda_goes_on_from_the_night_before(tmp_path):
    """A night's budget is a quantum; the model trains on from its last good checkpoint."""
    panda = {"recipe": "panda", "trials": 1, "max_epochs": 6}
    turns = "max_total_epochs = 2\n[sweep.scheduler]\nquantum_epochs = 2"
    night(tmp_path, 0, **panda, more=turns)
    folder = tmp_path / "digits"
    first = night_file.read(folder)[0].night
    before = records(folder / first)
    assert [(r.epoch, r.parent) for r in before.values()] == [(2, None)]
    out = night(tmp_path, 0, **panda, more=turns)
    one, two = night_file.read(folder)
    assert f"night      {two.night}, going on from {first}" in out
    after = records(folder / two.night)
    assert after[0].reports == before[0].reports == records(folder / one.night)[0].reports
    quanta = [after[number] for number in sorted(after) if number]
    assert quanta[0].parent == 0
    assert quanta[0].forked_at == 2
    assert quanta[0].reports[0].epoch == 3
    start = before[0].reports[-1].metrics["val_accuracy"]
    assert quanta[0].reports[0].metrics["val_accuracy"] > start - 0.1
    assert sum(len(quantum.reports) for quantum in quanta) == 2
    # Nothing was adjusted yet: finalist and champion are one configuration, trained with 2 seeds.
    assert (one.epochs, two.epochs) == (2 + 2 * 6, 2 + 2 * 6)
    assert (one.trials["total"], two.trials["total"]) == (1, len(quanta))
    earlier = json.loads((folder / two.night / "goes-on.json").read_text())["seconds"]
    assert 0 < earlier <= one.seconds
    assert two.seconds == pytest.approx(
        summary(folder / two.night)["wall_seconds"] - earlier, abs=0.01
    )
    assert one.conditions["max_total_epochs"] == two.conditions["max_total_epochs"] == 2


@pytest.mark.timeout(900)
def test_two_never_overlap(tmp_path):
    place = tmp_path / "held"
    slow = {"more": 'trainable = "faulty:Slow"'}
    first = begin(tmp_path, env=held(place, epochs=1), **slow)
    folder = tmp_path / "digits"
    try:
        while not (tonight := [path.parent for path in folder.glob("*/history.db")]):
            assert first.poll() is None, first.communicate()
            time.sleep(0.05)
        wait_for(first, tonight[0], REPORTS, 1)
        out = night(tmp_path, 1, **slow)
        assert f"is running already (process {first.pid} on" in out
    finally:
        first.send_signal(signal.SIGINT)
        place.unlink()
        code, said, err = finish(first, seconds=280)
    assert code == 130, said + err
    assert [one.verdict for one in night_file.read(folder)] == ["cut off"]
    assert not (folder / champion.FILE).exists()


BAD_PLANS = [
    ({"more": "final_seed = 1"}, "There is no option '--final-seed"),
    ({"more": "[sweep.scheduler]\nmin_epoch = 1"}, "There is no option '--scheduler.min-epoch"),
    ({"max_epochs": 0}, "--max-epochs must be at least 1"),
    ({"more": "metric = 'val_acuracy'"}, "val_acuracy"),
]


@pytest.mark.parametrize(("changes", "said"), BAD_PLANS)
def test_a_plan_that_cannot_be_carried_out(tmp_path, changes, said):
    code, _, err = finish(begin(tmp_path, **changes))
    assert code == 2, err
    assert said in err
    assert not night_file.read(tmp_path / "digits")


def test_the_noise_must_be_known(tmp_path):
    path = tmp_path / "nightly.toml"
    where = f'name = "n"\nstorage = "{tmp_path}"'
    path.write_text(f"[nightly]\n{where}\n[sweep]\nfinalists = 0\n")
    code, _, err = finish(start(caviar("nightly", "--config", path), env=os.environ))
    assert code == 2
    assert "set sweep.finalists to at least 1" in err

"""One model, babysat, through the controller without Ray: what is tried, kept, said and resumed."""

import dataclasses
import io
import itertools
import math
import re

import pytest
from rich.console import Console
from without_ray import METRIC, InMemory, controller, resumed, saved_as

import search_spaces
from caviar import UsageError
from caviar.base.trial import Outcome
from caviar.schedulers import Panda
from caviar.terminal.progress import Progress
from search_spaces import Choice, Float, Is, SearchSpace

SPACE = SearchSpace(
    "small",
    [
        Float(name="learning_rate", low=1e-4, high=1.0, scale="log", default=0.09),
        Float(name="dropout", low=0.0, high=0.5, default=0.0),
        Choice(name="weight_decay_on", options=[False, True]),
        Float(
            name="weight_decay", low=1e-6, high=0.1, scale="log", default=1e-4,
            when=Is("weight_decay_on", True),
        ),
    ],
)  # fmt: skip


def halves(config, loss):
    """The distance to a loss of the learning rate halves each epoch, from 1 on."""
    floor = config["learning_rate"]
    return {"train_loss": floor + (loss - floor) / 2}


def settles(config, loss):
    """The loss is the learning rate at once: nothing but a lower one helps."""
    return {"train_loss": config["learning_rate"]}


def explodes(config, loss):
    """Above a learning rate of 0.02 the loss is lost in the second epoch; below, it halves."""
    if config["learning_rate"] > 0.02:
        return {"train_loss": 0.9 if loss == 1.0 else math.nan}
    return {"train_loss": loss / 2}


def overfits(config, loss):
    """The training loss halves; the validation loss does so down to 0.2, if there is no dropout."""
    train = loss / 2
    val = train if config["dropout"] > 0 or train > 0.2 else 0.4 - train
    return {"train_loss": train, "val_loss": val, METRIC: 1 - val}


def checkpoints(history):
    """Of the end of each trial that has a sound one."""

    def of(record):
        broken = record.outcome in (Outcome.FAILED, Outcome.DIVERGED)
        sound = [r.epoch for r in record.reports if math.isfinite(r.metrics[METRIC])]
        return None if broken or not sound else (str(sound[-1]), sound[-1])

    return lambda number: saved_as(history, of)(number)


def steps(sweep, model, *, workers=1, fails=()):
    """Train until nothing is left, an epoch of each worker in turn; yields after each step.

    The loss of a trial goes on from what its parent's or its own last report says, else from 1.
    """
    running = {}
    while True:
        while len(running) < workers and (member := sweep.next()) is not None:
            record, at = member.record, int(member.restore_from or 0)
            source = record if record.reports or record.parent is None else None
            source = source or sweep.trials[record.parent]
            found = [r for r in source.reports if r.epoch <= at]
            running[record.number] = (at, found[-1].metrics["train_loss"] if found else 1.0)
            yield
        if not running:
            return
        for number, (epoch, loss) in list(running.items()):
            record = sweep.trials[number]
            metrics = model(record.config, loss)
            metrics = {METRIC: 1 - metrics["train_loss"], "epoch_seconds": 60.0, **metrics}
            running[number] = (epoch + 1, metrics["train_loss"])
            decision = sweep.trained(
                number,
                epoch + 1,
                metrics,
                done=epoch + 1 >= sweep.plan.max_epochs or math.isnan(metrics[METRIC]),
                diverged=math.isnan(metrics[METRIC]),
            )
            yield
            if not decision.continues or number in fails:
                del running[number]
                sweep.free(number, error="RuntimeError: gone" if number in fails else None)
                yield


def sweep(history, options=None, **changes):
    fields = {"trials": 1, "max_epochs": 12, "space": SPACE, **changes}
    options = options or Panda(quantum_epochs=3)
    return controller(history, scheduler=options, checkpoint=checkpoints(history), **fields)


def babysit(model, options=None, *, workers=1, fails=(), **changes):
    """A whole sweep; its controller and what it said."""
    history = InMemory()
    found = sweep(history, options, **changes)
    for _ in steps(found, model, workers=workers, fails=fails):
        pass
    words = found.decision_log.messages()
    assert [event.message for event in history.decisions] == words
    return found, words


def ways(found):
    """Of each trial: its parent, the epochs it trained, its learning rate."""
    return [
        (r.parent, [p.epoch for p in r.reports], round(r.config["learning_rate"], 4))
        for r in found.trials.values()
    ]


def test_a_model_that_improves_is_left_alone():
    found, words = babysit(halves, max_epochs=8)
    assert ways(found) == [
        (None, [1, 2, 3], 0.09),
        (0, [4, 5, 6], 0.09),
        (1, [7, 8], 0.09),
    ]
    best = "the best of epochs {} is {} at epoch {}, before it was {} at epoch {}"
    # 0.09 + 0.91 / 2^e is 0.2038, 0.1042, 0.0936 after 3, 6 and 8 epochs
    assert words == [
        "round 1, up to epoch 3",
        "  trial 0 (the default): 0.7963 at epoch 3",
        "  the model is now that of trial 0",
        f"  improving: {best.format('1 … 3', 0.7963, 3, 0.455, 1)}",
        "  trial 1 goes on from trial 0: nothing changed",
        "round 2, up to epoch 6",
        "  trial 1 (nothing changed): 0.8958 at epoch 6",
        "  the model is now that of trial 1",
        f"  improving: {best.format('4 … 6', 0.8958, 6, 0.7963, 3)}",
        "  trial 2 goes on from trial 1: nothing changed",
        "round 3, up to epoch 8",
        "  trial 2 (nothing changed): 0.9064 at epoch 8",
        "  the model is now that of trial 2",
        f"  improving: {best.format('7 … 8', 0.9064, 8, 0.8958, 6)}",
        "  done: epoch 8 is the last",
        "  the model is that of trial 2: learning_rate=0.09 dropout=0 weight_decay_on=False",
    ]
    outcomes = [r.outcome for r in found.trials.values()]
    assert outcomes == [Outcome.STOPPED_EARLY, Outcome.STOPPED_EARLY, Outcome.COMPLETED]


def test_a_plateau_tries_a_third_and_three_times_of_the_learning_rate_and_keeps_the_best():
    found, words = babysit(settles, max_epochs=9)
    assert ways(found) == [
        (None, [1, 2, 3], 0.09),
        (0, [4, 5, 6], 0.03),
        (0, [4, 5, 6], 0.27),
        (1, [7, 8, 9], 0.03),  # left alone, and no better
        (1, [7, 8, 9], 0.01),
        (1, [7, 8, 9], 0.09),
    ]
    seen = "the best of epochs 1 … 3 is 0.91 at epoch 1, before it was 0.91 at epoch 1"
    assert f"  plateau: {seen}" in words
    assert words[-2:] == [
        "  done: epoch 9 is the last",
        "  the model is that of trial 4: learning_rate=0.01 dropout=0 weight_decay_on=False",
    ]
    assert words[words.index("round 2, up to epoch 6") :][:5] == [
        "round 2, up to epoch 6",
        "  trial 1 (learning_rate 0.09 -> 0.03): 0.97 at epoch 4",
        "  trial 2 (learning_rate 0.09 -> 0.27): 0.73 at epoch 4",
        "  the model is now that of trial 1",
        "  improving: the best of epochs 4 … 6 is 0.97 at epoch 4, before it was 0.91 at epoch 1",
    ]


def test_when_nothing_helps_it_tries_harder_and_then_gives_up():
    stuck = lambda config, loss: {"train_loss": 0.5}  # noqa: E731
    found, words = babysit(stuck, max_epochs=100)
    assert ways(found) == [
        (None, [1, 2, 3], 0.09),
        (0, [4, 5, 6], 0.03),
        (0, [4, 5, 6], 0.27),
        (0, [4, 5, 6], 0.01),
        (0, [4, 5, 6], 0.81),
    ]
    assert words.count("  the model stays that of trial 0") == 2
    assert words[-2:] == [
        "  done: 2 rounds of adjustments in a row brought nothing",
        "  the model is that of trial 0: learning_rate=0.09 dropout=0 weight_decay_on=False",
    ]
    assert {r.outcome for r in found.trials.values()} == {Outcome.STOPPED_EARLY}


def test_what_diverges_at_once_starts_afresh_with_a_lower_rate():
    found, words = babysit(explodes, max_epochs=6)
    assert ways(found) == [
        (None, [1, 2], 0.09),
        (0, [1, 2], 0.03),
        (0, [1, 2, 3], 0.01),
        (2, [4, 5, 6], 0.01),
    ]
    assert words[:3] == [
        "round 1, up to epoch 2",
        "  trial 0 (the default): broken",
        "  diverging: the score of epoch 2 is nan",
    ]


def test_what_diverges_later_goes_on_from_the_last_good_checkpoint():
    def later(config, loss):
        return {
            "train_loss": math.nan if loss < 0.2 and config["learning_rate"] > 0.05 else loss / 2
        }

    found, words = babysit(later, max_epochs=9)
    assert ways(found)[:4] == [
        (None, [1, 2, 3], 0.09),
        (0, [4], 0.09),
        (0, [4, 5, 6], 0.03),
        (0, [4, 5, 6], 0.01),
    ]
    assert "  the model stays that of trial 0" in words
    assert "  diverging: the score of epoch 4 is nan" in words


def test_overfitting_adds_dropout_and_weight_decay():
    found, words = babysit(overfits, Panda(quantum_epochs=2, least_gain=0.01), max_epochs=6)
    configs = [r.config for r in found.trials.values()]
    # 0.5, 0.25: improving; then 0.4 - 0.125 = 0.275 and 0.4 - 0.0625 = 0.3375, 35 % above 0.25
    assert (
        "  overfitting: the validation loss of epoch 4, 0.3375, is 35 % above its lowest, 0.25 at "
        "epoch 2, while the training loss fell to 0.0625"
    ) in words
    assert configs[2]["dropout"] == 0.25
    assert (configs[3]["weight_decay_on"], configs[3]["weight_decay"]) == (True, 1e-4)
    assert configs[4]["learning_rate"] == pytest.approx(0.03)
    assert [found.trials[n].parent for n in (2, 3, 4)] == [0, 0, 0]
    assert "  the model is now that of trial 2" in words


def test_a_failed_quantum_is_not_the_model():
    found, words = babysit(halves, max_epochs=6, fails=(1,))
    assert found.trials[1].outcome is Outcome.FAILED
    assert "  trial 1 (nothing changed): broken" in words
    assert "  diverging: trial 1 failed after epoch 4" in words
    assert [r.parent for r in found.trials.values()][2:] == [0, 0]


@pytest.mark.parametrize("fails", [(0,), (1,), (2,), (1, 2), (1, 2, 3), (3, 4), tuple(range(99))])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("model", [halves, settles, overfits], ids=lambda model: model.__name__)
def test_failures_anywhere_do_not_stop_it(model, workers, fails):
    found, words = babysit(model, max_epochs=9, workers=workers, fails=fails)
    assert sum(line.startswith("  done: ") for line in words) == 1
    assert not any(record.unfinished for record in found.trials.values())
    failed = {n for n, r in found.trials.items() if r.outcome is Outcome.FAILED}
    assert failed == set(fails) & set(found.trials)
    kept = [line for line in words if line.startswith("  the model is that of trial ")]
    assert len(kept) == (len(failed) < len(found.trials))


def test_nothing_but_nan_comes_to_an_end():
    found, words = babysit(lambda config, loss: {"train_loss": math.nan})
    assert [r.outcome for r in found.trials.values()] == [Outcome.DIVERGED] * 5
    assert words[-1] == "  done: 2 rounds of adjustments in a row brought nothing"


def test_less_may_be_better():
    found, words = babysit(
        lambda config, loss: {**halves(config, loss), METRIC: halves(config, loss)["train_loss"]},
        mode="min",
        max_epochs=6,
    )
    assert "  trial 0 (the default): 0.2037 at epoch 3" in words
    assert ways(found) == [(None, [1, 2, 3], 0.09), (0, [4, 5, 6], 0.09)]


def test_a_quantum_may_be_a_time():
    options = Panda(quantum_hours=4 / 60)  # an epoch reports a minute
    assert [e for _, e, _ in ways(babysit(halves, options, max_epochs=8)[0])] == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
    ]


def test_adjustments_run_side_by_side():
    alone, said = babysit(settles, max_epochs=9)
    together, words = babysit(settles, max_epochs=9, workers=3)
    assert ways(together) == ways(alone)
    assert sorted(words) == sorted(said)


def test_forks_are_counted_apart_from_the_trials():
    found, _ = babysit(settles, max_epochs=9)
    screen = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    screen.print(Progress(found, screen)._view())
    rows = [" ".join(line.strip("│ ").split()) for line in screen.file.getvalue().splitlines()]
    assert "trials 1 of 1, 5 forks" in rows
    assert any(re.match(r"epochs 18, ", row) for row in rows), "without a bound"
    assert "time 0 s" in rows, "and without an end in sight"


MODELS = [halves, settles, explodes, overfits]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_it_goes_on_from_yesterday_wherever_it_was_cut_off(model, workers):
    whole, words = babysit(model, max_epochs=9, workers=workers)
    for count in itertools.count(1):
        history = InMemory()
        first = sweep(history, max_epochs=9)
        cut = sum(1 for _ in itertools.islice(steps(first, model, workers=workers), count))
        if cut < count:
            break
        again = resumed(
            history,
            checkpoint=lambda record, h=history: checkpoints(h)(record.number),
            scheduler=Panda(quantum_epochs=3),
            trials=1,
            max_epochs=9,
            space=SPACE,
        )
        for _ in steps(again, model, workers=workers):
            pass
        assert sorted(ways(again), key=str) == sorted(ways(whole), key=str), count
        assert sorted(event.message for event in history.decisions) == sorted(words), count
        assert again.trials.best()[1].metrics == whole.trials.best()[1].metrics


def test_a_space_with_nothing_to_adjust():
    space = search_spaces.get("mlp").fix("learning_rate", 0.09)
    found, words = babysit(settles, space=space)
    assert len(found.trials) == 1
    assert "  done: the space leaves nothing to adjust" in words


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quantum_epochs": 0}, "quantum_epochs must be at least 1, and it is 0"),
        ({"patience": 0}, "patience must be at least 1, and it is 0"),
        ({"quantum_hours": 0.0}, r"quantum_hours must be above 0 and finite, and it is 0\.0"),
        ({"quantum_hours": math.inf}, "quantum_hours must be above 0 and finite, and it is inf"),
        ({"least_gain": -1.0}, r"least_gain must be 0 or more, and it is -1\.0"),
    ],
)
def test_impossible_options_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        Panda(**values)


def test_what_is_said_before_the_start():
    table = Panda(quantum_hours=8).build(max_epochs=100, seed=0).table(1)
    assert table[0] == ("a quantum", "100 epochs, or 8 h of training")
    assert table[1] == ("the end", "at epoch 100, or 2 rounds without a gain")
    assert dataclasses.replace(Panda(), patience=5).build(max_epochs=9, seed=0).table(1)[1] == (
        "the end",
        "at epoch 9, or 5 rounds without a gain",
    )

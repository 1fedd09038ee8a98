"""The winner is checked: the best few train again with fresh seeds, and the best mean wins.

The best of many single runs is partly luck, the more of it the more trials there were. The finals
are trials too, in a history of their own under `finals/` in the folder of the sweep: no searcher
and no scheduler learns of them, none is stopped early, and what was cut off goes on on resume.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.trial import Outcome
from caviar.controller.controller import SweepController
from caviar.controller.plan import Plan
from caviar.driver import in_process
from caviar.driver.preparing import Prepared
from caviar.schedulers.no_stopping import FullFidelity
from caviar.searchers.random import RandomSearcher
from caviar.store import checkpoints, layout
from caviar.store.finals import FILE, FOLDER, Finalist, Finals, read
from caviar.store.location import Location
from caviar.sweep.limits import Limits
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace

if TYPE_CHECKING:
    from caviar.store.history import History

_SEED = 0xF1
"""Beside the seed of the sweep: no final repeats the seed of a trial."""
_ENTRIES = "entries"


def candidates(
    controller: SweepController, count: int, brought: Sequence[Mapping[str, Any]]
) -> list[tuple[int | None, dict[str, Any]]]:
    """The best `count` trials of the search with their configurations, then what was brought.

    Where nothing was brought the default configuration is what the winner has to beat, so it is
    trained with fresh seeds too: a mean of several against a single run says little.
    """
    numbers = list(controller.trials.leaders(count))
    has_default = controller.plan.default_first and controller.trials.best_report(0) is not None
    if has_default and not brought and 0 not in numbers:
        numbers.append(0)
    best: list[tuple[int | None, dict[str, Any]]] = [
        (number, dict(controller.trials[number].config)) for number in numbers
    ]
    known = [config for _, config in best]
    return best + [(None, dict(config)) for config in brought if dict(config) not in known]


def run(
    sweep: Sweep,
    space: SearchSpace,
    entrants: Sequence[tuple[int | None, Mapping[str, Any]]],
    *,
    folder: Location,
    working: Path,
    train: Callable[[SweepController, Location, Path], None],
) -> tuple[Finals, str | None]:
    """Train every entrant `final_seeds` times, to the last epoch; what came of it.

    Args:
        sweep: its options; `final_seeds` is above 0.
        space: the search space.
        entrants: trial number and configuration; of an earlier session's finals, those that are
            known already train no second time.
        folder: the folder of the sweep, for checkpoints.
        working: where histories are written.
        train: runs all trials of a controller on Ray, given the folders of their checkpoints and
            their history.

    Returns the finals so far and why they stopped before their end, None when they did not.
    """
    from caviar.store.history import History  # Optuna, which listing sweeps does without

    there = working / FOLDER
    there.mkdir(exist_ok=True)
    history = History(there, name=FOLDER, objective=sweep.objective)
    try:
        entries = _entries(history.get(_ENTRIES, []), entrants, sweep.final_seeds)
        history.set(_ENTRIES, entries)
        controller = _controller(sweep, space, entries, history, folder / FOLDER)
        before = history.records()
        if before:
            controller.replay(before)
        train(controller, folder / FOLDER, there)
        finalists = _finalists(entries, controller)
        return Finals(finalists=finalists, epochs=controller.trials.epochs), controller.stop_reason
    finally:
        history.close()


def _entries(
    known: list[dict[str, Any]],
    entrants: Sequence[tuple[int | None, Mapping[str, Any]]],
    seeds: int,
) -> list[dict[str, Any]]:
    """One a training, in the order of their numbers; those of earlier sessions come first."""
    entries = list(known)
    for trial, config in entrants:
        # By the configuration: a sweep that goes on may bring the same finalist again.
        there = sum(entry["config"] == dict(config) for entry in known)
        entries += [{"trial": trial, "config": dict(config)} for _ in range(seeds - there)]
    return entries


def _controller(
    sweep: Sweep,
    space: SearchSpace,
    entries: Sequence[Mapping[str, Any]],
    history: History,
    folder: Location,
) -> SweepController:
    plan = Plan.of(
        sweep,
        trials=len(entries),
        seed=sweep.seed ^ (_SEED << 32),
        keep_checkpoints=len(entries),
        limits=Limits(),
        default_first=False,
        again=[entry["config"] for entry in entries],
    )
    return SweepController(
        plan,
        space=space,
        searcher=RandomSearcher(space, mode=sweep.direction, seed=sweep.seed),  # never asked
        scheduler=FullFidelity(sweep.max_epochs),
        history=history,
        checkpoints=checkpoints.CheckpointFolder(folder / layout.TRIALS),
    )


def _finalists(entries: Sequence[Mapping[str, Any]], controller: SweepController) -> list[Finalist]:
    """The entries of each configuration together, the best mean first."""
    found: list[Finalist] = []
    objective = controller.plan.objective
    for config in _different([entry["config"] for entry in entries]):
        numbers = [n for n, entry in enumerate(entries) if entry["config"] == config]
        scores = {n: _score(controller, n) for n in numbers}
        known = {n: score for n, score in scores.items() if score is not None}
        found.append(
            Finalist(
                trial=next(entries[n]["trial"] for n in numbers),
                config=config,
                scores={controller.trials[n].seed: score for n, score in known.items()},
                asked=len(numbers),
                best=objective.ranked(known)[0] if known else None,
            )
        )
    return sorted(found, key=lambda one: (not one.is_whole, objective.rank(one.mean)))


def _different(configs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for config in configs:
        if config not in found:
            found.append(config)
    return found


def _score(controller: SweepController, number: int) -> float | None:
    record = controller.trials.get(number)
    if record is None or record.outcome is not Outcome.COMPLETED:
        return None
    best = controller.trials.best_report(number)
    return None if best is None else controller.plan.objective.of(best.metrics)


def check(
    sweep: Sweep,
    space: SearchSpace,
    entrants: Sequence[tuple[int | None, Mapping[str, Any]]],
    prepared: Prepared,
    *,
    folder: Location,
    working: Path,
    gpus: float,
    train: Callable[[SweepController, Location, Path], None],
) -> tuple[Finals | None, str | None]:
    """Run the finals as `run` does, look at the test rows for the winner, write `finals.json`.

    Returns what they came to, None while trainings are left, which a resumed sweep goes on with,
    and why they are left. The test rows are looked at again only for another winner than the last
    session's. `gpus`: those that this process may use to look, once nothing trains any more.
    """
    before = read(working)
    last, stopped = run(sweep, space, entrants, folder=folder, working=working, train=train)
    if stopped is not None:
        return None, stopped

    def score(config: Mapping[str, Any], number: int, checkpoint: str) -> Any:
        return in_process.score(
            prepared.trainable,
            config,
            checkpoint=checkpoint,
            number=number,
            data=prepared.data,
            options=prepared.options,
            gpus=gpus,
        )

    _keep_the_best(last, folder)
    looks = 0 if before is None else before.test_looks
    if before is None or before.winner != last.winner:
        last = with_test(last, folder, score)
        last = replace(last, test_looks=looks + (last.test is not None))
    else:
        last = replace(last, test=before.test, checkpoint=before.checkpoint, test_looks=looks)
    layout.write_json(last.to_json(), working / FILE)
    return last, None


def _keep_the_best(finals: Finals, folder: Location) -> None:
    """Keep the checkpoint of each finalist's best training alone: of the losers too, since another
    may win when the sweep goes on."""
    trials, best = folder / FOLDER / layout.TRIALS, {one.best for one in finals.finalists}
    for number in range(sum(one.asked for one in finals.finalists)):
        if number in best:
            checkpoints.keep_newest(trials, number)
        else:
            checkpoints.remove(trials, number)


def with_test(
    finals: Finals,
    folder: Location,
    score: Callable[[Mapping[str, Any], int, str], Mapping[str, float] | None],
) -> Finals:
    """The same with the winner's best checkpoint and, by it, the metrics of the test rows.

    `score` is given the configuration, the number of the training and its checkpoint. Both stay
    None where that checkpoint is gone.
    """
    winner = finals.winner
    if winner is None or winner.best is None:
        return finals
    found = checkpoints.newest(folder / FOLDER / layout.TRIALS, winner.best)
    if found is None:
        return finals
    place = str(found[0])
    test = score(winner.config, winner.best, place)
    return replace(finals, test=test, checkpoint=place)

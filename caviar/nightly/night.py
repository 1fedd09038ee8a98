"""One night: a sweep warmed by the nights before it, its winner against the reigning champion."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from caviar.base.errors import UsageError
from caviar.driver import command_line, loading, runner
from caviar.nightly import champion, cleanup, continuation, night_file, notify, page
from caviar.nightly.champion import Champion
from caviar.nightly.comparison import Score, compare
from caviar.nightly.continuation import Turn
from caviar.nightly.lock import only_one
from caviar.nightly.night_file import Night
from caviar.nightly.settings import Plan, Settings
from caviar.store import experiments, layout
from caviar.store.finals import Finalist
from caviar.sweep import codec
from caviar.sweep.limits import Stop
from caviar.sweep.sweep import Sweep

BETTER_OR_SAME, FAILED, WORSE, CUT_OFF = 0, 1, 3, 130
"""Exit codes."""

_COMMIT = "git commit"
"""Among the conditions of a night."""
_OF_ITS_RUN = ("storage", "name", "resume", "verbose", "seed", "warm_start")


def run(plan: Plan, *, say: Callable[[str], None] = print) -> int:
    """Run tonight's sweep, or continue it, and compare; the exit code.

    0 better than the champion or the same, 3 worse, 1 failed, 130 interrupted: start it again and
    it continues. Raises `UsageError` for a plan that cannot be carried out, before anything starts.
    """
    settings = plan.settings
    notify.check(settings.notify)
    folder = settings.folder
    with only_one(folder):
        nights = night_file.read(folder)
        tonight, resume = _tonight(folder, nights, settings.resume_hours)
        reigning = champion.read(folder)
        before = [] if resume else _teachers(settings, nights, tonight, say)
        sweep = _sweep(plan, tonight, resume=resume, before=before)
        _check(sweep, reigning)
        if not resume and continuation.begin(sweep, folder, tonight, before):
            sweep = _sweep(plan, tonight, resume=True, before=before)
        turn = continuation.read(folder / tonight)
        say(f"night      {tonight}{_goes_on(resume, turn)}")
        defenders = [] if reigning is None else [reigning.config]
        counted = sweep if turn is None else turn.budgets(sweep)
        try:
            if reigning is not None:
                _check_defender(sweep, reigning)
            result = runner.run(
                counted,
                recipe=settings.recipe,
                defenders=defenders,
                new_data=turn is not None,  # it has grown since the night before
            )
        except UsageError as error:
            _record_failure(plan, tonight, nights, str(error), say)
            raise
        except Exception as error:
            _record_failure(plan, tonight, nights, f"{type(error).__name__}: {error}", say)
            raise
        if result.stop_reason == Stop.INTERRUPTED:
            say("night      cut off: the same command goes on with it")
            return CUT_OFF
        found = result.summary if turn is None else turn.own(result.summary)
        night = _compared(tonight, sweep, replace(result, summary=found), reigning)
        if (folder / tonight).is_dir():
            night.write(folder)
        if night.verdict == "better":
            _crown(night, sweep, result, folder)
        return _close(plan, night, nights, say)


def _tonight(folder: Path, nights: Sequence[Night], resume_hours: float) -> tuple[str, bool]:
    """The folder of the night, and whether it has begun already.

    The last night is continued when it was cut off and began not too long ago.
    """
    if nights and nights[-1].verdict == night_file.CUT_OFF:
        begun = (folder / nights[-1].night / layout.OPTIONS).stat().st_mtime
        if time.time() - begun <= resume_hours * 3600:
            return nights[-1].night, layout.has_history(folder / nights[-1].night)
    date = datetime.date.today().isoformat()
    taken = {night.night for night in nights}
    names = [date, *(f"{date}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken), False


def _goes_on(resume: bool, turn: Turn | None) -> str:
    """From where, in words."""
    if resume:
        return ", going on"
    return "" if turn is None else f", going on from {turn.night}"


def _teachers(
    settings: Settings, nights: Sequence[Night], tonight: str, say: Callable[[str], None]
) -> list[Night]:
    """The last nights before `tonight` that did not fail, as many as warm it and at least one,
    which a model may continue. A line names each whose history cannot be read."""
    most = None if settings.warm_nights is None else max(1, settings.warm_nights)
    found: list[Night] = []
    for night in reversed(nights):
        if night.verdict == "failed" or night.night == tonight:
            continue
        if len(found) == most:
            break
        trouble = _unreadable(settings.folder / night.night)
        if trouble is None:
            found.insert(0, night)
        else:
            say(f"left out   {night.night}: {trouble}")
    return found


def _unreadable(folder: Path) -> str | None:
    """Why the history of a night cannot be read; None where it can."""
    if not layout.has_history(folder):
        return f"it has no {layout.HISTORY}"
    try:
        experiments.find(folder).opened().close()
    except UsageError as error:
        return str(error)
    return None


def _sweep(plan: Plan, tonight: str, *, resume: bool, before: Sequence[Night]) -> Sweep:
    """Tonight's sweep; what its recipe and the plan say, and what a night decides by itself."""
    settings = plan.settings
    words = [*plan.options, "--storage", str(settings.folder), "--name", tonight]
    if resume:
        words.append("--resume")
    elif warm := _last(before, settings.warm_nights):
        words += ["--warm-start", *(str(settings.folder / one.night) for one in warm)]
    sweep = command_line.parse(plan.usual, recipe=settings.recipe, args=words)
    if resume:
        return sweep
    # Another seed each night: the same would try the same again.
    order = (
        datetime.date.fromisoformat(tonight[:10]).toordinal() * 100 + night_file.order(tonight)[1]
    )
    return replace(sweep, seed=sweep.seed + order)


def _last(nights: Sequence[Night], most: int | None) -> Sequence[Night]:
    """The last `most` nights; all of them where it is None."""
    return nights if most is None else nights[max(0, len(nights) - most) :]


def _check(sweep: Sweep, reigning: Champion | None) -> None:
    if sweep.finalists < 1 or sweep.final_seeds < 2:
        raise UsageError(
            "A night is compared by the noise of its finalists' seeds: set sweep.finalists to at "
            "least 1 and sweep.final_seeds to at least 2, and they are "
            f"{sweep.finalists} and {sweep.final_seeds}."
        )
    if reigning is not None and reigning.metric != sweep.metric:
        raise UsageError(
            f"The champion is measured by {reigning.metric} and tonight by {sweep.metric}: give "
            "these nights another nightly.name."
        )


def _check_defender(sweep: Sweep, reigning: Champion) -> None:
    """Raise `UsageError` where the champion cannot train in tonight's finals."""
    data = loading.load_data(sweep)[0] if loading.space_depends_on_data(sweep) else None
    space = loading.load_space(sweep, data)
    try:
        space.validate(reigning.config)
    except ValueError as error:
        raise UsageError(
            f"The champion defends its title in tonight's space {space.name!r}, and its "
            f"configuration is none of it ({error}): search a space that holds it, or give these "
            "nights another nightly.name."
        ) from error


def _compared(
    tonight: str, sweep: Sweep, result: runner.Result, reigning: Champion | None
) -> Night:
    """The verdict, in a word and in a sentence."""
    found = result.summary
    finals = result.finals
    night = Night(
        night=tonight,
        verdict="failed",
        metric=sweep.metric,
        trials=found["trials"],
        epochs=found["epochs_trained"] + (0 if finals is None else finals.epochs),
        seconds=found["wall_seconds"],
        conditions=_conditions(sweep, found["versions"], result.folder),
        reigning=None if reigning is None else reigning.score,
    )
    if finals is None or finals.winner is None:
        error = "no finalist has a value for every seed"
        return replace(night, sentence=f"The night failed: {error}.", error=error)
    winner = _score(finals.winner)
    title = next(
        (one for one in finals.finalists if reigning and one.config == reigning.config), None
    )
    defender = None if title is None or not title.is_whole else _score(title)
    night = replace(night, winner=winner, config=dict(finals.winner.config), defender=defender)
    if reigning is None:
        sentence = f"The first champion: {sweep.metric} {night_file.score(winner)}."
        return replace(night, verdict="better", sentence=sentence, reigning=winner)
    objective = sweep.objective
    is_new = finals.winner is not title
    over_defender = "better" if defender is None else compare(winner, defender, objective)
    over_record = compare(winner, reigning.score, objective)
    scores = f"{sweep.metric} {night_file.score(winner)} against {night_file.score(reigning.score)}"
    if over_record == "worse":
        sentence = f"Worse than the champion's record: {scores}."
        return replace(night, verdict="worse", sentence=sentence)
    if is_new and over_defender == "better" and defender is not None:
        sentence = (
            f"A new champion: {sweep.metric} {night_file.score(winner)} against "
            f"{night_file.score(defender)} of the old one on the same night."
        )
        return replace(night, verdict="better", sentence=sentence, reigning=winner)
    if is_new and defender is None and over_record == "better":
        sentence = f"A new champion, the old one did not train to its end tonight: {scores}."
        return replace(night, verdict="better", sentence=sentence, reigning=winner)
    sentence = f"The champion stays, within the noise of the seeds: {scores}."
    return replace(night, verdict="same", sentence=sentence)


def _score(one: Finalist) -> Score:
    return Score(mean=one.mean, std=one.std, seeds=len(one.scores))


def _conditions(sweep: Sweep, versions: Mapping[str, str], folder: Path) -> dict[str, object]:
    """What a difference between nights may come from."""
    options = codec.describe(sweep)
    plain = {k: v for k, v in options.items() if k not in _OF_ITS_RUN}
    from caviar.store.history import History

    history = History(folder, name=None, objective=sweep.objective)
    try:
        recorded = history.sessions()
    finally:
        history.close()
    commit = recorded[0].git if recorded else None
    return {**plain, **versions, _COMMIT: None if commit is None else str(commit)}


def _crown(night: Night, sweep: Sweep, result: runner.Result, folder: Path) -> None:
    finals = result.finals
    if finals is None or finals.winner is None or night.winner is None:
        raise RuntimeError(f"{night.night} has no winner to crown")
    commit = night.conditions.get(_COMMIT)
    Champion(
        config=dict(finals.winner.config),
        metric=sweep.metric,
        score=night.winner,
        night=night.night,
        trial=finals.winner.trial,
        since=datetime.datetime.now().isoformat(timespec="seconds"),
        commit=commit if isinstance(commit, str) else None,
    ).write(folder, None if finals.checkpoint is None else Path(finals.checkpoint))


def _close(plan: Plan, night: Night, nights: Sequence[Night], say: Callable[[str], None]) -> int:
    """The page, the message, what is tidied up; the exit code."""
    settings = plan.settings
    every = [*(one for one in nights if one.night != night.night), night]
    say(f"\n{night.sentence}")
    say(f"nights     {page.write(settings.folder, every)}")
    lost = cleanup.forget(settings.folder, every, keep=settings.keep_nights)
    if lost:
        say(f"tidied up  the checkpoints of {', '.join(lost)}")
    if night.verdict in settings.notify_when:
        trouble = notify.send(
            settings.notify, f"{settings.name}: {night.verdict}", f"{night.night}: {night.sentence}"
        )
        if trouble is not None:
            say(f"message    {trouble}")
    if night.verdict == "failed":
        return FAILED
    return WORSE if night.verdict == "worse" else BETTER_OR_SAME


def _record_failure(
    plan: Plan, tonight: str, nights: Sequence[Night], error: str, say: Callable[[str], None]
) -> None:
    """A night that failed is on the page too, and in a message."""
    night = Night(night=tonight, verdict="failed", sentence=f"Failed: {error}", error=error)
    there = plan.settings.folder / tonight / layout.OPTIONS
    if there.is_file():
        night.write(plan.settings.folder)
    _close(plan, night, nights, say)

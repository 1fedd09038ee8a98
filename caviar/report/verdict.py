"""What won, by how much, whether it was checked, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass

from caviar.base.format import number
from caviar.report.facts import Facts
from caviar.report.workers import Schedule
from search_spaces import Config
from search_spaces.text import show

_CHANGES_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The sweep in figures; `sentence` has them in words."""

    metric: str
    trial: int
    epoch: int
    config: Config
    changes: Config
    """What differs from the default configuration."""
    score: float
    """The mean over the final seeds where the winner was checked, else its best epoch."""
    spread: float | None
    """The standard deviation over the final seeds; None without two of them."""
    seeds: int
    baseline: float | None
    """The default configuration: its mean over the final seeds where it was a finalist too, else
    the best epoch of its run in the search."""
    baseline_seeds: int
    """0 where it is a single run of the search."""
    gain: float | None
    """How much better the score is than the default's; below 0 is worse."""
    chance: float | None
    """The gain that chance alone exceeds once in twenty times, by the spread over the seeds of the
    winner and the default, or of all finalists where the default is none; None without two seeds of
    any."""
    trials: int
    epochs: int
    final_epochs: int
    """Those of the finals, which the rest of the cost does not hold."""
    seconds: float
    device: str
    device_hours: float | None
    """None where the history does not say when trials ran."""

    @property
    def cost(self) -> str:
        """What it cost, in words."""
        parts = [_count(self.trials, "trial"), _count(self.epochs, "epoch")]
        if self.device_hours is not None:
            parts.append(f"{hours(self.device_hours)} {self.device}-hours")
        cost = ", ".join(parts[:-1]) + f" and {parts[-1]}"
        return (
            f"{cost}, {self.final_epochs:,} epochs of finals aside" if self.final_epochs else cost
        )

    @property
    def checked(self) -> str:
        """Whether the score was checked with fresh seeds, in words."""
        if not self.seeds:
            return "one run, not checked with other seeds"
        spread = "" if self.spread is None else f"± {self.spread:.2g} "
        return f"{spread}over {_count(self.seeds, 'fresh seed')}"

    @property
    def against(self) -> str:
        """The gain over the default configuration, in words."""
        if self.baseline is None or self.gain is None:
            return "the default configuration has no score to compare with"
        if self.gain == 0:
            return f"the same as the default configuration ({self.default})"
        word = "better" if self.gain > 0 else "worse"
        gain = f"{abs(self.gain):.4f} {word} than the default configuration ({self.default})"
        if self.chance is None:
            return gain
        return f"{gain}, {'beyond' if self.beyond_chance else 'within'} the noise of the seeds"

    @property
    def default(self) -> str:
        """The default's score, and over how many seeds, in words."""
        if self.baseline is None:
            return "no score"
        seeds = f" over {_count(self.baseline_seeds, 'seed')}" if self.baseline_seeds else ""
        return f"{self.baseline:.4f}{seeds}"

    @property
    def beyond_chance(self) -> bool:
        """Whether the gain, or the loss, is more than chance alone makes once in twenty times."""
        return self.gain is not None and self.chance is not None and abs(self.gain) > self.chance

    @property
    def what(self) -> str:
        """What the winner changes of the default, in words."""
        if not self.changes:
            return "the default configuration"
        changes = [f"{name} {_value(value)}" for name, value in self.changes.items()]
        more = len(changes) - _CHANGES_SHOWN
        if more > 1:
            return ", ".join(changes[:_CHANGES_SHOWN]) + f" and {more} more changes"
        return ", ".join(changes)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.trial == 0:
            return (
                f"Nothing beat the default configuration, trial 0: {self.metric} {self.score:.4f} "
                f"({self.checked}), for {self.cost}."
            )
        return (
            f"Trial {self.trial} wins ({self.what}): {self.metric} {self.score:.4f} "
            f"({self.checked}), {self.against}, for {self.cost}."
        )


def verdict(facts: Facts, schedule: Schedule, order: list[str] | None = None) -> Verdict | None:
    """The verdict on a sweep; None where no trial has a score.

    Args:
        facts: the sweep.
        schedule: when its trials ran, for the cost.
        order: names of parameters: changes of the first ones are named first.
    """
    winner = facts.winner
    best = None if winner is None else facts.trials.best_report(winner.number)
    if winner is None or best is None:
        return None
    score, baseline = facts.objective.of(best.metrics), facts.baseline
    gain = None if baseline is None else facts.objective.gain(score, over=baseline)
    # Seeds against seeds where there are any: the run in the search was chosen for being good.
    answer = facts.answer
    if answer is not None:
        score, baseline, gain = answer.mean, answer.default, answer.gain
    default = facts.trials[0].config if 0 in facts.trials else facts.space.default()
    changed = {n: v for n, v in winner.config.items() if n not in default or default[n] != v}
    place = {name: index for index, name in enumerate(order or [])}
    changes = dict(sorted(changed.items(), key=lambda item: place.get(item[0], len(place))))
    gpus = facts.options.gpus_per_trial
    each = gpus or facts.options.cpus_per_trial
    return Verdict(
        metric=facts.metric,
        trial=winner.number,
        epoch=best.epoch,
        config=winner.config,
        changes=changes,
        score=score,
        spread=None if answer is None else answer.spread,
        seeds=0 if answer is None else len(answer.seeds),
        baseline=baseline,
        baseline_seeds=0 if answer is None else len(answer.default_seeds),
        gain=gain,
        chance=None if answer is None else answer.noise,
        trials=len(facts.trials),
        epochs=facts.trials.epochs,
        final_epochs=facts.final_epochs,
        seconds=facts.seconds,
        device="GPU" if gpus else "CPU",
        device_hours=schedule.busy * each / 3600 if schedule.spans else None,
    )


def hours(value: float) -> str:
    """Hours with two digits that mean something.

    >>> hours(0.0056), hours(12.34), hours(1234.5)
    ('0.0056', '12', '1,234')
    """
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _count(how_many: int, what: str) -> str:
    return f"{how_many:,} {what}{'' if how_many == 1 else 's'}"


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else show(value)

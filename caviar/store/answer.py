"""What a sweep found, as its finals measured it: the winner, its gain over the default, the noise.

It is written once, under `answer` in `summary.json`, and read by everyone who says what a sweep
came to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from caviar.base.noise import noise
from caviar.base.trials import BASELINE, Trials
from caviar.store import layout
from caviar.store.finals import Finalist, Finals
from search_spaces import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The winner of the finals. All scores are in units of the objective's metric."""

    trial: int | None
    """The winner; None for a configuration that was brought from elsewhere to be compared."""
    config: Config
    """Its configuration, in natural units."""
    mean: float
    """Its score: the mean of the best epochs over its seeds."""
    spread: float | None
    """Standard deviation over its seeds, with n - 1; None with a single seed."""
    seeds: tuple[int, ...]
    """The seeds that it was trained with in the finals."""
    default: float | None
    """The score of the default configuration: its mean over the finals where it took part in them,
    else the best epoch of its run in the search; None where it has neither."""
    default_seeds: tuple[int, ...]
    """The seeds of the default in the finals; none where its score is that of the search."""
    gain: float | None
    """How much better the winner is than the default, whatever the direction; below 0 is worse.
    None without a score of the default."""
    noise: float | None
    """The gain that chance alone exceeds once in twenty times, by the spread over the seeds of the
    two, or of all finalists where the default is none; None without two seeds of any."""
    test: Mapping[str, float] | None
    """The metrics of the test rows, by the winner's best training; None where there are none."""
    test_looks: int
    """How often the test rows were scored in this sweep: once for each winner of its sessions."""

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the gain, or the loss, is more than chance makes once in twenty times."""
        return self.gain is not None and self.noise is not None and abs(self.gain) > self.noise

    def to_json(self) -> dict[str, Any]:
        """As in `summary.json`."""
        return asdict(self) | {"test": None if self.test is None else layout.finite(self.test)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Answer:
        """From what `to_json` gave.

        Raises:
            KeyError: where something is missing.
        """
        found = {name: stored[name] for name in cls.__dataclass_fields__}
        seeds = {name: tuple(found[name]) for name in ("seeds", "default_seeds")}
        return cls(**found | seeds)


def answer(trials: Trials, finals: Finals | None) -> Answer | None:
    """What the finals say of these trials.

    Args:
        trials: those of the search, for the default's run in it.
        finals: what the finals came to.

    Returns:
        None without finals, and where no finalist has a score for each of its seeds.
    """
    winner = None if finals is None else finals.winner
    if finals is None or winner is None:
        return None
    whole = [one for one in finals.finalists if one.is_whole]
    default = next((one for one in whole if one.trial == BASELINE), None)
    score = trials.best_value(BASELINE) if default is None else default.mean
    return Answer(
        trial=winner.trial,
        config=dict(winner.config),
        mean=winner.mean,
        spread=winner.std if len(winner.scores) > 1 else None,
        seeds=tuple(winner.scores),
        default=score,
        default_seeds=() if default is None else tuple(default.scores),
        gain=None if score is None else trials.objective.gain(winner.mean, over=score),
        noise=noise_of(whole, winner, default),
        test=finals.test,
        test_looks=finals.test_looks,
    )


def noise_of(finalists: list[Finalist], one: Finalist, other: Finalist | None) -> float | None:
    """The difference between the means of two finalists that chance alone exceeds once in twenty
    times, by their spread over their seeds; None where that is not known.

    Where `other` is None, a single run of the search, the spread is that of all `finalists`.
    """
    among = finalists if other is None else [one, other]
    runs = 1 if other is None else len(other.scores)
    return noise([each.spread for each in among], len(one.scores), runs)

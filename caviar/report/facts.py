"""Everything that the report is made of, read once from the folder of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from caviar.base.trial import Mode, Outcome, Report, TrialRecord
from caviar.store import finals, layout
from caviar.store.answer import noise_of
from caviar.store.checkpoints import folder_name
from caviar.store.experiments import Experiment
from caviar.store.finals import Finalist, Finals
from caviar.store.session import Session, SweepState, state
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace

_CANNOT_WIN = (Outcome.FAILED, Outcome.DIVERGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A sweep as its history has it. Times are seconds since its start, over all sessions."""

    name: str
    recipe: str
    folder: str
    options: Sweep
    space: SearchSpace
    sessions: list[Session]
    records: Mapping[int, TrialRecord]
    tracebacks: Mapping[int, str] = field(default_factory=dict)
    finalists: Mapping[int, Finalist] = field(default_factory=dict)
    """The best trials, trained again with fresh seeds at full fidelity, by number; the best mean
    first, and only those whose every training has a value."""
    final_epochs: int = 0
    """Epochs trained for the finals, beside those of the search."""

    @property
    def metric(self) -> str:
        """What is optimised."""
        return self.options.metric

    @property
    def mode(self) -> Mode:
        """Whether more is better."""
        return self.options.direction

    @property
    def sign(self) -> int:
        """1 where more is better, else -1: `sign * value` rises with quality."""
        return 1 if self.mode == "max" else -1

    @property
    def state(self) -> SweepState:
        """By its sessions."""
        return state(self.sessions)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs at which trials were judged."""
        return self.options.scheduler.judges_at(self.options.max_epochs)

    @property
    def epochs(self) -> int:
        """Epochs trained, over all trials."""
        return sum(len(record.reports) for record in self.records.values())

    @property
    def seconds(self) -> float:
        """How long it has run."""
        ends = [session.until for session in self.sessions]
        reports = [record.reports[-1].at for record in self.records.values() if record.reports]
        return max([0.0, *ends, *reports])

    def best_of(self, record: TrialRecord) -> Report | None:
        """The best epoch of a trial."""
        return self.options.objective.best_epoch(record.reports)

    def score(self, record: TrialRecord) -> float | None:
        """The value of a trial's best epoch; None for a failed, a diverged or an empty one."""
        best = None if record.outcome in _CANNOT_WIN else self.best_of(record)
        return None if best is None else best.metrics[self.metric]

    def scores(self) -> dict[int, float]:
        """The score of every trial that has one, by number."""
        found = ((number, self.score(record)) for number, record in self.records.items())
        return {number: score for number, score in found if score is not None}

    def ranking(self) -> list[int]:
        """The trials that have a score, the best first, of equals the earlier."""
        scores = self.scores()
        return sorted(scores, key=lambda number: (-self.sign * scores[number], number))

    @property
    def winner(self) -> TrialRecord | None:
        """The best trial: of the finalists where there are any, else by its best epoch."""
        if self.finalists:
            return self.records[next(iter(self.finalists))]
        ranking = self.ranking()
        return self.records[ranking[0]] if ranking else None

    @property
    def baseline(self) -> float | None:
        """The score of trial 0, the default configuration."""
        return self.score(self.records[0]) if 0 in self.records else None

    def chance(self, one: Finalist, other: Finalist | None) -> float | None:
        """The difference between the means of two finalists that chance alone exceeds once in
        twenty times, by their spread over their seeds; None where that is not known.

        Where `other` is None, a single run of the search, the spread is that of all finalists.
        """
        return noise_of(list(self.finalists.values()), one, other)

    def count(self, outcome: Outcome) -> int:
        """How many trials have this outcome."""
        return sum(record.outcome is outcome for record in self.records.values())


def gather(experiment: Experiment) -> Facts:
    """Read a sweep; one that runs, as far as it has come."""
    with experiment.history() as history:
        sessions = history.sessions()
        records = dict(sorted(history.records().items()))
    last = finals.read(experiment.folder)
    return Facts(
        name=experiment.name,
        recipe=experiment.recipe,
        folder=str(experiment.place),
        options=experiment.options,
        space=experiment.space,
        sessions=sessions,
        records=records,
        tracebacks=_tracebacks(experiment, records),
        finalists={} if last is None else _finalists(last),
        final_epochs=0 if last is None else last.epochs,
    )


def _finalists(last: Finals) -> dict[int, Finalist]:
    """Those that could win; one that was brought from another sweep is no trial of this one."""
    return {one.trial: one for one in last.finalists if one.trial is not None and one.is_whole}


def _tracebacks(experiment: Experiment, records: Mapping[int, TrialRecord]) -> dict[int, str]:
    found = {}
    for number, record in records.items():
        path = experiment.folder / layout.ERRORS / f"{folder_name(number, 0)}.txt"
        if record.error is not None and path.is_file():
            found[number] = path.read_text(errors="replace")
    return found

"""Everything that the report is made of, read once from the folder of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from caviar.base.objective import Objective
from caviar.base.trial import TrialRecord
from caviar.base.trials import BASELINE, Trials
from caviar.store import finals, layout
from caviar.store.answer import Answer, answer, noise_of
from caviar.store.checkpoints import folder_name
from caviar.store.experiments import Experiment
from caviar.store.finals import Finalist, Finals
from caviar.store.session import Session, SweepState, state
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A sweep as its history has it. Times are seconds since its start, over all sessions."""

    name: str
    recipe: str
    folder: str
    options: Sweep
    space: SearchSpace
    sessions: list[Session]
    trials: Trials
    """Those of the search, in the order of their numbers."""
    tracebacks: Mapping[int, str] = field(default_factory=dict)
    finalists: Mapping[int, Finalist] = field(default_factory=dict)
    """The best trials, trained again with fresh seeds at full fidelity, by number; the best mean
    first, and only those whose every training has a value."""
    final_epochs: int = 0
    """Epochs trained for the finals, beside those of the search."""

    @property
    def objective(self) -> Objective:
        """What is optimised, and what is better."""
        return self.trials.objective

    @property
    def metric(self) -> str:
        """The objective's metric."""
        return self.objective.metric

    @property
    def goal(self) -> str:
        """The objective in two words, such as `max val_accuracy`."""
        return f"{self.objective.direction} {self.metric}"

    @property
    def state(self) -> SweepState:
        """By its sessions."""
        return state(self.sessions)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs at which the scheduler compares trials."""
        return self.options.scheduler.judges_at(self.options.max_epochs)

    @property
    def seconds(self) -> float:
        """How long it has run."""
        ends = [session.until for session in self.sessions]
        reports = [record.reports[-1].at for record in self.trials.values() if record.reports]
        return max([0.0, *ends, *reports])

    def scores(self) -> dict[int, float]:
        """The value of the best epoch of every trial that can win, by number."""
        values = {number: self.trials.best_value(number) for number in self.trials.leaders()}
        return {number: value for number, value in sorted(values.items()) if value is not None}

    @property
    def winner(self) -> TrialRecord | None:
        """The best trial: of the finalists where there are any, else by its best epoch."""
        if self.finalists:
            return self.trials[next(iter(self.finalists))]
        best = self.trials.best()
        return None if best is None else best.trial

    @property
    def baseline(self) -> float | None:
        """The value of the best epoch of the default configuration; None where it cannot win."""
        return self.scores().get(BASELINE)

    @property
    def answer(self) -> Answer | None:
        """What the finals say of the trials of this sweep; None without finals."""
        own = Finals(finalists=list(self.finalists.values()), epochs=self.final_epochs)
        return answer(self.trials, own)

    def chance(self, one: Finalist, other: Finalist | None) -> float | None:
        """The difference between the means of two finalists that chance alone exceeds once in
        twenty times, by their spread over their seeds; None where that is not known.

        Where `other` is None, a single run of the search, the spread is that of all finalists.
        """
        return noise_of(list(self.finalists.values()), one, other)


def gather(experiment: Experiment) -> Facts:
    """Read a sweep; one that runs, as far as it has come."""
    with experiment.history() as history:
        sessions = history.sessions()
        records = dict(sorted(history.records().items()))
    trials = Trials(experiment.options.objective, records)
    last = finals.read(experiment.folder)
    return Facts(
        name=experiment.name,
        recipe=experiment.recipe,
        folder=str(experiment.place),
        options=experiment.options,
        space=experiment.space,
        sessions=sessions,
        trials=trials,
        tracebacks=_tracebacks(experiment, trials),
        finalists={} if last is None else _finalists(last),
        final_epochs=0 if last is None else last.epochs,
    )


def _finalists(last: Finals) -> dict[int, Finalist]:
    """Those that could win; one that was brought from another sweep is no trial of this one."""
    return {one.trial: one for one in last.finalists if one.trial is not None and one.is_whole}


def _tracebacks(experiment: Experiment, trials: Trials) -> dict[int, str]:
    found = {}
    for number, record in trials.items():
        path = experiment.folder / layout.ERRORS / f"{folder_name(number, 0)}.txt"
        if record.error is not None and path.is_file():
            found[number] = path.read_text(errors="replace")
    return found

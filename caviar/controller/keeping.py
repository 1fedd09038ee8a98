"""Which checkpoints are written, and which are kept."""

from __future__ import annotations

from collections.abc import Callable

from caviar.base.trial import Outcome, TrialRecord
from caviar.base.trials import Trials
from caviar.controller.job import Job
from caviar.controller.plan import Checkpoints


class Keeping:
    """The checkpoints of a sweep: due every so many seconds, kept for the best and the unfinished.

    Args:
        trials: those of the sweep.
        checkpoints: where they are.
        keep: how many of the trials that ended keep theirs.
        every: seconds between two of a trial that runs.
        clock: in seconds.
    """

    def __init__(
        self,
        trials: Trials,
        checkpoints: Checkpoints,
        *,
        keep: int,
        every: float,
        clock: Callable[[], float],
    ) -> None:
        self._trials = trials
        self._checkpoints = checkpoints
        self._keep = keep
        self._every = every
        self._clock = clock
        self._saved_at: dict[int, float] = {}
        self._folder_of: dict[int, int] = {}
        """Of the members of a job, after which trial its folder is named."""
        self.saved: set[int] = set()
        """Trials that have a checkpoint in storage."""
        self.endangered: set[int] = set()
        """Trials whose machine is about to go: they are saved at every report."""

    def starts(self, job: Job) -> None:
        """The trials of a job begin to train, or train on."""
        now, lead = self._clock(), job.lead.number
        for number in job.trials:
            self._saved_at[number] = now
            self._folder_of[number] = lead

    def leaves(self, number: int) -> None:
        """A trial has left its worker, and its machine with it."""
        self.endangered.discard(number)

    def asked(self, number: int) -> None:
        """A checkpoint of a trial is to be written now."""
        self._saved_at[number] = self._clock()

    def due(self, number: int) -> bool:
        """Whether a trial that trains on is saved now."""
        late = self._clock() - self._saved_at[number] >= self._every
        return late or number in self.endangered

    def keeps(self, number: int) -> bool:
        """Whether the checkpoint of a trial that ends now is worth keeping."""
        return number in self._trials.keepers(self._keep, number)

    def is_saved(self, record: TrialRecord, outcome: Outcome) -> bool:
        """Whether what is worth keeping of a trial that ends or pauses is in storage."""
        found = self._checkpoints.newest(record.number)
        if found is not None and found[1] == record.epoch:
            return True
        return outcome is not Outcome.PAUSED and not self.keeps(record.number)

    def useless(self) -> set[int]:
        """The trials whose checkpoints need not be kept.

        The folder of a job of several is kept for as long as one of them needs it.
        """
        keepers = self._trials.keepers(self._keep)
        needed = {n for n in self.saved if n in keepers or self._trials[n].unfinished}
        folders = {self._folder_of.get(n, n) for n in needed}
        return {n for n in self.saved - needed if self._folder_of.get(n, n) not in folders}

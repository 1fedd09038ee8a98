"""Where a trial continues that ran before, or that is a fork of another one."""

from __future__ import annotations

from caviar.base.trial import Outcome, TrialRecord
from caviar.controller.job import Member
from caviar.controller.plan import Checkpoints
from caviar.schedulers.base import Action

CONSEQUENCES = {Action.STOP: Outcome.STOPPED_EARLY, Action.PAUSE: Outcome.PAUSED}


def member(record: TrialRecord, checkpoints: Checkpoints) -> Member:
    """The trial from its newest checkpoint, a fork from its parent's; else from the start."""
    parent = record.parent
    if not record.reports and parent is None:
        return Member(record)
    found = checkpoints.newest(record.number)
    if found is None and not record.reports and parent is not None:
        found = checkpoints.inherit(parent, record.number)
    if found is None:
        return Member(record)
    path, epoch = found
    own = parent is None or bool(record.reports and epoch >= record.reports[0].epoch)
    return Member(record, path, forked=not own)


def reached(
    record: TrialRecord, verdict: Action, *, metric: str, max_epochs: int
) -> Outcome | None:
    """What an unfinished trial had come to with its last report; None where it was to go on.

    The driver may have died between that report, which got `verdict`, and what follows from it.
    A trial without a value there may have diverged, which only training it again can tell.
    """
    if not record.is_measured(metric):
        return None
    if record.epoch >= max_epochs:
        return Outcome.COMPLETED
    return CONSEQUENCES.get(verdict)

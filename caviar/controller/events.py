"""What was decided, as an event with fields; its words are made where they are shown."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from caviar.base.objective import Direction
from caviar.schedulers.reasons import Reason, reason_of


class Kind(enum.StrEnum):
    """What was decided."""

    STOPPED = "stopped"
    PAUSED = "paused"
    PROMOTED = "promoted"
    MESSAGE = "message"
    """What the searcher or the scheduler explains by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionEvent:
    """One decision.

    Args:
        kind: what was decided.
        at: seconds since the start of the sweep, over all its sessions.
        trial: whose decision it is; None for a message.
        epoch: the epoch that the trial had reached.
        reason: why, with its numbers; None for a promotion, a message, and where it is not known.
        message: what was explained, for a person alone: no code reads it.
    """

    kind: Kind
    at: float
    trial: int | None = None
    epoch: int | None = None
    reason: Reason | None = None
    message: str = ""

    def words(self, direction: Direction) -> str:
        """A sentence for a person."""
        if self.kind is Kind.MESSAGE:
            return self.message
        why = self.why(direction)
        return f"{self.kind} trial {self.trial} at epoch {self.epoch}" + (f": {why}" if why else "")

    def why(self, direction: Direction) -> str:
        """The reason, for a person; empty where it is not known."""
        if self.kind is Kind.PROMOTED:
            return "it is the best that waits there"
        return "" if self.reason is None else self.reason.words(direction)

    def is_same(self, other: DecisionEvent | None) -> bool:
        """Whether it is the same decision, at whatever time."""
        return other is not None and self._key() == other._key()

    def _key(self) -> tuple[object, ...]:
        return self.kind, self.trial, self.epoch, self.reason, self.message

    def to_json(self) -> dict[str, object]:
        """As a line of `decisions.jsonl`: fields that are None or empty are left out."""
        fields: dict[str, object] = {
            "kind": self.kind.value,
            "at": round(self.at, 3),
            "trial": self.trial,
            "epoch": self.epoch,
            "reason": None
            if self.reason is None
            else {"kind": type(self.reason).__name__, **asdict(self.reason)},
            "message": self.message or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def of_json(cls, fields: Mapping[str, object]) -> DecisionEvent:
        """The event of such a line.

        Raises:
            ValueError: where it is none, or one of a later version.
        """
        at, trial, epoch = fields.get("at"), fields.get("trial"), fields.get("epoch")
        if not isinstance(at, int | float):
            raise ValueError(f"at: must be a number of seconds, got {at!r}.")
        return cls(
            kind=Kind(str(fields.get("kind"))),
            at=at,
            trial=trial if isinstance(trial, int) else None,
            epoch=epoch if isinstance(epoch, int) else None,
            reason=reason_of(fields.get("reason")),
            message=str(fields.get("message", "")),
        )

"""A configuration that knows which of its hyperparameters were read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from trainables.checks import did_you_mean
from trainables.understood import NotUnderstoodError

_SPELLING = 0.8  # how alike two names are that mean the same; units_1 and units_2 are not meant


class Hyperparameters(Mapping[str, Any]):
    """The hyperparameters of one trial; what nothing read is not understood.

    So every builder says by reading what it understands, also of keys that a condition leaves
    without effect, and a misspelt name is noticed without a list of all names.

    >>> config = Hyperparameters({"learning_rate": 0.1, "momentun": 0.9})
    >>> config["learning_rate"], config.get("momentum")
    (0.1, None)
    >>> config.unread()
    ['momentun']
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._asked: dict[str, None] = {}  # in the order of asking

    def __getitem__(self, name: str) -> Any:
        self._asked[name] = None
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    @property
    def asked(self) -> tuple[str, ...]:
        """The names that were asked for, also those in vain."""
        return tuple(self._asked)

    def unread(self) -> list[str]:
        """The names that nothing asked for."""
        return [name for name in self._values if name not in self._asked]

    def check(self, who: str, *, elsewhere: Mapping[str, str]) -> None:
        """Refuse what was not read.

        Args:
            who: the trainable, for the message.
            elsewhere: names -> the trainable that understands them.

        Raises ValueError, naming the first such key, the nearest name that was asked for, and all
        of those.
        """
        for name in self.unread():
            if name in elsewhere:
                hint = f"{elsewhere[name]} does: name it as the trainable. "
            else:
                hint = did_you_mean(name, self._asked)
            raise NotUnderstoodError(
                f"{who} does not understand the hyperparameter {name!r}. {hint}"
                f"It reads {', '.join(sorted(self._asked))}."
            )

    def check_spelling(self, who: str) -> None:
        """Refuse what was not read only where it nearly spells a name that was asked for in vain.

        For trainables with a part of one's own, which may keep a key for later.

        Raises ValueError as `check` does.
        """
        missing = [name for name in self._asked if name not in self._values]
        for name in self.unread():
            meant = difflib.get_close_matches(name, missing, n=1, cutoff=_SPELLING)
            if meant:
                raise NotUnderstoodError(
                    f"{who} does not understand the hyperparameter {name!r}. "
                    f"Did you mean {meant[0]!r}?"
                )

"""Input that Caviar cannot carry out: refused in one sentence, before anything starts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """Bad input: one sentence with the rule, the value and what to do. The command exits with 2."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`" Did you mean 'trials'?"` when something known is close to `name`, else `""`.

    >>> did_you_mean("trails", ["trials", "seed"])
    " Did you mean 'trials'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""

"""Configurations, durations and outcomes as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from caviar.base.trial import Outcome


def how_it_ended(outcome: Outcome) -> str:
    """An outcome in words."""
    return outcome.value.replace("_", " ")


def number(value: Any) -> str:
    """Four significant digits for a float, the value itself for the rest."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def configuration(config: Mapping[str, Any]) -> str:
    """A configuration in one line."""
    return " ".join(f"{name}={number(value)}" for name, value in config.items())


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(45), duration(135), duration(7325)
    ('45 s', '2 min 15 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def shortened(text: str, most: int = 160) -> str:
    """At most so many characters of it.

    >>> shortened("ValueError: no", most=10)
    'ValueErro…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"

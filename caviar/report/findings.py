"""The facts of a sweep and what was worked out from them."""

from __future__ import annotations

from dataclasses import dataclass

from caviar.base.format import number
from caviar.report.advice import Advice
from caviar.report.facts import Facts
from caviar.report.importance import Importance
from caviar.report.verdict import Verdict
from caviar.report.workers import Schedule
from search_spaces import Config
from search_spaces.text import show


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The facts and what was worked out from them."""

    facts: Facts
    schedule: Schedule
    importances: list[Importance]
    verdict: Verdict | None
    advice: list[Advice]


def shown(config: Config, name: str) -> str:
    """The value of a parameter; a dash where it takes no part."""
    if name not in config:
        return "–"
    value = config[name]
    return number(value) if isinstance(value, float) else show(value)


def configuration(config: Config) -> str:
    """A configuration in one line."""
    return ", ".join(f"{name} {shown(config, name)}" for name in config)

"""What stands for a searcher or a scheduler whose class is no more: a sweep that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from caviar.base.errors import UsageError
from caviar.schedulers import SchedulerOptions
from caviar.searchers import SearcherOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSearcher(SearcherOptions):
    """The name and the options of a searcher, which cannot be built."""

    name: str
    """The name that it is stored under: package.module:Class."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Its options as they are stored, JSON values by name."""
    reason: str = ""
    """Why it cannot be built, a sentence."""

    def build(self, *args: object, **kwargs: object) -> NoReturn:
        """Raise `UsageError` with the reason."""
        raise UsageError(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScheduler(SchedulerOptions):
    """The name and the options of a scheduler, which cannot be built; no epochs are known of it."""

    name: str
    """The name that it is stored under: package.module:Class."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Its options as they are stored, JSON values by name."""
    reason: str = ""
    """Why it cannot be built, a sentence."""

    def build(self, *args: object, **kwargs: object) -> NoReturn:
        """Raise `UsageError` with the reason."""
        raise UsageError(self.reason)

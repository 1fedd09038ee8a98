"""Recipes, a screenful each, and the engine they combine."""

from typing import TYPE_CHECKING, Any

from pipelines.engine import Result, Sweep, UsageError, run

if TYPE_CHECKING:
    from pipelines.engine.tune_searcher import TuneSearcher

__all__ = ["Result", "Sweep", "TuneSearcher", "UsageError", "run"]


def __getattr__(name: str) -> Any:
    if name == "TuneSearcher":  # which imports Ray: only for those who use it
        from pipelines.engine.tune_searcher import TuneSearcher

        return TuneSearcher
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

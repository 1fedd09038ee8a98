"""Who proposes the next configuration: typed options, each of which builds its searcher."""

from pipelines.engine.searchers.options import (
    Grid,
    HyperOpt,
    Optuna,
    Parzen,
    QuasiRandom,
    Random,
    SearcherOptions,
)

__all__ = ["Grid", "HyperOpt", "Optuna", "Parzen", "QuasiRandom", "Random", "SearcherOptions"]

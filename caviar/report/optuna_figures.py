"""Optuna's figures of a sweep, as plain traces. The page gives them its words and its colours.

They are drawn from a study that is made for them: in the history most trials were stopped early,
and Optuna shows complete ones; and it has no scale for a momentum. Here every trial that has a
score is complete, and its values are places on the axes of their parameters.

Of time, of workers and of the gain over the default Optuna has no figure: figures_time.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from caviar.base.trial import TrialRecord
from caviar.report.drawing import Trace

if TYPE_CHECKING:
    from optuna import Study
    from optuna.importance import BaseImportanceEvaluator
    from optuna.trial import FrozenTrial
    from plotly.graph_objects import Figure as PlotlyFigure

ABSENT = -0.12
"""The place of a parameter that takes no part; the others are within 0 … 1."""
_CELLS = 40
"""The places of a contour are rounded to so many: it has a cell for each pair of them."""


def slices(places: Sequence[float], scores: Sequence[float]) -> Trace:
    """`plot_slice`: score against place, coloured by the order of the trials."""
    from optuna.visualization import plot_slice

    study = _study([_trial(score, [place]) for place, score in zip(places, scores, strict=True)])
    return _traces(plot_slice(study, params=[_axis(0)]))[0]


def contour(x: Sequence[float], y: Sequence[float], z: Sequence[float]) -> Trace | None:
    """`plot_contour`: values over two places; None where all trials share one of them."""
    from optuna.visualization import plot_contour

    places = [[round(_CELLS * one) / _CELLS for one in pair] for pair in zip(x, y, strict=True)]
    if any(len(set(axis)) < 2 for axis in zip(*places, strict=True)):
        return None
    study = _study([_trial(value, place) for value, place in zip(z, places, strict=True)])
    return _traces(plot_contour(study, params=[_axis(0), _axis(1)]))[0]


def parallel_coordinates(
    scores: Sequence[float], places: Sequence[Sequence[float]], span: tuple[float, float]
) -> list[Trace]:
    """`plot_parallel_coordinate`: a line a trial; the score is the first axis.

    `span` is the score at its places 0 and 1. All axes reach from ABSENT to 1: see `height`.
    """
    from optuna.visualization import plot_parallel_coordinate

    low, high = span
    axes = len(places[0])
    # Optuna's axes reach from the least value that there is to the greatest: these two have them.
    corners = [_trial(low + ABSENT * (high - low), [ABSENT] * axes), _trial(high, [1.0] * axes)]
    trials = [_trial(score, place) for score, place in zip(scores, places, strict=True)]
    drawn = _traces(plot_parallel_coordinate(_study([*corners, *trials])))
    return drawn[len(corners) : -1]  # the last is a colour bar


def height(place: float) -> float:
    """Where an axis of `parallel_coordinates` has a place.

    >>> height(ABSENT), height(1.0)
    (0.0, 1.0)
    """
    return (place - ABSENT) / (1 - ABSENT)


def importances(shares: Mapping[str, float]) -> Trace:
    """`plot_param_importances`: a bar a parameter, the largest at the top."""
    from optuna.visualization import plot_param_importances

    names = list(shares)
    study = _study([_trial(0.0, [0.0] * len(names))])
    known = {_axis(place): shares[name] for place, name in enumerate(names)}
    bars = _traces(plot_param_importances(study, evaluator=_measured(known)))[0]
    return {**bars, "y": [names[int(axis)] for axis in bars["y"]]}


def intermediate_values(records: Sequence[TrialRecord], metric: str) -> list[Trace]:
    """`plot_intermediate_values`: a curve a trial. Each has reported the metric once at least."""
    import optuna
    from optuna.visualization import plot_intermediate_values

    pruned = optuna.trial.TrialState.PRUNED
    trials = [
        optuna.trial.create_trial(state=pruned, intermediate_values=record.curve(metric))
        for record in records
    ]
    return _traces(plot_intermediate_values(_study(trials)))


def _axis(number: int) -> str:
    """The name of a parameter in the study: Optuna puts axes in the order of their names."""
    return f"{number:03}"


def _trial(value: float, places: Sequence[float]) -> FrozenTrial:
    import optuna

    params = {_axis(number): place for number, place in enumerate(places)}
    span = optuna.distributions.FloatDistribution(ABSENT, 1.0)
    return optuna.trial.create_trial(
        value=value, params=params, distributions=dict.fromkeys(params, span)
    )


def _study(trials: list[FrozenTrial]) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    study.add_trials(trials)
    return study


def _traces(drawn: PlotlyFigure) -> list[Trace]:
    return [trace.to_plotly_json() for trace in drawn.data]


def _measured(shares: Mapping[str, float]) -> BaseImportanceEvaluator:
    from optuna.importance import BaseImportanceEvaluator

    class Measured(BaseImportanceEvaluator):
        """Has the importances already, with their errors."""

        def evaluate(
            self,
            study: Study,
            params: list[str] | None = None,
            *,
            target: Callable[[FrozenTrial], float] | None = None,
        ) -> dict[str, float]:
            return dict(shares)

    return Measured()

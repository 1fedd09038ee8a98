"""A space for Optuna: define-by-run where conditions exist, fixed distributions where none do.

Optuna sees the scale's coordinates, so that its surrogate works where distances mean something:

    number, continuous or on a log scale    float in [0, 1]
    number in steps on a linear scale       the number of its step, an integer
    choice                                  the number of its option, categorical

An Optuna study keeps the options of a choice for good, and refuses others under the same name
("does not support dynamic value space"): a space with other options needs a study of its own.

The history that people open in optuna-dashboard is in natural units: `natural_params` and
`natural_distributions`.
"""

import json
from collections.abc import Mapping
from typing import Any

from optuna import Trial
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search_spaces.collection import Config
from search_spaces.numeric import Float, Int
from search_spaces.parameters import Choice, Fixed, Parameter, Searched
from search_spaces.space import SearchSpace


def suggest(space: SearchSpace, trial: Trial) -> Config:
    """Ask a trial for the active parameters, parents first; the configuration in natural units.

    Works for every space; with `study.ask(fixed_distributions=distributions(space))` the values are
    already there.
    """

    def draw(parameter: Searched) -> Any:
        name, distribution = parameter.name, distribution_of(parameter)
        if isinstance(distribution, CategoricalDistribution):
            return trial.suggest_categorical(name, distribution.choices)
        if isinstance(distribution, IntDistribution):
            return _to_raw(parameter, trial.suggest_int(name, 0, distribution.high))
        return trial.suggest_float(name, 0.0, 1.0)

    return space.walk(draw)


def distributions(space: SearchSpace) -> dict[str, BaseDistribution] | None:
    """The fixed distributions that multivariate and group samplers work best with.

    None where a condition exists: then only `suggest` knows what a trial needs.
    """
    if space.conditional:
        return None
    return {p.name: distribution_of(p) for p in space.searched}


def from_params(space: SearchSpace, params: Mapping[str, Any]) -> Config:
    """The configuration of a trial's `params`, as `suggest` gave it."""
    searched = {p.name: p for p in space.searched}
    unknown = {name: value for name, value in params.items() if name not in searched}
    known = {n: _to_raw(searched[n], v) for n, v in params.items() if n in searched}
    return space.decode(known | unknown)  # which says what is unknown


def to_params(
    space: SearchSpace, config: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """A known configuration in Optuna's coordinates: params and distributions of its trial.

    For `optuna.trial.create_trial` and `study.enqueue_trial`; `suggest` on a trial with these
    params gives the configuration back.
    """
    params = {
        name: raw_to_param(space[name], raw)  # type: ignore[arg-type]  # encode: searched ones only
        for name, raw in space.encode(config).items()
    }
    return params, {name: distribution_of(space[name]) for name in params}  # type: ignore[arg-type]


def distribution_of(parameter: Searched) -> BaseDistribution:
    """What Optuna samples for one parameter."""
    if isinstance(parameter, Choice):
        return CategoricalDistribution(range(len(parameter.options)))
    if parameter.cells is not None and parameter.scale == "linear":
        return IntDistribution(0, parameter.cells.count - 1)
    return FloatDistribution(0.0, 1.0)


def _to_raw(parameter: Searched, value: Any) -> Any:
    if isinstance(parameter, Float | Int) and parameter.cells and parameter.scale == "linear":
        return parameter.cells.unit(value)
    return value


def raw_to_param(parameter: Searched, raw: Any) -> Any:
    """A coordinate of the space as the value that `distribution_of` its parameter holds."""
    if isinstance(parameter, Float | Int) and parameter.cells and parameter.scale == "linear":
        return parameter.cells.index(raw)
    return raw


# -- natural units, for the history ---------------------------------------------------------------


def natural_distributions(
    space: SearchSpace, config: Mapping[str, Any]
) -> dict[str, BaseDistribution]:
    """The distributions of the active parameters as a person thinks of them, ranges and scales.

    Optuna has no log1m scale: such a range is shown as linear. A choice whose options Optuna cannot
    hold or tell apart (lists, or True beside 1) is shown as JSON texts.
    """
    space.validate(config)
    return {p.name: _natural(p) for p in space.active(config)}


def natural_params(space: SearchSpace, config: Mapping[str, Any]) -> dict[str, Any]:
    """The values that go with `natural_distributions`."""
    space.validate(config)
    return {p.name: _shown(p, config[p.name]) for p in space.active(config)}


def from_natural_params(space: SearchSpace, params: Mapping[str, Any]) -> Config:
    """The configuration back from `natural_params`; ValueError when it is none of this space."""
    config = {
        name: json.loads(value)
        if name in space and isinstance(value, str) and _as_texts(space[name])
        else value
        for name, value in params.items()
    }
    return space.complete(config)


def _natural(parameter: Parameter) -> BaseDistribution:
    if isinstance(parameter, Choice | Fixed):
        return CategoricalDistribution([_shown(parameter, value) for value in _values(parameter)])
    log = parameter.scale == "log"
    if isinstance(parameter, Int):
        # Optuna has no step on a log scale
        step = 1 if log else parameter.step or 1
        return IntDistribution(parameter.low, parameter.high, log=log, step=step)
    stride = parameter.step if parameter.scale == "linear" else None
    return FloatDistribution(parameter.low, parameter.high, log=log, step=stride)


def _values(parameter: Choice | Fixed) -> tuple[Any, ...]:
    return (parameter.value,) if isinstance(parameter, Fixed) else tuple(parameter.options)


def _as_texts(parameter: Parameter) -> bool:
    if not isinstance(parameter, Choice | Fixed):
        return False
    values = _values(parameter)
    if any(isinstance(value, list | dict) for value in values):
        return True
    return len(set(values)) < len(values)


def _shown(parameter: Parameter, value: Any) -> Any:
    return json.dumps(value) if _as_texts(parameter) else value

"""A space for HyperOpt.

A parameter that a condition looks at is a choice between *branches*: stretches of its values on
which every condition on it says the same. Its children sit inside switches on that choice, nested
as deep as their conditions go, so HyperOpt's TPE knows for each trial which parameters took part.
All other numbers are uniform on [0, 1], all other choices the number of their option. `decode`
gives all of it to `SearchSpace.walk`.

Labels are parameter names; the place inside a branch of several values has the label "name:branch".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperopt import hp
from hyperopt.pyll import scope

from search_spaces.conditions import Single
from search_spaces.parameters import Choice, Fixed, Float, Int, Parameter, Searched
from search_spaces.space import Config, SearchSpace

Value = float | int


@dataclass(frozen=True, slots=True)
class _Branch:
    """Options `first` to `last`, or the coordinates between them, with their share of all."""

    first: float
    last: float
    share: float

    @property
    def single(self) -> bool:
        return self.first == self.last


def encode(space: SearchSpace) -> dict[str, Any]:
    """The space for `fmin` or `Domain`; what the objective gets goes through `decode`."""
    branches = _branches(space)
    switches = {name: _switch(name, found) for name, found in branches.items()}
    nodes: dict[str, Any] = {}
    for parameter in space.searched:
        if parameter.name in branches:
            node = _place(parameter, branches[parameter.name], switches[parameter.name])
        elif isinstance(parameter, Choice):
            node = hp.choice(parameter.name, list(range(len(parameter.options))))
        else:
            node = hp.uniform(parameter.name, 0.0, 1.0)
        nodes[parameter.name] = _gated(space, parameter, node, branches, switches)
    return nodes


def decode(space: SearchSpace, sampled: Mapping[str, Any]) -> Config:
    """The configuration of what HyperOpt hands to an objective (or `space_eval` gives)."""

    def draw(parameter: Searched) -> Any:
        return sampled[parameter.name]

    return space.walk(draw)


def to_vals(space: SearchSpace, config: Mapping[str, Any]) -> dict[str, list[Value]]:
    """A known configuration as the `misc["vals"]` of a HyperOpt trial: label -> [value] or [].

    Every label is there, those of inactive parameters with []; `misc["idxs"]` is
    `{label: [tid] if vals[label] else []}`.
    """
    branches = _branches(space)
    raws = space.encode(config)
    vals: dict[str, list[Value]] = {}
    for parameter in space.searched:
        name = parameter.name
        if name not in branches:
            vals[name] = [raws[name]] if name in raws else []
            continue
        vals[name] = []
        for number, branch in enumerate(branches[name]):
            place: list[Value] = []
            if name in raws and not vals[name] and raws[name] <= branch.last:
                vals[name] = [number]
                place = [_within(parameter, branch, raws[name])]
            if not branch.single:
                vals[f"{name}:{number}"] = place
    return vals


def to_point(space: SearchSpace, config: Mapping[str, Any]) -> dict[str, Value]:
    """A known configuration for HyperOpt's `points_to_evaluate`: the labels that take part.

    HyperOpt takes such points only with `fmin`, and its TPE then needs a trial to list all labels:
    for a conditional space put `to_vals` into the trials instead.
    """
    return {label: values[0] for label, values in to_vals(space, config).items() if values}


# -- branches -------------------------------------------------------------------------------------


def _branches(space: SearchSpace) -> dict[str, list[_Branch]]:
    """The branches of every searched parameter that a condition looks at."""
    conditions: dict[str, list[Single]] = {}
    for parameter in space.parameters:
        for condition in parameter.when.single() if parameter.when else ():
            if not isinstance(space[condition.name], Fixed):
                conditions.setdefault(condition.name, []).append(condition)
    return {name: _branches_of(space[name], found) for name, found in conditions.items()}


def _branches_of(parameter: Parameter, conditions: Sequence[Single]) -> list[_Branch]:
    assert not isinstance(parameter, Fixed)
    if isinstance(parameter, Choice):
        count = len(parameter.options)
        return [_Branch(number, number, 1 / count) for number in range(count)]
    if parameter.cells is None:
        return _cut(parameter, conditions)
    found: list[_Branch] = []
    before: list[bool] | None = None
    for index in range(parameter.cells.count):
        value = parameter.decode(parameter.cells.unit(index))
        pattern = [condition.tests(value) for condition in conditions]
        first, last = parameter.cells.edges(index)
        if pattern == before:
            found[-1] = _Branch(found[-1].first, last, last - found[-1].first)
        else:
            found.append(_Branch(first, last, last - first))
        before = pattern
    return found


def _cut(parameter: Float | Int, conditions: Sequence[Single]) -> list[_Branch]:
    """A continuous range cut where a condition changes its mind."""
    cuts = {parameter.span.unit(condition.value) for condition in conditions}  # type: ignore[union-attr]
    ends = [0.0, *sorted(cut for cut in cuts if 0.0 < cut < 1.0), 1.0]
    return [_Branch(a, b, b - a) for a, b in zip(ends, ends[1:], strict=False)]


def _within(parameter: Searched, branch: _Branch, raw: Value) -> float:
    if isinstance(parameter, Choice):
        return 0.0
    return min(max((raw - branch.first) / (branch.last - branch.first), 0.0), 1.0)


# -- nodes ----------------------------------------------------------------------------------------


def _switch(name: str, branches: Sequence[_Branch]) -> Any:
    """What hp.choice and hp.pchoice switch on, made once so that several switches can share it."""
    shares = [branch.share for branch in branches]
    if max(shares) - min(shares) < 1e-12:
        return scope.hyperopt_param(name, scope.randint(len(shares)))
    return scope.hyperopt_param(name, scope.categorical([s / sum(shares) for s in shares]))


def _place(parameter: Searched, branches: Sequence[_Branch], switch: Any) -> Any:
    """The coordinate of a parameter with branches."""
    options: list[Any] = []
    for number, branch in enumerate(branches):
        if branch.single:
            options.append(int(branch.first))
        else:
            inside = hp.uniform(f"{parameter.name}:{number}", 0.0, 1.0)
            options.append(branch.first + inside * (branch.last - branch.first))
    return scope.switch(switch, *options)


def _gated(
    space: SearchSpace,
    parameter: Parameter,
    node: Any,
    branches: Mapping[str, Sequence[_Branch]],
    switches: Mapping[str, Any],
) -> Any:
    """The node where the parameter's condition holds, None elsewhere; ancestors outermost."""
    for condition in parameter.when.single() if parameter.when else ():
        parent = space[condition.name]
        if isinstance(parent, Fixed):
            if not condition.tests(parent.value):
                return None
            node = _gated(space, parent, node, branches, switches)
            continue
        outcomes = [_holds(condition, parent, branch) for branch in branches[parent.name]]
        node = scope.switch(switches[parent.name], *(node if holds else None for holds in outcomes))
        node = _gated(space, parent, node, branches, switches)
    return node


def _holds(condition: Single, parent: Searched, branch: _Branch) -> bool:
    if isinstance(parent, Choice):
        return condition.tests(parent.options[int(branch.first)])
    return condition.tests(parent.decode((branch.first + branch.last) / 2))

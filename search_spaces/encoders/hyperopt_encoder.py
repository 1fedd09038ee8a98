"""A space for HyperOpt.

A parameter that a condition looks at is a choice between *branches*: stretches of its values on
which every condition on it says the same. Its children sit inside switches on that choice, nested
as deep as their conditions go, so HyperOpt's TPE knows for each trial which parameters took part.
All other numbers are uniform on [0, 1], all other choices the number of their option. `decode`
gives all of it to `SearchSpace.walk`.

Labels are parameter names; the place inside a branch of several values has the label "name:branch".

Out of reach is one point: where AtLeast("x", 0.5) and AtMost("x", 0.5) meet on a continuous x, both
hold at exactly 0.5. No draw hits it, so no branch has it: a sweep learns from such a configuration
as from its neighbour, and `initial_trials` refuses to start there.
"""

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperopt import Trials, hp
from hyperopt.fmin import generate_trial
from hyperopt.pyll import scope

from search_spaces.collection import Config
from search_spaces.conditions import AtLeast, AtMost, Single
from search_spaces.parameters import Choice, Fixed, Float, Int, Parameter, Searched
from search_spaces.space import SearchSpace

Value = float | int


EDGE = 1e-12  # how near a coordinate comes to the end of its branch: beyond float noise


@dataclass(frozen=True, slots=True)
class _Branch:
    """One coordinate (first == last) or those between two, with their share of all draws."""

    first: float
    last: float
    share: float
    outcomes: tuple[bool, ...]  # of the conditions on the parameter, in their order

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


def from_vals(space: SearchSpace, vals: Mapping[str, Sequence[Value]]) -> Config:
    """The configuration of a HyperOpt trial's `misc["vals"]`; what `to_vals` gave, and back.

    The same as `decode(space, hyperopt.space_eval(encode(space), ...))`, forty times as fast:
    HyperOpt interprets its whole expression graph for each.
    """
    branches = _branches(space)

    def draw(parameter: Searched) -> Any:
        (value,) = vals[parameter.name]
        if parameter.name not in branches:
            return value
        branch = branches[parameter.name][int(value)]
        if branch.single:
            return branch.first
        (inside,) = vals[f"{parameter.name}:{value}"]
        return branch.first + inside * (branch.last - branch.first)

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
        chosen = _chosen(space, branches[name], parameter, raws) if name in raws else None
        for number, branch in enumerate(branches[name]):
            if branch is chosen:
                vals[name] = [number]
            if not branch.single:
                inside = [_within(branch, raws[name])] if branch is chosen else []
                vals[f"{name}:{number}"] = list(inside)
    return vals


def initial_trials(space: SearchSpace, configs: Iterable[Mapping[str, Any]]) -> Trials:
    """Known configurations to evaluate first: `fmin(..., trials=initial_trials(space, configs))`.

    What `points_to_evaluate` is for, but for conditional spaces too: HyperOpt's own makes trials in
    which the inactive labels are missing, on which its TPE then fails.

    Raises ValueError for what is no configuration of the space, and for the one point that HyperOpt
    cannot reach (see above).
    """
    trials = Trials()
    for tid, config in enumerate(configs):
        vals = to_vals(space, config)
        _check_within_reach(space, config)
        document = generate_trial(tid, vals)
        document["misc"]["vals"] = vals
        document["misc"]["idxs"] = {label: [tid] if found else [] for label, found in vals.items()}
        trials.insert_trial_docs([document])
    trials.refresh()
    return trials


# -- branches -------------------------------------------------------------------------------------


def _conditions(space: SearchSpace) -> dict[str, list[Single]]:
    """The conditions on every searched parameter that has any."""
    found: dict[str, list[Single]] = {}
    for parameter in space.parameters:
        for condition in parameter.when.single() if parameter.when else ():
            if not isinstance(space[condition.name], Fixed):
                found.setdefault(condition.name, []).append(condition)
    return found


@functools.lru_cache(maxsize=32)  # a sweep asks for the same space with every trial
def _branches(space: SearchSpace) -> dict[str, list[_Branch]]:
    return {name: _branches_of(space[name], found) for name, found in _conditions(space).items()}


def _branches_of(parameter: Parameter, conditions: Sequence[Single]) -> list[_Branch]:
    assert not isinstance(parameter, Fixed)
    if isinstance(parameter, Choice):
        share = 1 / len(parameter.options)
        return [
            _Branch(number, number, share, _outcomes(conditions, option))
            for number, option in enumerate(parameter.options)
        ]
    if parameter.cells is None:
        return _cut(parameter, conditions)
    found: list[_Branch] = []
    for index in range(parameter.cells.count):
        at = parameter.cells.unit(index)
        start, end = parameter.cells.edges(index)
        outcomes = _outcomes(conditions, parameter.decode(at))
        if found and outcomes == found[-1].outcomes:
            share = found[-1].share + (end - start)
            found[-1] = _Branch(end - share, end, share, outcomes)
        else:
            found.append(_Branch(at, at, end - start, outcomes))
    return found


def _cut(parameter: Float | Int, conditions: Sequence[Single]) -> list[_Branch]:
    """A continuous range cut where a condition changes its mind."""
    bounds = {c.value for c in conditions if isinstance(c, AtLeast | AtMost)}
    inside = sorted(bound for bound in bounds if parameter.low < bound < parameter.high)
    ends = [0.0, *map(parameter.span.unit, inside), 1.0]
    return [
        _Branch(a, b, b - a, _outcomes(conditions, parameter.decode((a + b) / 2)))
        for a, b in itertools.pairwise(ends)
    ]


def _outcomes(conditions: Sequence[Single], value: Any) -> tuple[bool, ...]:
    return tuple(condition.tests(value) for condition in conditions)


def _chosen(
    space: SearchSpace,
    branches: Sequence[_Branch],
    parameter: Searched,
    raws: Mapping[str, Value],
) -> _Branch:
    """The branch of a coordinate; a value at a cut belongs where the conditions say the same."""
    raw = raws[parameter.name]
    near = [b for b in branches if b.first - EDGE <= raw <= b.last + EDGE]
    if len(near) > 1:
        value = parameter.decode(raw)  # type: ignore[arg-type]  # a Choice has one branch a number
        outcomes = _outcomes(_conditions(space)[parameter.name], value)
        near = [b for b in near if b.outcomes == outcomes] or near
    return near[0]


def _check_within_reach(space: SearchSpace, config: Mapping[str, Any]) -> None:
    raws = space.encode(config)
    conditions = _conditions(space)
    for name, branches in _branches(space).items():
        if name not in raws:
            continue
        parameter = next(p for p in space.searched if p.name == name)
        holds = _outcomes(conditions[name], config[name])
        if _chosen(space, branches, parameter, raws).outcomes != holds:
            told = " and ".join(
                f"'{c}'" for c, held in zip(conditions[name], holds, strict=True) if held
            )
            raise ValueError(
                f"{name}: HyperOpt cannot start at exactly {config[name]}, where {told} meet: move "
                "the value or one of the bounds a little"
            )


def _within(branch: _Branch, raw: Value) -> float:
    inside = (raw - branch.first) / (branch.last - branch.first)
    return min(max(inside, EDGE), 1 - EDGE)


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
            options.append(branch.first)
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
        at = _conditions(space)[parent.name].index(condition)
        outcomes = [branch.outcomes[at] for branch in branches[parent.name]]
        node = scope.switch(switches[parent.name], *(node if holds else None for holds in outcomes))
        node = _gated(space, parent, node, branches, switches)
    return node

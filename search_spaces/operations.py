"""The parameters of new spaces: prefix, override, fix, drop, tiers, zoom.

Each leaves its argument alone and returns the parameters of another space; the methods of
`SearchSpace` of the same names build that space, which checks them together.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search_spaces.checks import inherited, parents
from search_spaces.collection import Space
from search_spaces.conditions import AllOf, Condition, Is, OneOf
from search_spaces.parameters import Choice, Fixed, Float, Int, Parameter
from search_spaces.text import did_you_mean, is_count, is_number


def prefix(space: Space, prefix: str) -> list[Parameter]:
    """Every name, in conditions too, with `prefix` before it."""
    if not isinstance(prefix, str):
        raise ValueError(f"a prefix is a text such as 'encoder.', got {prefix!r}")

    def rename(name: str) -> str:
        return prefix + name

    return [
        dataclasses.replace(p, name=rename(p.name), when=p.when.renamed(rename) if p.when else None)
        for p in space.parameters
    ]


def override(space: Space, name: str, changes: Mapping[str, Any]) -> list[Parameter]:
    """One parameter with other fields; children that can never take part then are left out."""
    parameter = known(space, name)
    fields = [f.name for f in dataclasses.fields(parameter) if f.init and f.name != "name"]
    for change in changes:
        if change not in fields:
            raise ValueError(
                f"{name}: a {parameter.kind} has no {change!r}: {did_you_mean(change, fields)}"
            )
    return _replaced(space, dataclasses.replace(parameter, **changes))


def fix(space: Space, name: str, value: Any) -> list[Parameter]:
    """One parameter held at a value it could have."""
    return _replaced(space, held_at(known(space, name), value))


def drop(space: Space, names: Sequence[str]) -> list[Parameter]:
    """Without some parameters."""
    for name in names:
        known(space, name)
    kept = [p for p in space.parameters if p.name not in names]
    for parameter in kept:
        for name in parents(parameter):
            if name in names:
                raise ValueError(
                    f"{name}: cannot be dropped while {parameter.name} takes part when "
                    f"{parameter.when}: drop both, or fix {name}"
                )
    return kept


def tiers(space: Space, n: int) -> list[Parameter]:
    """The first n tiers searched, the rest (unranked ones too) held at their defaults.

    Held, not dropped: a configuration stays complete, and what a model trains with is written down.
    """
    if not is_count(n):
        raise ValueError(
            f"tiers must be a whole number, 1 or more, got {n!r}: 1 searches the most important "
            "only"
        )
    held = [
        p if p.tier is not None and p.tier <= n else held_at(p, p.default) for p in space.parameters
    ]
    if all(isinstance(p, Fixed) for p in held):
        ranked = sorted({p.tier for p in space.searched if p.tier is not None})
        raise ValueError(
            f"space {space.name!r} has nothing to search in its first {n} tiers: "
            + (f"its first one is {ranked[0]}" if ranked else "give its parameters a tier")
        )
    return possible(held)


def zoom(
    space: Space,
    configs: Iterable[Mapping[str, Any]],
    *,
    margin: float = 0.1,
    drop_options: bool = False,
) -> list[Parameter]:
    """Shrink every range to where the good configurations (best first) lie.

    In the scale's own coordinates: from their lowest to their highest unit coordinate, widened on
    either side by `margin` of the old range and cut at its ends. The best configuration becomes the
    default, so that it is tried first. Parameters that no good configuration has stay as they are,
    and so do choices, unless `drop_options` leaves out the options that none of them has.

    The result lies inside the old space and contains every one of `configs`.
    Source: A. Ng, "Tuning Process"; R. Dagli, coarse to fine.

    >>> from search_spaces import get
    >>> finer = get("mlp").zoom([get("mlp").fill({"learning_rate": 0.01})])
    >>> round(finer["learning_rate"].low, 6), round(finer["learning_rate"].high, 6)
    (0.003981, 0.025119)
    """
    if isinstance(configs, Mapping) or not isinstance(configs, Iterable):
        raise ValueError(f"zoom takes a list of good configurations, best first, got {configs!r}")
    good = [space.fill(config) for config in configs]
    if not good:
        raise ValueError(
            "zoom needs at least one good configuration, got none: give some, best first"
        )
    if not is_number(margin) or not 0 <= margin <= 1:
        raise ValueError(f"margin must be in 0 … 1 of the old range, got {margin!r}: 0.1 is usual")
    narrowed: list[Parameter] = []
    for parameter in space.parameters:
        values = [config[parameter.name] for config in good if parameter.name in config]
        if not values or isinstance(parameter, Fixed):
            narrowed.append(parameter)
        elif isinstance(parameter, Choice):
            narrowed.append(_zoomed_choice(parameter, values, drop_options))
        else:
            narrowed.append(_zoomed_number(parameter, values, margin))
    return possible(narrowed)


def _zoomed_choice(parameter: Choice, values: Sequence[Any], drop_options: bool) -> Parameter:
    if not drop_options:
        return dataclasses.replace(parameter, default=values[0])
    used = {parameter.encode(value) for value in values}
    options = [option for i, option in enumerate(parameter.options) if i in used]
    if len(options) == 1:
        return held_at(parameter, options[0])
    return dataclasses.replace(parameter, options=options, default=values[0])


def _zoomed_number(parameter: Float | Int, values: Sequence[Any], margin: float) -> Parameter:
    low, high = min(values), max(values)
    if margin > 0:
        # min and max: the good values stay inside whatever the last bit of the way back says
        low = min(parameter.decode(max(parameter.encode(low) - margin, 0.0)), low)
        high = max(parameter.decode(min(parameter.encode(high) + margin, 1.0)), high)
    if parameter.token(low) == parameter.token(high):
        return held_at(parameter, values[0])
    return dataclasses.replace(parameter, low=low, high=high, default=values[0])


def held_at(parameter: Parameter, value: Any) -> Fixed:
    """One parameter at a value it could have, and nothing else."""
    return Fixed(
        name=parameter.name,
        value=parameter.normal(value),
        tier=parameter.tier,
        source=parameter.source,
        when=parameter.when,
    )


def _replaced(space: Space, parameter: Parameter) -> list[Parameter]:
    changed = [parameter if p.name == parameter.name else p for p in space]
    left = possible(changed)
    if all(p.name != parameter.name for p in left):
        left = changed  # its own new condition is wrong: the space refuses it and says why
    return left


def possible(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Leave out what can never take part, and from conditions the options that are gone."""
    by_name = {p.name: p for p in parameters}
    before = dict(by_name)
    for parameter in parameters:
        conditions = inherited(parameter, before)
        if any(n in before and not before[n].could(*found) for n, found in conditions.items()):
            del by_name[parameter.name]
    return [
        dataclasses.replace(p, when=_trimmed(p.when, by_name)) if p.when else p
        for p in by_name.values()
    ]


def _trimmed(when: Condition, by_name: Mapping[str, Parameter]) -> Condition:
    conditions: list[Condition] = []
    for condition in when.single():
        parent = by_name.get(condition.name)
        if isinstance(condition, OneOf) and isinstance(parent, Choice | Int | Float):
            left = [v for v in condition.values if parent.could(Is(parent.name, v))]
            conditions.append(OneOf(condition.name, left))
        else:
            conditions.append(condition)
    return conditions[0] if len(conditions) == 1 else AllOf(*conditions)


def known(space: Space, name: str) -> Parameter:
    """The parameter of a name; ValueError with a suggestion when there is none."""
    if name not in space:
        raise ValueError(
            f"space {space.name!r} has no parameter {name!r}: {did_you_mean(name, space.names)}"
        )
    return space[name]

"""What must hold between the parameters of one space: names, conditions, no circles."""

from collections.abc import Mapping, Sequence

from search_spaces.conditions import Is, OneOf, Single
from search_spaces.parameters import Choice, Fixed, Float, Int, Parameter
from search_spaces.text import did_you_mean, show


def topological_order(space: str, parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Check the parameters together; return them with parents before children.

    The result *is* the tuple that was given when that is in order already.
    """
    if not isinstance(space, str) or not space:
        raise ValueError(f"a space needs a name, got {space!r}")
    by_name: dict[str, Parameter] = {}
    for parameter in parameters:
        if not isinstance(parameter, Float | Int | Choice | Fixed):
            raise ValueError(
                f"space {space!r} is made of Float, Int, Choice and Fixed, got {parameter!r}"
            )
        if parameter.name in by_name:
            raise ValueError(
                f"names must differ, but space {space!r} has {parameter.name!r} twice: rename or "
                "drop one, or use prefix()"
            )
        by_name[parameter.name] = parameter
    for parameter in parameters:
        _check_condition(parameter, by_name)
    order = _sorted(space, parameters)
    for parameter in parameters:
        _check_together(parameter, by_name)
    return order


def _check_condition(parameter: Parameter, by_name: dict[str, Parameter]) -> None:
    for condition in parameter.when.single() if parameter.when else ():
        parent = by_name.get(condition.name)
        if parent is None:
            raise ValueError(
                f"{parameter.name}: its condition '{condition}' is on an unknown parameter "
                f"{condition.name!r}: {did_you_mean(condition.name, by_name)}"
            )
        if isinstance(parent, Fixed):
            continue  # true or false for good: a fixed parent is how a space gets narrowed
        if not parent.could(condition):
            raise ValueError(
                f"{parameter.name}: its condition '{condition}' can never hold, {parent.name} is "
                f"{parent.describe()[0]}"
            )
        for value in condition.named() if isinstance(condition, Is | OneOf) else ():
            if not parent.could(Is(parent.name, value)):
                known = (
                    did_you_mean(show(value), map(show, parent.options))
                    if isinstance(parent, Choice)
                    else f"it is {parent.describe()[0]}"
                )
                raise ValueError(
                    f"{parameter.name}: its condition '{condition}' names {show(value)!r}, which "
                    f"{parent.name} does not have: {known}"
                )


def _check_together(parameter: Parameter, by_name: dict[str, Parameter]) -> None:
    for name, conditions in inherited(parameter, by_name).items():
        parent = by_name[name]
        if not isinstance(parent, Fixed) and not parent.could(*conditions):
            told = " and ".join(f"'{condition}'" for condition in conditions)
            raise ValueError(
                f"{parameter.name}: takes part only when {told} hold together, which can never be: "
                "change one of these conditions"
            )


def inherited(parameter: Parameter, by_name: Mapping[str, Parameter]) -> dict[str, list[Single]]:
    """All that holds when a parameter takes part, by the parameter looked at.

    Its own conditions and those of the parameters they look at, which must take part too.
    """
    found: dict[str, list[Single]] = {}
    waiting, seen = [parameter], {parameter.name}
    while waiting:
        when = waiting.pop().when
        for condition in when.single() if when else ():
            found.setdefault(condition.name, []).append(condition)
            if condition.name in by_name and condition.name not in seen:
                seen.add(condition.name)
                waiting.append(by_name[condition.name])
    return found


def _sorted(space: str, parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    placed: dict[str, Parameter] = {}
    waiting = list(parameters)
    while waiting:
        # the first one only: keeps the given order wherever that is possible
        ready = next((p for p in waiting if all(name in placed for name in parents(p))), None)
        if ready is None:
            circle = " → ".join(_circle(waiting))
            raise ValueError(
                f"conditions must not form a circle, but in space {space!r} they do: {circle}: "
                "drop one of these conditions"
            )
        placed[ready.name] = ready
        waiting.remove(ready)
    order = tuple(placed.values())
    return tuple(parameters) if list(order) == list(parameters) else order


def parents(parameter: Parameter) -> tuple[str, ...]:
    """The names that a parameter's condition looks at."""
    return tuple(one.name for one in parameter.when.single()) if parameter.when else ()


def _circle(waiting: Sequence[Parameter]) -> list[str]:
    by_name = {p.name: p for p in waiting}
    path = [waiting[0].name]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in parents(by_name[path[-1]]) if name in by_name))
    return path[path.index(path[-1]) :]

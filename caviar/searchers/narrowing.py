"""In words: how one search space differs from the one it was made of."""

from __future__ import annotations

from caviar.base.format import number
from search_spaces import Choice, Fixed, Parameter, SearchSpace


def lines(before: SearchSpace, after: SearchSpace) -> list[str]:
    """One line for each parameter of `before` or `after` whose values are others than before.

    >>> from search_spaces import get
    >>> mlp = get("mlp")
    >>> lines(mlp, mlp.zoom([mlp.default()], margin=0.1))[:2]
    ['learning_rate 0.0001 … 1 -> 0.003981 … 0.02512', 'momentum 0.9 … 0.999 -> 0.9 … 0.9369']
    """
    found = []
    for name in dict.fromkeys([*before.names, *after.names]):
        old = values(before[name]) if name in before else "not searched"
        new = values(after[name]) if name in after else "takes no part"
        if new != old:
            found.append(f"{name} {old} -> {new}")
    return found


def values(parameter: Parameter) -> str:
    """The values that a parameter can have."""
    if isinstance(parameter, Fixed):
        return f"{number(parameter.value)} fixed"
    if isinstance(parameter, Choice):
        return ", ".join(number(option) for option in parameter.options)
    return f"{number(parameter.low)} … {number(parameter.high)}"

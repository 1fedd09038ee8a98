"""Heaton's rules for the number of hidden units, from the sizes of input and output.

Source: ART (R. Dagli), after J. Heaton: between the output and the input size; two thirds of the
input plus the output; below twice the input.
"""

from search_spaces.numeric import Int
from search_spaces.text import is_count


def units(inputs: int, outputs: int) -> int:
    """2/3 · inputs + outputs, rounded.

    >>> units(784, 10)  # 2/3 · 784 + 10 = 532.67
    533
    """
    _check(inputs, outputs)
    return round(2 * inputs / 3 + outputs)


def bounds(inputs: int, outputs: int) -> tuple[int, int]:
    """The smallest and the largest number of units by the first and the third rule.

    From the smaller to the larger of the two sizes, and always below twice the input. Where 2/3 ·
    inputs + outputs lies above the larger size, the range reaches up to it as far as the third
    rule lets it.

    >>> bounds(784, 10)
    (10, 784)
    """
    _check(inputs, outputs)
    low, high = min(inputs, outputs), max(inputs, outputs, units(inputs, outputs))
    most = 2 * inputs - 1
    return min(low, most), min(high, most)


def hidden_units(name: str, inputs: int, outputs: int, *, tier: int | None = 2) -> Int:
    """The parameter by these rules, log where the range spans more than a decade.

    >>> hidden_units("units", 784, 10).scale
    'log'
    """
    low, high = bounds(inputs, outputs)
    if low == high:
        raise ValueError(
            f"{name}: Heaton's rules leave one value, {low}, for inputs={inputs} and "
            f"outputs={outputs}: use Fixed"
        )
    return Int(
        name=name,
        low=low,
        high=high,
        scale="log" if high > 10 * low else "linear",
        default=min(max(units(inputs, outputs), low), high),
        tier=tier,
        source=f"ART: Heaton's rules for {inputs} inputs and {outputs} outputs",
    )


def _check(inputs: int, outputs: int) -> None:
    for what, size in (("inputs", inputs), ("outputs", outputs)):
        if not is_count(size):
            raise ValueError(
                f"{what} must be a whole number, 1 or more, got {size!r}: take the size of one row "
                "of the data and the number of its classes"
            )

"""Parameters: Float and Int on a scale, Choice of any JSON value, Fixed.

Each knows its range, scale, default, tier of importance, source document and the condition under
which it takes part, and turns a coordinate ("raw") into its natural value and back:

    Float, Int   raw is in [0, 1], uniform there: see `search_spaces.scales`
    Choice       raw is the number of the option, 0 … len(options) - 1
    Fixed        has no raw: its value is known

    >>> momentum = Float(name="momentum", low=0.9, high=0.999, scale="log1m", default=0.9)
    >>> round(momentum.decode(0.5), 12)
    0.99
    >>> layers = Int(name="hidden_layers", low=2, high=4)
    >>> [layers.decode(raw) for raw in (0.0, 0.32, 0.34, 1.0)]
    [2, 2, 3, 4]
"""

from search_spaces.choice import Choice, Fixed
from search_spaces.numeric import Float, Int

__all__ = ["Choice", "Fixed", "Float", "Int", "Parameter", "Searched"]

Parameter = Float | Int | Choice | Fixed
Searched = Float | Int | Choice
"""A parameter that has a coordinate."""

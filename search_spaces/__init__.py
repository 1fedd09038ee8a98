"""What is searched: one definition of a space, in natural units, for every searcher.

from search_spaces import Choice, Float, Is, SearchSpace, get

space = get("mlp")                       # a built-in one
space = get("my_package.spaces:mine")    # or your own
space.sample(numpy.random.default_rng(0))
"""

from search_spaces.collection import Config
from search_spaces.conditions import AllOf, AtLeast, AtMost, Condition, Is, OneOf
from search_spaces.parameters import Choice, Fixed, Float, Int, Parameter, Searched
from search_spaces.registry import depends_on_data, get, names, summary
from search_spaces.scales import Scale, ScaleName
from search_spaces.space import SearchSpace

__all__ = [
    "AllOf",
    "AtLeast",
    "AtMost",
    "Choice",
    "Condition",
    "Config",
    "Fixed",
    "Float",
    "Int",
    "Is",
    "OneOf",
    "Parameter",
    "Scale",
    "ScaleName",
    "SearchSpace",
    "Searched",
    "depends_on_data",
    "get",
    "names",
    "summary",
]

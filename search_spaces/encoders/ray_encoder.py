"""A space for Ray Tune's own random sampler.

All parameters are sampled, each on its coordinate and independently; `decode` drops the inactive
ones. That gives the same joint distribution as drawing them by their conditions, and avoids Ray's
nested domains, which its searchers treat differently.
"""

from collections.abc import Mapping
from typing import Any

from ray.tune.search.sample import Domain, choice, uniform

from search_spaces.collection import Config
from search_spaces.parameters import Choice
from search_spaces.space import SearchSpace


def encode(space: SearchSpace) -> dict[str, Domain]:
    """The `param_space` of a Tuner: one domain a searched parameter, in coordinates.

    What a trial gets from it goes through `decode` before a person or a model sees it.
    """
    return {
        p.name: choice(list(range(len(p.options)))) if isinstance(p, Choice) else uniform(0.0, 1.0)
        for p in space.searched
    }


def decode(space: SearchSpace, sampled: Mapping[str, Any]) -> Config:
    """The configuration at the coordinates that Ray drew."""
    return space.decode(sampled)

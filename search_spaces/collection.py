"""What a space is to the modules below it: a name and an ordered collection of parameters."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from search_spaces.parameters import Parameter, Searched

Config = dict[str, Any]
"""A configuration: natural values by the names of their parameters."""


class Space(Protocol):
    """What operations, storage and table ask of a `SearchSpace`, which is built on them."""

    @property
    def name(self) -> str:
        """The space's name."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, in order."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def searched(self) -> tuple[Searched, ...]:
        """Those with a coordinate."""

    def __getitem__(self, name: str) -> Parameter: ...

    def __contains__(self, name: object) -> bool: ...

    def __iter__(self) -> Iterator[Parameter]: ...

    def fill(self, partial: Mapping[str, Any]) -> Config:
        """A complete configuration: what is given, and the defaults of the rest."""

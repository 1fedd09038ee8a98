"""SearchSpace: an ordered, immutable collection of parameters, and what configurations of it are.

A configuration is a plain dict of natural values. A parameter whose condition does not hold is
absent from it, not None. Coordinates ("raw") become natural values in `SearchSpace.walk` and
nowhere else.

    >>> from search_spaces import Choice, Float, Is, SearchSpace
    >>> space = SearchSpace("mine", [
    ...     Float(name="learning_rate", low=1e-4, high=1.0, scale="log"),
    ...     Choice(name="optimizer", options=["adam", "sgd"]),
    ...     Float(name="momentum", low=0.9, high=0.999, scale="log1m", default=0.9,
    ...           when=Is("optimizer", "sgd")),
    ... ])
    >>> space.default()
    {'learning_rate': 0.01, 'optimizer': 'adam'}
    >>> config = space.decode({"learning_rate": 0.25, "optimizer": 1, "momentum": 0.5})
    >>> config["optimizer"], round(config["momentum"], 9)
    ('sgd', 0.99)
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

import numpy as np

from search_spaces import operations, storage, table
from search_spaces.checks import topological_order
from search_spaces.choice import Choice, Fixed
from search_spaces.collection import Config
from search_spaces.numeric import Float, Int
from search_spaces.parameters import Parameter, Searched
from search_spaces.text import did_you_mean

Key = tuple[tuple[str, int | float], ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SearchSpace:
    """A named, ordered, immutable collection of parameters; everything is checked here, at once.

    Args:
        name: of the space; not empty.
        parameters: `Float`, `Int`, `Choice` and `Fixed`, in any order, with names that differ.

    Raises:
        ValueError: a name occurs twice, or a condition is on an unknown parameter, can never hold
            or is part of a circle.
    """

    name: str
    parameters: tuple[Parameter, ...]
    _by_name: dict[str, Parameter] = field(init=False)
    _order: tuple[Parameter, ...] = field(init=False)  # parents before their children
    _conditional: bool = field(init=False)

    def __init__(self, name: str, parameters: Iterable[Parameter]) -> None:
        """Raises ValueError for duplicate names, unknown or impossible conditions, and circles."""
        if not isinstance(parameters, Iterable) or isinstance(parameters, str | Mapping):
            raise ValueError(
                f"space {name!r} is made of a list of parameters, got {parameters!r}: "
                "SearchSpace(name, [...])"
            )
        parameters = tuple(parameters)
        order = topological_order(name, parameters)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "parameters", parameters)
        object.__setattr__(self, "_by_name", {p.name: p for p in parameters})
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_conditional", any(p.when for p in parameters))

    # -- a collection -----------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters, in order."""
        return tuple(self._by_name)

    @property
    def conditional(self) -> bool:
        """Whether any parameter has a condition."""
        return self._conditional

    @property
    def searched(self) -> tuple[Searched, ...]:
        """The parameters that have a coordinate: all but the fixed ones."""
        return tuple(p for p in self.parameters if not isinstance(p, Fixed))

    @property
    def order(self) -> tuple[Parameter, ...]:
        """The parameters, parents before the ones whose condition looks at them."""
        return self._order

    def __getitem__(self, name: str) -> Parameter:
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyError(self._unknown(name)) from None

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SearchSpace) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.name, self.names))  # cheap: spaces are keys of caches

    def __repr__(self) -> str:
        return f"SearchSpace({self.name!r}, {len(self)} parameters: {', '.join(self.names)})"

    def __str__(self) -> str:
        return table.text(self)

    def _unknown(self, name: str) -> str:
        return f"space {self.name!r} has no parameter {name!r}: {did_you_mean(name, self.names)}"

    # -- configurations ---------------------------------------------------------------------------

    def walk(self, draw: Callable[[Searched], Any]) -> Config:
        """Build a configuration, asking `draw` for the coordinate of every active parameter.

        The one place where coordinates become natural values and conditions are looked at. Parents
        are asked for before their children, inactive parameters not at all.
        """
        found: Config = {}
        for parameter in self._order:
            if parameter.when is None or parameter.when.holds(found):
                if isinstance(parameter, Fixed):
                    found[parameter.name] = parameter.default
                else:
                    found[parameter.name] = parameter.decode(draw(parameter))
        return self._arranged(found)

    def decode(self, raw: Mapping[str, Any]) -> Config:
        """The configuration at these coordinates; those of inactive parameters are dropped.

        raw: for a Float or an Int a number in [0, 1], for a Choice the number of the option.
        Raises ValueError when one is missing, unknown or out of range.
        """
        for name in raw:
            if name not in self._by_name:
                raise ValueError(self._unknown(name))

        def draw(parameter: Searched) -> Any:
            if parameter.name not in raw:
                raise ValueError(f"{parameter.name}: no coordinate given, but it is active")
            return raw[parameter.name]

        return self.walk(draw)

    def encode(self, config: Mapping[str, object]) -> dict[str, Any]:
        """The coordinates of a configuration: `decode(encode(config))` is `config` again."""
        self.validate(config)
        return {p.name: p.encode(config[p.name]) for p in self.searched if p.name in config}

    def default(self) -> Config:
        """The configuration of all defaults: the baseline a sweep has to beat."""
        return self.fill({})

    def sample(self, rng: np.random.Generator) -> Config:
        """One random configuration, every coordinate uniform: what all backends must agree with.

        The same number of random numbers is drawn whatever is active.

        >>> from search_spaces import get
        >>> get("mlp").sample(np.random.default_rng(0))["hidden_layers"]
        2
        """
        draws = {
            p.name: int(rng.integers(len(p.options))) if isinstance(p, Choice) else rng.random()
            for p in self.searched
        }
        return self.decode(draws)

    def active(self, config: Mapping[str, object]) -> tuple[Parameter, ...]:
        """The parameters that take part in a configuration, in order."""
        return tuple(p for p in self.parameters if p.when is None or p.when.holds(config))

    def validate(self, config: Mapping[str, object]) -> None:
        """Raises ValueError, naming the parameter, unless this is a configuration of this space."""
        self.complete(config)

    def complete(self, config: Mapping[str, object]) -> Config:
        """The configuration in this space's own types and order; ValueError as from `validate`."""
        return self._normal(config, fill=False)

    def fill(self, partial: Mapping[str, object]) -> Config:
        """A whole configuration: what is given, and the defaults of the rest that is active.

        >>> from search_spaces import get
        >>> get("mlp").fill({"hidden_layers": 3})["units_3"]
        100
        """
        return self._normal(partial, fill=True)

    def _normal(self, config: Mapping[str, object], *, fill: bool) -> Config:
        if not isinstance(config, Mapping):
            raise ValueError(
                f"a configuration of space {self.name!r} is a dict from names to values, got "
                f"{config!r}"
            )
        found: Config = {}
        for parameter in self._order:
            name = parameter.name
            if parameter.when is not None and not parameter.when.holds(found):
                if name in config:
                    raise ValueError(
                        f"{name}: only takes part when {parameter.when}, got {config[name]!r}: "
                        "leave it out"
                    )
            elif name in config:
                found[name] = parameter.normal(config[name])
            elif fill:
                found[name] = parameter.default
            else:
                raise ValueError(f"{name}: missing from the configuration, give it a value")
        for name in config:
            if name not in self._by_name:
                raise ValueError(self._unknown(name))
        return self._arranged(found)

    def _arranged(self, found: Config) -> Config:
        if self._order is self.parameters:
            return found
        return {name: found[name] for name in self._by_name if name in found}

    def key(self, config: Mapping[str, object]) -> Key:
        """A hashable that equal configurations share, float noise (1e-9 of the range) aside."""
        config = self.complete(config)
        return tuple((name, self._by_name[name].token(value)) for name, value in config.items())

    def same(self, a: Mapping[str, object], b: Mapping[str, object]) -> bool:
        """Whether two configurations would train the same model."""
        return self.key(a) == self.key(b)

    # -- other spaces -----------------------------------------------------------------------------

    def compose(
        self, *others: Union["SearchSpace", Parameter], name: str | None = None
    ) -> "SearchSpace":
        """This space and others as one; no name may occur twice.

        Args:
            others: spaces and parameters, which follow in this order.
            name: of the new space; the spaces' names joined by + by default.

        Raises:
            ValueError: two parameters have one name, or something is neither space nor parameter.
        """
        parameters = list(self.parameters)
        names = [self.name]
        for other in others:
            if isinstance(other, SearchSpace):
                parameters.extend(other.parameters)
                names.append(other.name)
            elif isinstance(other, Float | Int | Choice | Fixed):
                parameters.append(other)
            else:
                raise ValueError(f"compose joins spaces and parameters, got {other!r}")
        return SearchSpace(name or "+".join(names), parameters)

    def __add__(self, other: Union["SearchSpace", Parameter]) -> "SearchSpace":
        if not isinstance(other, SearchSpace | Float | Int | Choice | Fixed):
            return NotImplemented
        return self.compose(other)

    def named(self, name: str) -> "SearchSpace":
        """The same parameters under another name."""
        return SearchSpace(name, self.parameters)

    def prefix(self, prefix: str) -> "SearchSpace":
        """Every parameter renamed to `prefix + name`, conditions included."""
        return SearchSpace(self.name, operations.prefix(self, prefix))

    def override(self, name: str, **changes: Any) -> "SearchSpace":
        """One parameter with some fields changed: low, high, scale, default, options, tier, …"""
        return SearchSpace(self.name, operations.override(self, name, changes))

    def fix(self, name: str, value: Any) -> "SearchSpace":
        """One parameter held at a value; parameters that can never take part then are left out.

        Args:
            name: of the parameter.
            value: one that it can have, in natural units.

        Raises:
            ValueError: there is no such parameter, or it cannot have the value.
        """
        return SearchSpace(self.name, operations.fix(self, name, value))

    def drop(self, *names: str) -> "SearchSpace":
        """Without these parameters; refused while another's condition looks at one of them."""
        return SearchSpace(self.name, operations.drop(self, names))

    def tiers(self, n: int) -> "SearchSpace":
        """Search the first n tiers of importance only; all else is held at its default.

        Args:
            n: 1 or more.

        Raises:
            ValueError: n is no such number, or these tiers have nothing to search.
        """
        return SearchSpace(self.name, operations.tiers(self, n))

    def zoom(
        self,
        configs: Iterable[Mapping[str, Any]],
        *,
        margin: float = 0.1,
        drop_options: bool = False,
    ) -> "SearchSpace":
        """Shrink to the region of good configurations; see `operations.zoom`.

        Args:
            configs: at least one, the best first: it becomes the default.
            margin: added on either side, a share of the old range within 0 … 1; 0.1 by default.
            drop_options: whether options that no good configuration has are left out.

        Raises:
            ValueError: no configurations, one that is not of this space, or a margin out of range.
        """
        parameters = operations.zoom(self, configs, margin=margin, drop_options=drop_options)
        return SearchSpace(self.name, parameters)

    # -- to look at and to keep -------------------------------------------------------------------

    def rows(self) -> list[tuple[str, ...]]:
        """One row of texts a parameter, in the columns of `search_spaces.table.COLUMNS`."""
        return table.rows(self)

    def to_json(self) -> dict[str, Any]:
        """Everything about this space as JSON types."""
        return storage.to_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SearchSpace":
        """The space that `to_json` wrote; checked like any other."""
        return cls(*storage.from_json(data))

    def save(self, path: str | Path) -> None:
        """Write it to a JSON file."""
        storage.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> "SearchSpace":
        """Read it from a JSON file; ValueError, naming the file, when that holds none."""
        try:
            return cls(*storage.from_json(storage.read(path)))
        except ValueError as error:  # json's own error is one
            raise ValueError(f"{path} holds no search space: {error}") from None

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits, equal for spaces with the same configurations and distribution.

        Names, ranges, scales, defaults and conditions count; tiers, sources and the space's own
        name do not.
        """
        described = [
            {key: value for key, value in entry.items() if key not in ("tier", "source")}
            for entry in self.to_json()["parameters"]
        ]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]

"""Choice and Fixed: JSON values, one of several or one alone."""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from search_spaces.conditions import AtLeast, AtMost, Single
from search_spaces.described import UNSET, Described
from search_spaces.text import as_json, canonical, is_number, own, show


def _is_whole(raw: object) -> bool:
    return isinstance(raw, numbers.Integral) and not isinstance(raw, bool)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice(Described):
    """One of several JSON values, each with the same chance.

    Args:
        name: letters, digits, "_" and ".": its key in a configuration.
        options: JSON values that differ, at least one.
        default: option of the default configuration; the first by default.
        tier: order of importance, 1 first; None, the default, when the source gives none.
        source: the document that gives the range, and a remark; empty by default.
        when: the condition under which it takes part; None, the default, for always.

    Raises:
        ValueError: no options, equal ones, one that is no JSON value, or a default that is none.

    >>> Choice(name="filters", options=[[32, 64], [64, 128]]).decode(1)
    [64, 128]
    """

    kind: ClassVar[str] = "choice"

    options: Sequence[Any]
    default: Any = UNSET
    _number: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.check_description()
        if isinstance(self.options, str) or not isinstance(self.options, Sequence):
            raise self.refuse(f"options must be a list, got {self.options!r}")
        if not self.options:
            raise self.refuse("a choice needs at least one option, got none")
        try:
            self.put("options", tuple(as_json(option) for option in self.options))
        except TypeError as error:
            raise self.refuse(
                f"options must be JSON values, but {error}: name it by a text"
            ) from None
        self.put("_number", {canonical(option): i for i, option in enumerate(self.options)})
        if len(self._number) < len(self.options):
            raise self.refuse(f"options must differ, got {[show(o) for o in self.options]}")
        default = self.options[0] if self.default is UNSET else self.default
        try:
            self.put("default", self.normal(default))
        except ValueError as error:
            raise ValueError(f"{error} (it is the default: give another one)") from None

    def decode(self, raw: int) -> Any:
        """The option of a number."""
        if not _is_whole(raw):
            raise self.refuse(f"the number of an option must be whole, got {raw!r}")
        if not 0 <= raw < len(self.options):
            raise self.refuse(
                f"the number of an option must be in 0 … {len(self.options) - 1}, got {raw}"
            )
        return own(self.options[raw])

    def encode(self, value: object) -> int:
        """The number of an option."""
        try:
            return self._number[canonical(value)]
        except (KeyError, TypeError):
            options = ", ".join(show(option) for option in self.options)
            raise self.refuse(f"must be one of {options}, got {value!r}") from None

    def normal(self, value: object) -> Any:
        """The option as the space holds it; ValueError when there is none like it."""
        return own(self.options[self.encode(value)])

    def token(self, value: object) -> int:
        """What makes two values the same one: the number of the option."""
        return self.encode(value)

    def grid(self, points: int) -> tuple[Any, ...]:
        """All options: a choice has no order in which some could be left out."""
        return tuple(own(option) for option in self.options)

    def could(self, *conditions: Single) -> bool:
        """Whether these conditions on this parameter hold together for any of its options."""
        for condition in conditions:
            if isinstance(condition, AtLeast | AtMost) and not all(map(is_number, self.options)):
                raise self.refuse(
                    f"'{condition}' compares numbers, but the options are not all numbers: "
                    "use Is or OneOf"
                )
        return any(all(c.tests(option) for c in conditions) for option in self.options)

    def describe(self) -> tuple[str, str]:
        """Options, and the word for their scale."""
        return ", ".join(show(option) for option in self.options), "choice"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fixed(Described):
    """One JSON value that is part of every configuration (where its condition holds).

    Args:
        name: letters, digits, "_" and ".": its key in a configuration.
        value: the JSON value.
        tier: order of importance, 1 first; None, the default, when the source gives none.
        source: the document that gives the range, and a remark; empty by default.
        when: the condition under which it takes part; None, the default, for always.

    Raises:
        ValueError: the value is no JSON value, or the name is not made of these characters.
    """

    kind: ClassVar[str] = "fixed"

    value: Any

    def __post_init__(self) -> None:
        self.check_description()
        try:
            self.put("value", as_json(self.value))
        except TypeError as error:
            raise self.refuse(f"value must be a JSON value, but {error}") from None

    @property
    def default(self) -> Any:
        """Its value."""
        return own(self.value)

    def normal(self, value: object) -> Any:
        """The value; ValueError when it is another one."""
        try:
            same = canonical(value) == canonical(self.value)
        except TypeError:
            same = False
        if not same:
            raise self.refuse(f"is fixed at {show(self.value)}, got {value!r}")
        return own(self.value)

    def token(self, value: object) -> int:
        """Nothing distinguishes two of them."""
        self.normal(value)
        return 0

    def grid(self, points: int) -> tuple[Any, ...]:
        """The one value."""
        return (own(self.value),)

    def could(self, *conditions: Single) -> bool:
        """Whether all of these conditions on this parameter hold."""
        return all(condition.tests(self.value) for condition in conditions)

    def describe(self) -> tuple[str, str]:
        """The value, and the word for its scale."""
        return show(self.value), "fixed"

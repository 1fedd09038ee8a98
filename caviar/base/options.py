"""The base of all options of a part: every field has the type that it says."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import ClassVar

from caviar.base.errors import UsageError
from caviar.base.option_types import converted, fits, in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a searcher or of a scheduler.

    A class that has checks of its own in `__post_init__` begins them with
    `Options.__post_init__(self)`.

    Raises:
        UsageError: where a value is not of the type of its field, whether it comes from Python or
            from the command line.
    """

    part: ClassVar[str] = ""
    """Of a sweep: `searcher` or `scheduler`, which begins the name of each option."""

    def __post_init__(self) -> None:
        kinds = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            kind, given = kinds[field.name], getattr(self, field.name)
            value = of_its_type(self.option(field.name), given, kind)
            object.__setattr__(self, field.name, value)

    @classmethod
    def option(cls, field: str) -> str:
        """The full name of an option: `--scheduler.min-epochs` for `min_epochs`."""
        dot = "." if cls.part else ""
        return f"--{cls.part}{dot}{field.replace('_', '-')}"

    def at_least(self, least: float, *fields: str) -> None:
        """Raise `UsageError` where one of these is below `least`."""
        for field in fields:
            value = getattr(self, field)
            if value is not None and value < least:
                raise UsageError(
                    f"{self.option(field)} must be at least {least:g}, and it is {value}."
                )


def of_its_type(option: str, given: object, kind: object) -> object:
    """What was given for an option, of its type.

    Raises:
        UsageError: where it is of another one.
    """
    value: object = converted(given, kind)
    if not fits(value, kind):
        words = "True or False" if kind is bool else in_words(kind)
        raise UsageError(f"{option} takes {words}, and it got {given!r}.")
    return value

"""What every parameter has: a name, a tier of importance, a source and a condition."""

import re
from dataclasses import dataclass
from typing import Any

from search_spaces.conditions import AllOf, AtLeast, AtMost, Condition, Is, OneOf
from search_spaces.text import is_count


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()
"""The default of `default`: the middle of the scale, or the first option."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """What every parameter has."""

    name: str
    """Letters, digits, "_" and "."; the key in the configuration."""
    tier: int | None = None
    """Order of importance, 1 first; None: not ranked by the source."""
    source: str = ""
    """Which document says so, and a remark."""
    when: Condition | None = None
    """The parameter takes part only when this holds; None: always."""

    def check_description(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(
                f"a parameter's name is made of letters, digits, '_' and '.', and starts with a "
                f"letter or '_', got {self.name!r}: rename it"
            )
        if self.tier is not None and not is_count(self.tier):
            raise self.refuse(
                f"tier must be a whole number, 1 or more, got {self.tier!r}: 1 is the first"
            )
        if not isinstance(self.source, str):
            raise self.refuse(f"source must be a text, got {self.source!r}: name the document")
        if self.when is not None and not isinstance(
            self.when, Is | OneOf | AtLeast | AtMost | AllOf
        ):
            raise self.refuse(
                f"when must be Is, OneOf, AtLeast, AtMost or AllOf, got {self.when!r}: a function "
                "could neither be printed nor saved"
            )

    def refuse(self, why: str) -> ValueError:
        return ValueError(f"{self.name}: {why}")

    def put(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # frozen: only __post_init__ may, once

"""What is remembered of each night: `night.json` in its folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from caviar.nightly.comparison import Score
from caviar.store import layout
from search_spaces import Config

FILE = "night.json"
End = Literal["better", "same", "worse", "failed", "cut off"]
"""How a night ended: its winner against the champion, or that there is none to compare."""
CUT_OFF: End = "cut off"
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}(-\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One night that has ended, however it did."""

    night: str
    """Its folder: its date, with a number where a day has several."""
    verdict: End
    sentence: str = ""
    """The verdict in words."""
    metric: str = ""
    winner: Score | None = None
    """Tonight's winner, trained again."""
    config: Config | None = None
    defender: Score | None = None
    """The reigning champion, trained again on the same night."""
    reigning: Score | None = None
    """The champion's score after the night."""
    trials: Mapping[str, int] = field(default_factory=dict)
    """How many ended how, with their total."""
    epochs: int | None = None
    seconds: float | None = None
    conditions: Mapping[str, object] = field(default_factory=dict)
    """Options, versions and commit: what a difference between two nights may come from."""
    error: str | None = None

    def write(self, folder: Path) -> None:
        """Into the folder of the night."""
        layout.write_json(asdict(self), folder / self.night / FILE)


def read(folder: Path) -> list[Night]:
    """The nights in `folder`, the oldest first; folders with other names than theirs are none.

    One without a `night.json` was cut off and not continued; one whose file is damaged is shown as
    that, with the reason.
    """
    found = []
    for options in sorted(folder.glob(f"*/{layout.OPTIONS}")):
        name = options.parent.name
        if _NAME.fullmatch(name) is None:
            continue
        try:
            value = json.loads((options.parent / FILE).read_text())
            if value["verdict"] not in get_args(End):
                raise ValueError(value["verdict"])
            for key in ("winner", "defender", "reigning"):
                value[key] = None if value[key] is None else Score(**value[key])
            found.append(Night(**value))
        except FileNotFoundError:
            found.append(Night(night=name, verdict=CUT_OFF))
        except (KeyError, TypeError, ValueError) as error:  # ValueError: not JSON, not UTF-8 too
            found.append(Night(night=name, verdict="failed", error=f"{FILE} is damaged: {error!r}"))
    return sorted(found, key=lambda night: order(night.night))


def order(night: str) -> tuple[str, int]:
    """2026-11-21 before 2026-11-21-2 before 2026-11-21-10."""
    date, _, number = night[:10], night[10:11], night[11:]
    return date, int(number) if number.isdigit() else 1


def score(found: Score | None) -> str:
    """As a person reads it."""
    return "" if found is None else f"{found.mean:.4g} ± {found.std:.2g} ({found.seeds} seeds)"

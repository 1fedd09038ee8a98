"""The reigning champion: `champion.json` and its checkpoint, and who takes the title."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from caviar.base.errors import UsageError
from caviar.nightly.comparison import Score
from caviar.store import layout
from search_spaces import Config

FILE = "champion.json"
FOLDER = "champion"
"""Its checkpoint, copied: the night it comes from is tidied up some day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The best configuration of all nights, by a score that was checked with several seeds."""

    config: Config
    metric: str
    score: Score
    """On the night of its title, or of its last defence under changed conditions."""
    night: str
    """The folder of the night it comes from."""
    trial: int | None
    """Its trial in that night; None for one that an earlier night had found."""
    since: str
    """When it took the title, ISO 8601."""
    commit: str | None
    """The git commit of that night; None outside a repository."""

    def write(self, folder: Path, checkpoint: Path | None) -> None:
        """Put it into the folder of the nights, whole or not at all, with its checkpoint.

        Without one no checkpoint stays there: it would be that of the champion before.
        """
        kept = folder / FOLDER
        if checkpoint is None:
            shutil.rmtree(kept, ignore_errors=True)  # the weights of the one before
        else:
            part = kept.with_name(kept.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(checkpoint, part)
            shutil.rmtree(kept, ignore_errors=True)
            part.rename(kept)
        value = {
            "config": dict(self.config),
            "metric": self.metric,
            "score": self.score.to_json(),
            "night": self.night,
            "trial": self.trial,
            "since": self.since,
            "commit": self.commit,
            "checkpoint": FOLDER if kept.is_dir() else None,
            "history": f"{self.night}/{layout.HISTORY}",
        }
        layout.write_json(value, folder / FILE)


def read(folder: Path) -> Champion | None:
    """The champion of the nights in `folder`; None before the first.

    Raises `UsageError` where its file is damaged: it is not replaced without being beaten.
    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text())
        return Champion(
            config=found["config"],
            metric=found["metric"],
            score=Score(**found["score"]),
            night=found["night"],
            trial=found["trial"],
            since=found["since"],
            commit=found["commit"],
        )
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is damaged ({error!r}): put it back as it was, or remove it and let the next "
            "night crown another."
        ) from error

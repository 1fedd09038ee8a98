"""`nights.html`: every night on one page: the trend, the cost, the failures, what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2

from caviar.base.format import duration, how_it_ended
from caviar.base.trials import CANNOT_WIN
from caviar.nightly import night_file
from caviar.nightly.night_file import Night

FILE = "nights.html"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 900, 260, 60, 14, 30  # pixels of the chart
_TICKS = 5
_LABELS = 12  # more dates than these do not fit below the dots


def write(folder: Path, nights: Sequence[Night]) -> Path:
    """Write the page of the nights in `folder`, the oldest first; self-contained."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    text = environment.get_template("nights.html.j2").render(
        name=folder.name,
        metric=next((n.metric for n in reversed(nights) if n.metric), ""),
        verdict=nights[-1].sentence if nights else "No night has ended yet.",
        nights=[_row(n, before) for n, before in zip(nights, [None, *nights], strict=False)],
        chart=_chart(nights),
    )
    path = folder / FILE
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)
    return path


def _row(night: Night, before: Night | None) -> dict[str, object]:
    failures = {outcome: night.trials.get(outcome.value, 0) for outcome in CANNOT_WIN}
    return {
        "night": night.night,
        "verdict": night.verdict,
        "winner": night_file.score(night.winner),
        "champion": night_file.score(night.defender),
        "trials": night.trials.get("total", ""),
        "epochs": night.epochs if night.epochs is not None else "",
        "time": "" if night.seconds is None else duration(night.seconds),
        "failures": ", ".join(
            f"{count} {how_it_ended(outcome)}" for outcome, count in failures.items() if count
        ),
        "changes": [] if before is None else changes(before, night),
        "error": night.error,
    }


def changes(before: Night, night: Night) -> list[str]:
    """What is not as it was the night before: options, versions, the commit."""
    found = []
    for what in sorted({*before.conditions, *night.conditions}):
        old, new = before.conditions.get(what), night.conditions.get(what)
        if old != new:
            found.append(f"{what}: {_short(old)} → {_short(new)}")
    return found


def _short(value: object) -> str:
    return "none" if value is None else str(value)


def _chart(nights: Sequence[Night]) -> Mapping[str, object]:
    """Where everything is drawn, in pixels; without dots where no night has a winner."""
    scored = [(night, night.winner) for night in nights if night.winner is not None]
    chart: dict[str, object] = {
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "ticks": [],
        "reign": "",
    }
    if not scored:
        return chart | {"dots": []}
    reign = [night.reigning for night, _ in scored if night.reigning is not None]
    ends = [s.mean + sign * s.std for _, s in scored for sign in (-1, 1)] + [s.mean for s in reign]
    low, high = min(ends), max(ends)
    margin = 0.08 * (high - low) or 0.01 * abs(high) or 1.0
    low, high = low - margin, high + margin

    def y(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    step = (_WIDTH - _LEFT - 40) / max(1, len(scored) - 1)
    every = -(-len(scored) // _LABELS)
    dots, line = [], []
    for i, (night, winner) in enumerate(scored):
        x = round(_LEFT + 20 + i * step, 1)
        dots.append(
            {
                "x": x,
                "y": y(winner.mean),
                "high": y(winner.mean + winner.std),
                "low": y(winner.mean - winner.std),
                "verdict": night.verdict,
                "label": night.night if i % every == 0 else "",
                "title": f"{night.night}: {night_file.score(winner)}, {night.verdict}",
            }
        )
        if night.reigning is not None:
            line.append(f"{x},{y(night.reigning.mean)}")
    ticks = [low + (high - low) * i / (_TICKS - 1) for i in range(_TICKS)]
    return chart | {
        "dots": dots,
        "reign": " ".join(line),
        "ticks": [{"y": y(value), "label": f"{value:.4g}"} for value in ticks],
    }

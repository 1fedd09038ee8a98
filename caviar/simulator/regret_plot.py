"""Regret over the budget as an SVG picture: one panel a table and number of workers."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WIDTH, _HEIGHT = 330, 230  # of a panel with its margins, in pixels
_LEFT, _TOP, _RIGHT, _BOTTOM = 48, 34, 12, 40
_COLOURS = ("#4c78a8", "#e45756", "#54a24b", "#b279a2", "#f58518", "#72b7b2", "#9d755d", "#888888")
_DASHES = ("", "6 3", "2 3")  # beyond eight lines the colours come again, dashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One pair of axes. `lines`: name to [seeds, points] of regret."""

    title: str
    budget: float
    """What the last point stands for, in full trainings."""
    lines: Mapping[str, Floats]


def draw(title: str, rows: Sequence[Sequence[Panel]]) -> str:
    """The picture as one self-contained SVG document; the band is ± a standard error."""
    names = list(dict.fromkeys(name for row in rows for panel in row for name in panel.lines))
    width = max(len(row) for row in rows) * _WIDTH
    legend = 24 * -(-len(names) // max(1, width // 220))
    head = 30 + legend
    height = head + len(rows) * _HEIGHT + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        _text(12, 20, title, size=14),
        *_legend(names, width),
    ]
    for i, row in enumerate(rows):
        for j, panel in enumerate(row):
            parts.append(f'<g transform="translate({j * _WIDTH},{head + i * _HEIGHT})">')
            parts += _panel(panel, names, f"clip{i}-{j}")
            parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _legend(names: Sequence[str], width: int) -> list[str]:
    columns = max(1, width // 220)
    found = []
    for number, name in enumerate(names):
        x, y = 12 + number % columns * 220, 40 + number // columns * 24
        found.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 24}" y2="{y - 4}" {_stroke(number)}/>')
        found.append(_text(x + 30, y, name))
    return found


def _panel(panel: Panel, names: Sequence[str], clip: str) -> list[str]:
    across, up = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    top = _top(panel)
    parts = [
        _text(_LEFT, _TOP - 10, panel.title, size=12),
        f'<clipPath id="{clip}"><rect x="{_LEFT}" y="{_TOP}" width="{across}" '
        f'height="{up}"/></clipPath>',
        f'<rect x="{_LEFT}" y="{_TOP}" width="{across}" height="{up}" fill="none" stroke="#999"/>',
        _text(_LEFT + across / 2, _HEIGHT - 8, "budget spent, full trainings", anchor="middle"),
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, y = _LEFT + share * across, _TOP + (1 - share) * up
        parts.append(
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + across}" y2="{y:.1f}" stroke="#eee"/>'
        )
        parts.append(_text(x, _TOP + up + 14, f"{share * panel.budget:.3g}", anchor="middle"))
        parts.append(_text(_LEFT - 5, y + 4, f"{share * top:.2g}", anchor="end"))
    for name, regret in panel.lines.items():
        points = regret.shape[1]
        x = _LEFT + across * (np.arange(points) + 1) / points
        mean, error = mean_and_error(regret)
        shown = np.isfinite(mean)
        if not shown.any():
            continue
        x, mean, error = x[shown], mean[shown], np.nan_to_num(error[shown])
        high, low = (_TOP + up * (1 - (mean + sign * error) / top) for sign in (1, -1))
        number = names.index(name)
        parts.append(
            f'<polygon clip-path="url(#{clip})" fill="{_COLOURS[number % len(_COLOURS)]}" '
            f'fill-opacity="0.15" points="{_points(x, high)} {_points(x[::-1], low[::-1])}"/>'
        )
        parts.append(
            f'<polyline clip-path="url(#{clip})" fill="none" {_stroke(number)} '
            f'points="{_points(x, _TOP + up * (1 - mean / top))}"/>'
        )
    return parts


def mean_and_error(regret: Floats) -> tuple[Floats, Floats]:
    """Mean and standard error over the seeds, the first axis.

    NaN where a seed has no value yet, and an error of NaN for a single seed.
    """
    mean = regret.mean(axis=0)
    if len(regret) < 2:
        return mean, np.full_like(mean, np.nan)
    return mean, regret.std(axis=0, ddof=1) / np.sqrt(len(regret))


def _top(panel: Panel) -> float:
    """The upper end of the axis: what came before a tenth of the budget may leave the picture."""
    means = []
    for regret in panel.lines.values():
        tenth = max(0, regret.shape[1] // 10 - 1)
        means.append(regret.mean(axis=0)[tenth:])
    finite = [float(np.nanmax(mean)) for mean in means if np.isfinite(mean).any()]
    return 1.1 * max([*finite, 1e-9])


def _stroke(number: int) -> str:
    dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'stroke="{_COLOURS[number % len(_COLOURS)]}" stroke-width="1.8"{dashed}'


def _points(x: Floats, y: Floats) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _text(x: float, y: float, text: str, *, size: int = 11, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="#333">'
        f"{html.escape(text)}</text>"
    )

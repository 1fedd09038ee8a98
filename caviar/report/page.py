"""Blocks, sections and figures as one HTML file that needs no network.

Text from outside is escaped by Jinja; JSON in a script cannot end it; and the page's own policy
lets no script run but the two it was written with, and nothing be loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from caviar.report.drawing import Figure

Block = dict[str, Any]
"""`kind` and what the template needs for it."""


@dataclass(slots=True)
class Section:
    """A part of the page: its anchor, its heading, its blocks from top to bottom."""

    id: str
    title: str
    blocks: list[Block] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)

    def text(self, text: str, kind: str = "text") -> None:
        """A paragraph: `text`, `lead` (large), `note` (quiet) or `code`."""
        self.blocks.append({"kind": kind, "text": text})

    def show(self, figures: Mapping[str, tuple[Figure, str]], layout: str = "one") -> None:
        """Figures by their id, each with what it shows in words.

        `layout`: one below the other (`one`), beside each other (`pair`), small (`many`),
        or never narrower than a table (`wide`).
        """
        self.figures |= {name: figure for name, (figure, _) in figures.items()}
        self.blocks.append(
            {
                "kind": "figures",
                "ids": list(figures),
                "labels": [label for _, label in figures.values()],
                "heights": [figure["layout"]["height"] for figure, _ in figures.values()],
                "layout": layout,
            }
        )

    def table(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        caption: str = "",
        mark: Mapping[int, str] | None = None,
    ) -> None:
        """A table; `mark` gives rows, by their place, a class."""
        marks = mark or {}
        self.blocks.append(
            {
                "kind": "table",
                "caption": caption,
                "headings": list(headings),
                "rows": [{"cells": row, "mark": marks.get(i)} for i, row in enumerate(rows)],
            }
        )


@dataclass(slots=True)
class Page:
    """A page in the making."""

    title: str
    subtitle: str
    sections: list[Section] = field(default_factory=list)
    footer: str = ""

    def section(self, name: str, title: str) -> Section:
        """A new section at the end."""
        self.sections.append(Section(name, title))
        return self.sections[-1]

    def html(self) -> str:
        """The whole file."""
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        script, plotly = _own("page.js"), _plotly()
        figures = {name: one for section in self.sections for name, one in section.figures.items()}
        environment = Environment(
            loader=PackageLoader("caviar.report", package_path=""),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        return environment.get_template("page.html.j2").render(
            title=self.title,
            subtitle=self.subtitle,
            sections=self.sections,
            footer=self.footer,
            # What follows is ours or made safe here; all else is escaped.
            style=Markup(_own("page.css")),
            script=Markup(script),
            plotly=Markup(plotly),
            figures=Markup(script_json(figures)),
            hashes=Markup(" ".join(_hash(one) for one in (plotly, script))),
        )


def script_json(value: object) -> str:
    """JSON that may stand inside a script element: no text in it can end that or start another.

    >>> script_json({"a": "</script><!--"})
    '{"a":"\\\\u003c/script\\\\u003e\\\\u003c!--"}'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _own(name: str) -> str:
    return importlib.resources.files("caviar.report").joinpath(name).read_text("utf-8")


def _plotly() -> str:
    """Plotly's script, as the Python package ships it."""
    path = importlib.resources.files("plotly").joinpath("package_data", "plotly.min.js")
    return path.read_text("utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

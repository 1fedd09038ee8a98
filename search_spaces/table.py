"""A space as a table of texts."""

from search_spaces.collection import Space
from search_spaces.text import show

COLUMNS = ("parameter", "range", "scale", "default", "tier", "when", "source")


def rows(space: Space) -> list[tuple[str, ...]]:
    """One row a parameter, one text for each of COLUMNS."""
    found: list[tuple[str, ...]] = []
    for parameter in space.parameters:
        extent, scale = parameter.describe()
        found.append(
            (
                parameter.name,
                extent,
                scale,
                show(parameter.default),
                "" if parameter.tier is None else str(parameter.tier),
                str(parameter.when or ""),
                parameter.source,
            )
        )
    return found


def text(space: Space) -> str:
    """The table in plain characters, columns aligned."""
    lines = [COLUMNS, *rows(space)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    rendered = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    rendered.insert(1, "  ".join("-" * width for width in widths))
    return f"space {space.name}\n" + "\n".join(rendered)

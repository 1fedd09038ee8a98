"""A search space as a table for the terminal; nothing is cut off, long cells are wrapped."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from search_spaces import SearchSpace
from search_spaces.table import COLUMNS

_UNBROKEN = ("parameter", "scale", "tier")
_WHOLE = 16  # characters; rather another line than a break in a word of up to so many


def space_table(space: SearchSpace, *, source: bool) -> Table:
    """One row a parameter, with or without the column that says where it is from."""
    table = plain_table()
    shown = [i for i, heading in enumerate(COLUMNS) if source or heading != "source"]
    rows = space.rows()
    for i in shown:
        longest = max((len(word) for row in rows for word in row[i].split()), default=0)
        table.add_column(
            COLUMNS[i],
            overflow="fold",
            no_wrap=COLUMNS[i] in _UNBROKEN,
            min_width=min(longest, _WHOLE),
        )
    for row in rows:
        table.add_row(*(Text(row[i]) for i in shown))  # Text: a "[b]" in a name is no markup
    return table


def sources_table(space: SearchSpace) -> Table:
    """The sources alone, where beside the rest there is no room for them."""
    table = plain_table()
    table.add_column("parameter", no_wrap=True)
    table.add_column("source", overflow="fold")
    for parameter in space:
        if parameter.source:
            table.add_row(Text(parameter.name), Text(parameter.source))
    return table


def plain_table(*, header: bool = True) -> Table:
    """A table without lines."""
    return Table(
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        show_header=header,
        header_style="bold",
    )

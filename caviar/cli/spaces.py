"""`caviar spaces`: the built-in search spaces, the table of one, the picture of what it samples.

Neither Ray nor torch is imported.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

import search_spaces
from caviar.base.errors import UsageError
from caviar.terminal.space_table import plain_table, sources_table, space_table
from search_spaces import SearchSpace, plot
from search_spaces.documented import documents

_UNLIMITED = 100_000  # columns


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    spaces = commands.add_parser(
        "spaces",
        help="list the built-in search spaces, show one",
        description="List the built-in search spaces; show prints the table of one.",
    )
    spaces.set_defaults(run=_list)
    actions = spaces.add_subparsers(dest="action", metavar="ACTION")
    show = actions.add_parser(
        "show",
        help="the parameters of a space, and a picture of what each samples",
        description="Print the parameters of a search space with range, scale, default and source.",
    )
    show.add_argument("name", metavar="NAME", help="a built-in space, or your package.module:name")
    show.add_argument(
        "--plot", metavar="FILE", type=Path, help="write what each scale samples to an HTML file"
    )
    show.add_argument(
        "--inputs",
        metavar="N",
        type=int,
        help="numbers in one row of the data, for a space that depends on it: 784 for Fashion-MNIST"
        " (the default), 64 for digits; a sweep takes those of its data set",
    )
    show.add_argument("--outputs", metavar="N", type=int, help="classes of the data, with --inputs")
    show.set_defaults(run=_show)


def _list(_: argparse.Namespace) -> int:
    table = plain_table()
    table.add_column("space", no_wrap=True)
    table.add_column("parameters", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    table.add_column("source", overflow="fold")
    spaces = [search_spaces.get(name) for name in search_spaces.names()]
    for space in spaces:
        what = search_spaces.summary(space.name)
        table.add_row(space.name, _count(space, ""), what, ", ".join(documents.cited(space)))
    console = _console()
    console.print(table)
    console.print()
    console.print(_documents({document for space in spaces for document in documents.cited(space)}))
    console.print(
        "\ncaviar spaces show mlp                  the parameters of one"
        "\ncaviar spaces show my_pkg.spaces:mine   those of your own"
        "\ncaviar sweep RECIPE --space mlp         search it",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _show(asked: argparse.Namespace) -> int:
    try:
        space = search_spaces.get(asked.name, inputs=asked.inputs, outputs=asked.outputs)
        if asked.plot is not None:
            plot.write(space, asked.plot)
    except ValueError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(
            f"--plot cannot write {asked.plot}: {error.strerror}. Give a file in a folder of yours."
        ) from error
    console = _console()
    built_in = asked.name in search_spaces.names()
    console.print(
        Text(f"space {space.name}, {_count(space, ' parameters')}", "bold"), soft_wrap=True
    )
    if built_in:
        console.print(search_spaces.summary(asked.name), highlight=False)
    console.print()
    table = space_table(space, source=True)
    unlimited = console.options.update(width=_UNLIMITED)
    if Measurement.get(console, unlimited, table).maximum <= console.width:
        console.print(table)
    else:  # rather a list of its own than a column of three letters
        console.print(space_table(space, source=False))
        console.print()
        console.print(sources_table(space))
    if built_in:
        console.print()
        console.print(_documents(documents.cited(space)))
    if asked.plot is not None:
        console.print(f"\npicture  {asked.plot}", highlight=False, markup=False, soft_wrap=True)
    return 0


def _console() -> Console:
    """As wide as the terminal; into a pipe or a file a row stays one line, however long."""
    console = Console()
    return console if console.is_terminal else Console(width=_UNLIMITED)


def _count(space: SearchSpace, what: str) -> str:
    conditional = sum(parameter.when is not None for parameter in space)
    return f"{len(space)}{what}" + (f" ({conditional} conditional)" if conditional else "")


def _documents(cited: Collection[str]) -> Table:
    """The short names of documents and what they stand for."""
    table = plain_table(header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for short, title in documents.TITLES.items():
        if short in cited:
            table.add_row(short, Text(title))
    return table

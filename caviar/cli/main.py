"""The command `caviar`."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from typing import NoReturn

from caviar.base.errors import UsageError
from caviar.cli import (
    doctor,
    export,
    init,
    nightly,
    report,
    reproduce,
    retrain,
    simulate,
    spaces,
    submit,
    sweeps,
    watch,
)
from caviar.sweep import recipes

_COMMANDS = (
    sweeps, watch, report, reproduce, retrain, export, nightly, simulate, submit, spaces, init,
    doctor,
)  # fmt: skip


def main(args: Sequence[str] | None = None) -> int:
    """Run `caviar`; the exit code: 0, 1 where a command says so, 2 for input that cannot be
    carried out, 130 after Ctrl-C."""
    try:
        try:
            return _main(list(sys.argv[1:] if args is None else args))
        finally:
            sys.stdout.flush()  # here, and not when Python exits: its reader may have left
    except UsageError as error:
        print(f"caviar: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("caviar: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head`
        from caviar.terminal import console

        console.say_no_more()
        return console.EXIT


def _main(words: list[str]) -> int:
    parser = _parser()
    # What `submit` runs is not ours to read: argparse would look for options in it.
    cut = words.index("--") if words[:1] == ["submit"] and "--" in words else len(words)
    asked, more = parser.parse_known_args(words[:cut])
    if more and not getattr(asked, "takes_more", False):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    asked.more = more
    asked.words = words[cut + 1 :]
    if asked.command is None:
        parser.print_help()
        return 0
    return int(asked.run(asked))


class _Parser(argparse.ArgumentParser):
    """Says in one line what it cannot read."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See: {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="caviar", description="Hyperparameter sweeps of torch models on Ray.")
    version = importlib.metadata.version("caviar-tune")
    parser.add_argument("--version", action="version", version=f"caviar {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    listing = "\n".join(f"  {name:<21}{what}" for name, what in recipes.summaries().items())
    sweep = commands.add_parser(
        "sweep",
        help="run a recipe",
        description=f"Run a recipe. Its options: caviar sweep RECIPE --help\n\nrecipes:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.add_argument("recipe", nargs="?", help="one of the recipes above")
    sweep.add_argument("options", nargs=argparse.REMAINDER, help="the options of the recipe")
    sweep.set_defaults(run=lambda asked: _sweep(asked, sweep))
    for command in _COMMANDS:
        command.add(commands)
    return parser


def _sweep(asked: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if asked.recipe is None:
        parser.print_help()
        return 0
    sweep = recipes.load(asked.recipe)
    from caviar.driver import command_line

    return command_line.main(sweep, recipe=asked.recipe, args=asked.options)


if __name__ == "__main__":
    raise SystemExit(main())

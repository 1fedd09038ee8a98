"""What becomes of the output when its reader leaves: `caviar … | head`, a closed pager."""

from __future__ import annotations

import contextlib
import os
import sys

from rich.console import Console

EXIT = 1
"""The exit code of a command that has nobody to speak to; rich's too."""


def say_no_more() -> None:
    """What is still printed goes nowhere; else Python complains of it once more when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class SweepConsole(Console):
    """Goes silent when its reader leaves, where rich ends the process: all that a sweep says is in
    its folder too, and hours of training do not end with a pipe."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        say_no_more()
        with contextlib.suppress(OSError):  # stderr may have gone with it
            print(
                "caviar: nobody reads this output any more. The sweep continues; Ctrl-C ends it.",
                file=sys.stderr,
                flush=True,
            )

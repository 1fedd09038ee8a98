"""Run a command in a real terminal and draw what it shows, as the README does.

    python docs/terminal_pictures.py FOLDER COMMAND…

Writes FOLDER/during.svg, the screen when half of the trials have ended, and FOLDER/after.svg, the
screen at the end. The command runs in a pseudo-terminal of 110 columns.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

COLUMNS, ROWS = 110, 60


def run(command: Sequence[str], seen: Callable[[pyte.Screen], None]) -> tuple[pyte.Screen, int]:
    """Run `command` in a terminal; `seen` gets the screen after each piece of output.

    Returns the last screen and the exit code.
    """
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, close_fds=True
    )
    os.close(slave)
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux says so when the last process has let go of the terminal
            break
        if not piece:
            break
        stream.feed(piece)
        seen(screen)
    os.close(master)
    return screen, process.wait()


def text(screen: pyte.Screen) -> Text:
    """The screen without the empty lines at its end, with its colours."""
    lines = []
    for row in range(ROWS):
        characters = [screen.buffer[row][column] for column in range(COLUMNS)]
        line = Text()
        for style, run_of in itertools.groupby(characters, key=_style):
            line.append("".join(character.data for character in run_of), style)
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return Text("\n").join(lines)


def _style(character: pyte.screens.Char) -> Style:
    return Style(color=_colour(character.fg), bold=character.bold, italic=character.italics)


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return {"brown": "yellow"}.get(name, name).replace("bright", "bright_")


def draw(shown: Text, title: str, path: Path) -> None:
    """Write an SVG that looks like a terminal."""
    with open(os.devnull, "w") as nowhere:
        console = Console(width=COLUMNS, record=True, file=nowhere, color_system="truecolor")
        console.print(shown, soft_wrap=True)
        path.write_text(console.export_svg(title=title))


def main(folder: Path, command: Sequence[str]) -> int:
    """Draw both pictures; the exit code of the command."""
    shown: dict[str, Text] = {}

    def seen(screen: pyte.Screen) -> None:
        display = "\n".join(screen.display)
        count = re.search(r"trials +(\d+) of (\d+)", display)
        whole = "╰" in display  # not a frame that is being drawn
        if count and whole and "during" not in shown and 2 * int(count[1]) >= int(count[2]):
            shown["during"] = text(screen)

    screen, code = run(command, seen)
    shown["after"] = text(screen)
    folder.mkdir(parents=True, exist_ok=True)
    for name, what in shown.items():
        title = " ".join([Path(command[0]).name, *command[1:]])
        draw(what, title, folder / f"{name}.svg")
    return code


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))

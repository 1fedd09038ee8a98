"""Ctrl-C and SIGTERM, from the moment on when a sweep writes: it ends with a summary, not with an
exception."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from caviar.controller.controller import SweepController
from caviar.sweep.limits import Stop

if TYPE_CHECKING:
    from caviar.ray.bridge import Events


class Interrupt:
    """What was asked for so far.

    While trials run, the first Ctrl-C lets their epochs finish and saves them, and the second cuts
    them off. While none does, the first is noted, so that none starts, and the second raises
    `KeyboardInterrupt`: what takes so long may never end.
    """

    def __init__(self) -> None:
        self._asked = False
        self._running: tuple[SweepController, Events] | None = None

    def __call__(self, *_: Any) -> None:
        """Handle a signal."""
        if self._running is None:
            if self._asked:
                raise KeyboardInterrupt
        else:
            controller, events = self._running
            if controller.stop_reason == Stop.INTERRUPTED:
                events.cut()
            controller.request_stop(Stop.INTERRUPTED)
        self._asked = True

    @contextmanager
    def stops(self, controller: SweepController, events: Events) -> Iterator[None]:
        """While these trials run: what was asked for before holds for them too."""
        self._running = controller, events
        if self._asked:
            controller.request_stop(Stop.INTERRUPTED)
        try:
            yield
        finally:
            self._running = None


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Handle the signals; only the main thread of a program may."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {s: signal.signal(s, interrupt) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

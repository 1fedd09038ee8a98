"""Ctrl-C and SIGTERM, from the moment on when a sweep writes: it ends with a summary, not with an
exception."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipelines.engine.budget import Stop
from pipelines.engine.conductor import Conductor

if TYPE_CHECKING:
    from pipelines.engine.ray_bridge import Events


class Interrupt:
    """What was asked for so far.

    While trials run, the first Ctrl-C lets their epochs finish and saves them, and the second cuts
    them off. While none does, the first is noted, so that none starts, and the second raises
    ``KeyboardInterrupt``: what takes so long may never end.
    """

    def __init__(self) -> None:
        self._asked = False
        self._running: tuple[Conductor, Events] | None = None

    def __call__(self, *_: Any) -> None:
        """Handle a signal."""
        if self._running is None:
            if self._asked:
                raise KeyboardInterrupt
        else:
            conductor, events = self._running
            if conductor.stop_reason == Stop.INTERRUPTED:
                events.cut()
            conductor.request_stop(Stop.INTERRUPTED)
        self._asked = True

    @contextmanager
    def stops(self, conductor: Conductor, events: Events) -> Iterator[None]:
        """While these trials run: what was asked for before holds for them too."""
        self._running = conductor, events
        if self._asked:
            conductor.request_stop(Stop.INTERRUPTED)
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

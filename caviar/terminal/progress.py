"""What a person sees while a sweep runs: one live view, or one line a trial where there is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.panel import Panel

from caviar.controller.controller import SweepController
from caviar.terminal import live_view

_REFRESH_SECONDS = 0.25
_RECENT = 6


class Progress:
    """Draws at most four times a second; a sweep that reports faster does not wait for it.

    `rungs` are the epochs at which trials are compared.
    """

    def __init__(
        self, controller: SweepController, console: Console, *, rungs: Sequence[int] = ()
    ) -> None:
        self._controller = controller
        self._console = console
        self._rungs = rungs
        self._drawn = 0.0
        self._recent: list[int] = []
        self._epochs_before = controller.trials.epochs
        self._started = time.monotonic()
        self._live = Live(
            console=console, auto_refresh=False, transient=True, get_renderable=self._view
        )

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._say()
        if self._console.is_terminal:
            self._live.stop()

    def changed(self, ended: int | None) -> None:
        """Something happened; `ended` is the trial whose worker became free, if one did."""
        self._say()
        if ended is not None:
            record = self._controller.trials[ended]
            if self._console.is_terminal:
                self._recent = [*self._recent, ended][-_RECENT:]
            elif not record.unfinished:
                why = self._controller.decision_log.reason(record)
                line = live_view.trial_line(self._controller, record, why)
                self._console.print(line, soft_wrap=True, highlight=False)
        now = time.monotonic()
        if self._console.is_terminal and now - self._drawn >= _REFRESH_SECONDS:
            self._drawn = now
            self._live.refresh()

    def _say(self) -> None:
        """Print what was decided, above the live view where there is one."""
        if messages := self._controller.decision_log.messages():
            self._console.print("\n".join(messages), markup=False, highlight=False, soft_wrap=True)

    def _view(self) -> Panel:
        controller = self._controller
        here = controller.trials.epochs - self._epochs_before
        stops, direction = controller.stop_reason, controller.trials.objective.direction
        details = live_view.Details(
            title="caviar sweep",
            foot=f"stopping: {stops}" if stops else "Ctrl-C stops, and can be resumed",
            rate=here / max(time.monotonic() - self._started, 1e-9),
            gpu_hours=controller.meter.gpu_hours,
            rungs=self._rungs,
            decisions=[event.words(direction) for event in controller.decision_log.latest],
            recent=self._recent,
        )
        return live_view.panel(controller, details, height=self._console.size.height)

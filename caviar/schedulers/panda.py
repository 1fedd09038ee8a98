"""Babysitting one model: train a quantum, look at the curve, adjust, keep the best, and so on.

The panda strategy (A. Ng, "Tuning Process"). Every quantum is a trial of its own, a fork of the
last good one: so the checkpoint from which a bad quantum began is still there, and what was tried
can be read off the history. It knows no Ray, and what it decides follows from the reports alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from caviar.base.format import configuration, number
from caviar.base.trial import Mode
from caviar.schedulers.adjustments import Adjustment, adjustments
from caviar.schedulers.base import Action, Fork, Move, Scheduler, Start
from caviar.schedulers.learning_curve import Curve, Finding, State, look
from search_spaces import SearchSpace


@dataclass(slots=True)
class _Quantum:
    """One trial: a quantum of training, of one configuration, from where `parent` ended."""

    trial: int
    parent: int | None
    adjustment: Adjustment
    begins: int = 0
    """The epoch of the checkpoint it started from."""
    curve: Curve = field(default_factory=Curve)
    """All the way from the first epoch, those of its ancestors included."""
    seconds: float = 0.0
    over: bool = False
    broken: bool = False
    """Diverged or failed: there is no checkpoint of its end."""
    gone: bool = False
    """It has ended for good: what is forked from it starts afresh."""

    @property
    def last(self) -> int:
        return max(self.curve.scores, default=0)

    def best(self) -> tuple[float, int]:
        """The best score of its own epochs, and which; -inf where it has none or is broken."""
        own = {e: v for e, v in self.curve.scores.items() if e > self.begins and math.isfinite(v)}
        if self.broken or not own:
            return -math.inf, self.begins
        epoch = max(own, key=lambda e: (own[e], -e))
        return own[epoch], epoch


class Babysitter(Scheduler):
    """Runs the default configuration and forks of it, a round of one quantum at a time.

    After each round the best of its trials takes the place of the model, if it beats what the model
    had before. Then the curve of the best decides: one that improves goes on as it is, else the
    documented adjustments are tried side by side, from the model's last good checkpoint.
    """

    spares_default = False  # it is the model that is babysat

    def __init__(
        self,
        *,
        max_epochs: int,
        quantum_epochs: int,
        quantum_seconds: float,
        patience: int,
        least_gain: float,
    ) -> None:
        """A quantum ends with `quantum_epochs` or `quantum_seconds` of training, whatever comes
        first; `patience` rounds in a row without a gain above `least_gain` end it all."""
        self._max_epochs = max_epochs
        self._quantum_epochs = quantum_epochs
        self._quantum_seconds = quantum_seconds
        self._patience = patience
        self._least_gain = least_gain
        self._space: SearchSpace
        self._sign = 1.0
        self._quanta: dict[int, _Quantum] = {}
        self._planned: list[tuple[int, Adjustment]] = []
        """(parent, what is changed) of the trials of this round that have not started."""
        self._round: list[_Quantum] = []
        self._rounds = 0
        self._model: _Quantum | None = None
        """The last good one: it has a checkpoint, and waits."""
        self._stale = 0
        self._finished = False
        self._messages: list[str] = []

    def know(self, space: SearchSpace, mode: Mode) -> None:
        self._space = space
        self._sign = 1.0 if mode == "max" else -1.0

    def table(self, trials: int | None) -> list[tuple[str, str]]:
        ends = f"{self._quantum_epochs} epochs"
        if self._quantum_seconds < math.inf:
            ends += f", or {self._quantum_seconds / 3600:g} h of training"
        return [
            ("a quantum", ends),
            ("the end", f"at epoch {self._max_epochs}, or {self._patience} rounds without a gain"),
        ]

    def messages(self) -> list[str]:
        messages, self._messages = self._messages, []
        return messages

    # What runs next.

    def next(self, *, new: bool, paused: Set[int]) -> Move | None:
        if self._finished:
            return None
        if not self._quanta:
            return Start() if new else None
        if not self._planned:
            return None
        parent, adjustment = self._planned[0]
        if parent not in paused and not self._quanta[parent].gone:
            return None  # its checkpoint is being written, or taken away
        return Fork(parent, lambda *_: adjustment.config)

    def start(self, trial: int, parent: int | None) -> None:
        if parent is None:
            adjustment = Adjustment(self._space.default(), "")
        else:
            _, adjustment = self._planned.pop(0)
        quantum = _Quantum(trial, parent, adjustment)
        self._quanta[trial] = quantum
        self._round.append(quantum)
        if parent is not None:
            changed = adjustment.words or "nothing changed"
            self._messages.append(f"  trial {trial} goes on from trial {parent}: {changed}")

    def dropped(self, paused: Set[int]) -> Iterable[int]:
        wanted = {quantum.trial for quantum in self._round}
        wanted |= {parent for parent, _ in self._planned}
        if self._model is not None:
            wanted.add(self._model.trial)
        return sorted(set(paused) - wanted)

    # What goes on.

    def see(self, trial: int, epoch: int, metrics: Mapping[str, float]) -> None:
        quantum = self._quanta[trial]
        if quantum.last == 0 and quantum.parent is not None:
            quantum.begins = epoch - 1
            quantum.curve = self._quanta[quantum.parent].curve.upto(epoch - 1)
        for losses, name in (
            (quantum.curve.train_loss, "train_loss"),
            (quantum.curve.val_loss, "val_loss"),
        ):
            if name in metrics:
                losses[epoch] = metrics[name]
        quantum.seconds += metrics.get("epoch_seconds", 0.0)

    def report(self, trial: int, epoch: int, score: float) -> Action:
        quantum = self._quanta[trial]
        quantum.curve.scores[epoch] = score
        if not math.isfinite(score):
            quantum.broken = True
            self._ended(quantum)
            return Action.STOP
        trained = epoch - quantum.begins
        long = trained >= self._quantum_epochs or quantum.seconds >= self._quantum_seconds
        if not long and epoch < self._max_epochs:
            return Action.CONTINUE
        self._ended(quantum)
        return Action.PAUSE

    def end(self, trial: int) -> None:
        quantum = self._quanta[trial]
        quantum.gone = True
        if not quantum.over:
            quantum.broken = True
            self._ended(quantum)

    # The decision after a round.

    def _ended(self, quantum: _Quantum) -> None:
        quantum.over = True
        if not self._planned and all(q.over for q in self._round):
            self._decide()

    def _decide(self) -> None:
        self._rounds += 1
        tried, self._round = self._round, []
        self._messages.append(f"round {self._rounds}, up to epoch {max(q.last for q in tried)}")
        for quantum in tried:
            self._say_result(quantum)
        best = max(tried, key=lambda q: (q.best()[0], -q.trial))
        before = -math.inf if self._model is None else _best_of(self._model)
        finding = self._look(best)
        if finding is None:
            self._finish("every trial of this round failed without a report")
            return
        if best.best()[0] > before:
            self._model = best
            self._messages.append(f"  the model is now that of trial {best.trial}")
        elif self._model is not None:
            self._messages.append(f"  the model stays that of trial {self._model.trial}")
        self._messages.append(f"  {finding.state.value}: {finding.words}")
        self._plan(finding.state, self._model or best)

    def _plan(self, state: State, model: _Quantum) -> None:
        """What the next round tries."""
        config = model.adjustment.config
        if model is self._model and model.last >= self._max_epochs:
            self._finish(f"epoch {self._max_epochs} is the last")
            return
        if state is State.IMPROVING:
            self._stale = 0
            self._planned = [(model.trial, Adjustment(config, ""))]
            return
        self._stale += 1
        if self._stale > self._patience:
            self._finish(f"{self._patience} rounds of adjustments in a row brought nothing")
            return
        found = adjustments(state, config, self._space, strength=self._stale)
        if not found:
            self._finish("the space leaves nothing to adjust")
        self._planned = [(model.trial, adjustment) for adjustment in found]

    def _look(self, best: _Quantum) -> Finding | None:
        if best.last <= best.begins:
            return None
        if best.broken and all(map(math.isfinite, best.curve.scores.values())):
            return Finding(State.DIVERGING, f"trial {best.trial} failed after epoch {best.last}")
        return look(best.curve, newest=best.begins, least_gain=self._least_gain, sign=self._sign)

    def _say_result(self, quantum: _Quantum) -> None:
        what = quantum.adjustment.words or (
            "nothing changed" if quantum.parent is not None else "the default"
        )
        score, epoch = quantum.best()
        result = f"{number(self._sign * score)} at epoch {epoch}" if score > -math.inf else "broken"
        self._messages.append(f"  trial {quantum.trial} ({what}): {result}")

    def _finish(self, why: str) -> None:
        self._finished = True
        self._messages.append(f"  done: {why}")
        if self._model is not None:
            config = configuration(self._model.adjustment.config)
            self._messages.append(f"  the model is that of trial {self._model.trial}: {config}")


def _best_of(quantum: _Quantum) -> float:
    finite = [v for v in quantum.curve.scores.values() if math.isfinite(v)]
    return max(finite, default=-math.inf)

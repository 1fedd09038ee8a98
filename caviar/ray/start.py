"""Ray and Tune come up sooner without what a sweep does not need, and two runs keep apart.

All of this reaches into Ray's own modules. Should another version keep these names elsewhere, it
starts as ever, and the first result comes a second or two later.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

_LOOK_SECONDS = 0.03
_WAIT_SECONDS = 30.0
"""As long as Ray itself waits for its own processes."""


@contextlib.contextmanager
def lean(*, verbose: bool) -> Iterator[None]:
    """Start Ray without what only a cluster needs, and see at once that it is there.

    Left out are the monitor of the autoscaler, the dashboard's server, which runs without a
    dashboard too, and, unless the workers' output is wanted, what reads their logs: processes that
    import Ray on the cores that the trials' processes start on. Ray looks for its own node once a
    second, and here as soon as it has come up. On two cores the first result came after 5.2 s
    instead of 6.4 s.
    """
    from ray._private import node, services

    idle = ["start_monitor", "start_api_server", *([] if verbose else ["start_log_monitor"])]
    changes: list[tuple[Any, str, Any]] = [(node.Node, name, _not_started) for name in idle]
    ask = getattr(services, "get_node", None)
    if ask is not None:
        changes.append((services, "get_node", _asking_often(ask)))
    with _changed(changes):
        yield


@contextlib.contextmanager
def environment_inherited() -> Iterator[None]:
    """Let the trials run in the processes that Ray starts early.

    Tune gives its actors a few variables of our environment, and Ray then takes none of the
    processes that were started without: the first result came 0.9 s later. The processes of a
    private Ray have our whole environment anyway.
    """
    from ray.tune.execution import class_cache

    names = ("DEFAULT_ENV_VARS", "ENV_VARS_TO_PROPAGATE")
    kept = [name for name in names if hasattr(class_cache, name)]
    with _changed([(class_cache, name, type(getattr(class_cache, name))()) for name in kept]):
        yield


@contextlib.contextmanager
def lean_tune() -> Iterator[None]:
    """Run Tune without two things that nobody reads.

    Which callbacks a run has, for Ray's usage statistics: Tune imports every tracker for that which
    is installed, and MLflow and Weights & Biases take two seconds, in which no trial starts. And
    the state of every trial in Tune's own snapshots, written anew whenever a trial has saved twice:
    a sweep is resumed from its history.
    """
    from ray.air._internal import usage
    from ray.tune.execution.tune_controller import TuneController

    changes: list[tuple[Any, str, Any]] = [
        (usage, "tag_callbacks", _uncounted),
        (TuneController, "_get_trial_checkpoints", _no_trials),
    ]
    with _changed(changes):
        yield


@contextlib.contextmanager
def own_staging() -> Iterator[None]:
    """Run Tune with a staging folder that no other run has.

    It names the folder by the second. A second run that finds the folders of the first one's trials
    there gives its own trials other names, under which nobody looks for their checkpoints: the
    finals of a sweep that took less than a second, or another sweep of the same cluster.
    """
    from ray.tune import utils

    with _changed([(utils, "date_str", _unique(utils.date_str))]):
        yield


def _unique(date: Callable[[], str]) -> Callable[[], str]:
    return lambda: f"{date()}-{uuid.uuid4().hex[:8]}"


def _uncounted(_: Any) -> bool:
    return False


def _no_trials(_: Any) -> dict[str, Any]:
    return {}


def _not_started(node: Any, **_: Any) -> None:
    node._webui_url = None


def _asking_often(ask: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """`ask`, once the node is known: it looks once a second itself."""

    def answer(gcs_address: str, node_id: str) -> Any:
        from ray._private import services, state

        seen = state.GlobalState()
        seen._initialize_global_state(services._get_gcs_client_options(gcs_address))
        until = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < until:
            if any(node["NodeID"] == node_id for node in seen.node_table()):
                break
            time.sleep(_LOOK_SECONDS)
        return ask(gcs_address, node_id)

    return answer


@contextlib.contextmanager
def _changed(changes: list[tuple[Any, str, Any]]) -> Iterator[None]:
    """Other values for some attributes, of those that there are, for as long as the body runs."""
    there = [change for change in changes if hasattr(change[0], change[1])]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in there]
    try:
        for owner, name, value in there:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)

"""Ray: join the cluster there is, or start one on this machine; quiet, and checked for room."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from caviar.base.errors import UsageError
from caviar.ray import start

_QUIET = {
    # Ray's CSV, JSON and TensorBoard files, on by default: the history has it all.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ray's own snapshot of every trial; a sweep is resumed from the history.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Else Ray runs a trial of a machine that was taken back again by itself, and tells nobody.
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",
    # Our searcher says how many trials there may be; those that wait let a cluster grow.
    "TUNE_MAX_PENDING_TRIALS_PG": "100000",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # The future default, without the warning about it.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


_EARLY = {
    # Two seconds of imports, in worker processes that start while Ray itself is starting.
    "RAY_preload_python_modules": "trainables.preload",
    "RAY_enable_worker_prestart": "0",
    # What Tune sets for its actors, for Lightning's sake; see ray_start.
    "PL_DISABLE_FORK": "1",
    # An idle worker dies after a second by default, before the first trial needs it.
    "RAY_idle_worker_killing_time_threshold_ms": "60000",
}


def import_ray() -> None:
    """Import Ray now: a second that may have to be spent before something else begins."""
    import ray  # noqa: F401


def prepare_environment(*, verbose: bool) -> None:
    """Set what Ray reads once, when it is imported or started; a variable that is set stays."""
    for name, value in (_QUIET | _EARLY).items():
        os.environ.setdefault(name, value)
    if cluster_address() is not None:
        use_the_token()
    if not verbose:
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
        os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")


@contextlib.contextmanager
def connected(*, processes: float, verbose: bool) -> Iterator[bool]:
    """Ray for the length of a sweep, and whether it is private to it; one that was there is left.

    A machine of a cluster (`RAY_ADDRESS`, or `ray start` was run on it) joins that cluster.
    A private Ray is made ready for about so many `processes` that train at once.
    Raises `UsageError` when the cluster does not answer, or its address is none: no private Ray
    takes its place.
    """
    import ray

    if not verbose:  # now: importing Ray has set its loggers up
        for name in ("ray", "ray.tune", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield False
        return
    address = cluster_address()
    private = address is None
    if address is not None:
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=verbose, configure_logging=verbose)
        except ValueError as error:
            raise UsageError(
                f"The address of this machine's Ray cluster is {address!r}, which is none: set "
                "RAY_ADDRESS to HOST:PORT, or to local for a Ray of this sweep's own."
            ) from error
        except (OSError, RuntimeError) as error:
            raise UsageError(
                f"This machine belongs to the Ray cluster at {address}, which does not answer "
                f"({_first_line(error)}): start it again, or set RAY_ADDRESS=local for a Ray of "
                "this sweep's own."
            ) from error
    else:
        # Ray starts a process a CPU at once. Where most of them will not be needed, none is.
        early = "1" if 2 * processes >= (os.cpu_count() or 1) else "0"
        os.environ.setdefault("RAY_prestart_worker_first_driver", early)
        with start.lean(verbose=verbose):
            ray.init(
                address="local",
                num_gpus=0 if sys.platform == "darwin" else None,  # see gpus_here
                include_dashboard=False,
                log_to_driver=verbose,
                configure_logging=verbose,
            )
    try:
        yield private
    finally:
        ray.shutdown()


def cluster_address() -> str | None:
    """The cluster that this machine belongs to, by the two signs that `ray.init()` goes by.

    `address="auto"` would look through the processes too, and join the private Ray of another
    sweep on this machine, which ends with that sweep.
    """
    given = os.environ.get("RAY_ADDRESS")
    if given:
        return None if given == "local" else given
    marker = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    return (marker.read_text().strip() or None) if marker.is_file() else None


def _knock(address: str) -> None:
    """Raise OSError where nobody listens at HOST:PORT, which Ray itself would try for minutes, and
    ValueError where that is no address. Others are left to Ray."""
    from ray._private import services

    if address == "auto" or "://" in address:
        return
    where = services.canonicalize_bootstrap_address(address)  # localhost is another to Ray
    host, _, port = str(where).rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()


_KNOCK_SECONDS = 5.0


def use_the_token() -> None:
    """Speak to a cluster with the token that there is; a mode that is set stays.

    Ray does so by itself where it is given no address, and not where it is given one.
    """
    kept = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    if "RAY_AUTH_TOKEN" in os.environ or kept.is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def gpus_here() -> int:
    """How many GPUs this machine has that trials can use.

    Ray counts a Mac's own as one, and no trial of ours trains on it.
    """
    if sys.platform == "darwin":
        return 0
    from trainables.devices import gpus_of_this_machine

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = gpus_of_this_machine()
    return there if visible is None else min(there, len([one for one in visible.split(",") if one]))


def gpus() -> float:
    """How many GPUs the machines of the cluster have now."""
    import ray

    return float(ray.cluster_resources().get("GPU", 0))


def resources_line() -> str:
    """The machines of the cluster in one line."""
    import ray

    total = ray.cluster_resources()
    count = len([n for n in ray.nodes() if n["Alive"]])
    memory = total.get("memory", 0) / 2**30
    return (
        f"{count} node{'s' if count != 1 else ''}, {total.get('CPU', 0):g} CPU, "
        f"{gpus():g} GPU, {memory:.0f} GiB memory"
    )


def check() -> str:
    """Start Ray, or join the cluster there is, and run a task: where, and with what, in a line."""
    prepare_environment(verbose=False)
    with connected(processes=1, verbose=False) as private:
        import ray

        @ray.remote(num_cpus=0)
        def answers() -> bool:
            return True

        ray.get(answers.remote(), timeout=180)
        where = "starts here" if private else "joined"
        return f"{where}: {resources_line()}"

"""Which trackers a sweep asks for, and whether they can be had."""

from __future__ import annotations

import importlib.util
import netrc
import os
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from caviar.base.errors import UsageError
from caviar.store.location import Location
from caviar.sweep.sweep import Sweep
from caviar.trackers import mlflow_tracker, tensorboard_tracker, wandb_tracker
from caviar.trackers.tracked_history import Tracker

if TYPE_CHECKING:
    from caviar.store.history import History


def check(sweep: Sweep, folder: Location) -> None:
    """Raise `UsageError` where a tracker that is asked for cannot work, before all else."""
    asked = {
        "tensorboard": sweep.tensorboard,
        "mlflow": sweep.mlflow is not None,
        "wandb": sweep.wandb is not None,
    }
    for name in (name for name, wanted in asked.items() if wanted):
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                f"--{name} needs a package that is not installed: "
                f"pip install 'caviar-tune[{name}]'."
            )
    for name in ("tensorboard", "wandb"):
        if asked[name] and folder.local is None:
            raise UsageError(
                f"--{name} writes files into the folder of the sweep, and {folder} is no folder: "
                "leave the option out, or give a --storage that is one."
            )
    if sweep.mlflow is not None:
        _check_mlflow(sweep.mlflow)
    if sweep.wandb is not None:
        _check_wandb()


def chosen(sweep: Sweep, folder: Location, history: History, *, name: str) -> list[Tracker]:
    """The trackers of a sweep."""
    found: list[Tracker] = []
    if sweep.tensorboard and folder.local is not None:
        path = folder.local / tensorboard_tracker.FOLDER
        found.append(tensorboard_tracker.TensorBoard(path, metric=sweep.metric))
    if sweep.mlflow is None and sweep.wandb is None:
        return found
    token = history.get("tracked_as")
    if token is None:
        token = uuid.uuid4().hex[:12]
        history.set("tracked_as", token)
    if sweep.mlflow is not None:
        found.append(
            mlflow_tracker.MLflow(sweep.mlflow, name=name, metric=sweep.metric, token=token)
        )
    if sweep.wandb is not None and folder.local is not None:
        found.append(
            wandb_tracker.WandB(
                sweep.wandb, folder.local, name=name, metric=sweep.metric, token=token
            )
        )
    return found


def _check_mlflow(uri: str) -> None:
    if urlsplit(uri).scheme in ("http", "https", "databricks"):
        return  # a server that is away for a while does not keep a sweep from starting
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        mlflow_tracker.client(uri).search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise UsageError(
            f"--mlflow cannot open {uri!r} ({first}): give a server, http://HOST:PORT, or a "
            "database, sqlite:////FOLDER/mlflow.db."
        ) from error


def _check_wandb() -> None:
    if os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun"):
        return
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    if os.environ.get("WANDB_API_KEY") or _noted(host):
        return
    raise UsageError(
        f"--wandb has no key for {host}: run wandb login, set WANDB_API_KEY, or set "
        "WANDB_MODE=offline to keep the runs here until wandb sync."
    )


def _noted(host: str) -> bool:
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False

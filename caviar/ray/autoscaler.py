"""Which machines the autoscaler of a cluster may start, by what it was itself told.

Ray keeps that nowhere for others to ask (2.60 reads such a note, and nothing writes it): `ray up`
leaves a file on the head, and on Kubernetes it is in the object that the operator works from.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_CLUSTER = "RAY_CLUSTER_NAME"
"""KubeRay sets it in every pod of a cluster."""
_KUBERNETES_SECONDS = 30.0
"""How old what Kubernetes said may be: its object may be edited while a sweep runs."""


@dataclass(frozen=True, slots=True)
class NodeType:
    """A kind of machine that an autoscaler may start."""

    name: str
    resources: Mapping[str, float]
    """Empty where only the machine itself knows."""
    at_most: int


@dataclass(frozen=True, slots=True)
class Growth:
    """What an autoscaler may add to a cluster; nothing where there is none."""

    kinds: tuple[NodeType, ...] = ()
    at_most: int | None = None
    """Machines of all kinds together; None for no such bound."""
    trouble: str = ""
    """Why it is not known."""


def growth() -> Growth:
    """What the autoscaler of this cluster may start."""
    path = _BOOTSTRAP.expanduser()
    if path.is_file():
        import yaml

        return _of(yaml.safe_load(path.read_text()))
    if _CLUSTER in os.environ:
        return _on_kubernetes(os.environ[_CLUSTER])
    return Growth()


def _of(config: Mapping[str, Any]) -> Growth:
    """From a configuration of Ray's autoscaler."""
    head = config.get("head_node_type")
    kinds = (
        NodeType(name, kind.get("resources", {}), kind.get("max_workers", 0))
        for name, kind in config.get("available_node_types", {}).items()
        if name != head or config["provider"]["type"] == "local"
    )
    return Growth(tuple(kinds), config.get("max_workers"))


_said: dict[str, tuple[float, Growth]] = {}
"""When Kubernetes was asked last of a cluster, and its answer."""


def _on_kubernetes(cluster: str) -> Growth:
    """From the RayCluster of this pod, as Ray's own autoscaler reads it."""
    asked, before = _said.get(cluster, (-math.inf, None))
    if before is not None and time.monotonic() - asked < _KUBERNETES_SECONDS:
        return before
    found = _ask_kubernetes(cluster)
    if found.trouble and before is not None:  # it does not answer for a while
        found = before
    _said[cluster] = time.monotonic(), found
    return found


def _ask_kubernetes(cluster: str) -> Growth:
    from ray.autoscaler._private.kuberay import autoscaling_config
    from ray.autoscaler._private.kuberay.node_provider import KubernetesHttpApiClient

    namespace = os.environ.get("RAY_CLUSTER_NAMESPACE")
    try:
        if namespace is None:
            namespace = _NAMESPACE.read_text().strip()
        found = KubernetesHttpApiClient(namespace).get(f"rayclusters/{cluster}")
    except OSError as error:  # no token in this pod, no answer, or no right to read it
        return Growth(trouble=f"the RayCluster {cluster!r} could not be read: {error}")
    if not found["spec"].get("enableInTreeAutoscaling"):
        return Growth()
    return _of(autoscaling_config._derive_autoscaling_config_from_ray_cr(found))

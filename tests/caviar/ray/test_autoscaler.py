"""What may be added to a cluster, from where Ray's own autoscaler has it."""

from pathlib import Path

import pytest
import requests
import yaml
from ray.autoscaler._private.kuberay import node_provider

from caviar.ray import autoscaler
from caviar.ray.autoscaler import Growth, NodeType, growth

FILES = Path(__file__).parents[3] / "clusters/kubernetes"


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """No cluster, as this machine is not to be looked at."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_CLUSTER_NAME", "RAY_CLUSTER_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(autoscaler, "_said", {})


def test_without_an_autoscaler_there_is_nothing():
    assert growth() == Growth()


def test_what_ray_up_leaves_on_the_head_is_read(tmp_path):
    path = tmp_path / "ray_bootstrap_config.yaml"
    path.write_text(
        "provider: {type: aws}\nhead_node_type: head\nmax_workers: 8\navailable_node_types:\n"
        "  head: {resources: {CPU: 0}}\n  t4: {resources: {CPU: 4, GPU: 1}, max_workers: 2}\n"
    )
    assert growth() == Growth((NodeType("t4", {"CPU": 4, "GPU": 1}, 2),), 8)
    path.write_text(
        "provider: {type: local}\nhead_node_type: local.cluster.node\nmax_workers: 2\n"
        "available_node_types:\n  local.cluster.node: {resources: {}, max_workers: 2}\n"
    )
    assert growth() == Growth((NodeType("local.cluster.node", {}, 2),), 2)


class Kubernetes:
    """An API server: what it has by its path, and what was asked of it."""

    def __init__(self, monkeypatch, tmp_path):
        self.has, self.asked, self.error = {}, [], None
        monkeypatch.setenv("RAY_CLUSTER_NAME", "caviar")
        (tmp_path / "namespace").write_text("sweeps\n")
        monkeypatch.setattr(autoscaler, "_NAMESPACE", tmp_path / "namespace")
        (tmp_path / "token").write_text("secret")
        monkeypatch.setattr(node_provider, "IN_CLUSTER_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(node_provider.requests, "get", self.get)

    def get(self, url, *, headers, **rest):
        assert headers == {"Authorization": "Bearer secret"}
        self.asked.append(url.partition("/apis/")[2])
        if self.error is not None:
            raise self.error
        found = requests.Response()
        found.status_code = 200 if self.asked[-1] in self.has else 403
        found._content = yaml.safe_dump(self.has.get(self.asked[-1])).encode()
        found.json = lambda: yaml.safe_load(found._content)
        return found


@pytest.fixture
def kubernetes(monkeypatch, tmp_path):
    return Kubernetes(monkeypatch, tmp_path)


PATH = "ray.io/v1/namespaces/sweeps/rayclusters/caviar"


def ray_cluster(name, **changes):
    """The RayCluster of one of our files, as the operator makes it of a RayJob."""
    found = yaml.safe_load((FILES / name).read_text())
    spec = found["spec"]["rayClusterSpec"] if found["kind"] == "RayJob" else found["spec"]
    return {
        "metadata": {"name": "caviar", "namespace": "sweeps"},
        "spec": {**spec, **changes},
    }


@pytest.mark.parametrize("name", ["ray_cluster.yaml", "ray_job.yaml"])
def test_our_clusters_on_kubernetes_grow(kubernetes, name):
    kubernetes.has[PATH] = ray_cluster(name)
    kinds = {kind.name: kind for kind in growth().kinds}
    assert set(kinds) == {"t4", "a100"}
    t4 = kinds["t4"].resources
    assert {key: t4[key] for key in ("CPU", "GPU", "accelerator_type:T4")} == {
        "CPU": 4, "GPU": 1, "accelerator_type:T4": 1,
    }  # fmt: skip
    counts = [kind.at_most for kind in kinds.values()]
    assert growth().at_most == sum(counts)
    assert kubernetes.asked == [PATH], "once in a while"


def test_a_cluster_without_its_autoscaler_stays_as_it_is(kubernetes):
    kubernetes.has[PATH] = ray_cluster("ray_cluster.yaml", enableInTreeAutoscaling=False)
    assert growth() == Growth()


def test_another_namespace(kubernetes, monkeypatch):
    monkeypatch.setenv("RAY_CLUSTER_NAMESPACE", "elsewhere")
    kubernetes.has[PATH.replace("sweeps", "elsewhere")] = ray_cluster("ray_cluster.yaml")
    assert growth().kinds


def test_a_pod_that_may_not_read_it_says_so(kubernetes):
    found = growth()
    assert found.kinds == ()
    assert found.trouble.startswith("the RayCluster 'caviar' could not be read: 403")


def test_a_pod_without_a_token_says_so(kubernetes, monkeypatch, tmp_path):
    (tmp_path / "token").unlink()
    assert "could not be read: [Errno 2] No such file" in growth().trouble


def test_an_answer_holds_while_kubernetes_is_away(kubernetes, monkeypatch):
    kubernetes.has[PATH] = ray_cluster("ray_cluster.yaml")
    before = growth()
    monkeypatch.setattr(autoscaler, "_KUBERNETES_SECONDS", 0.0)
    kubernetes.error = requests.ConnectionError("refused")
    assert growth() == before
    kubernetes.error = None
    kubernetes.has[PATH] = ray_cluster("ray_cluster.yaml", enableInTreeAutoscaling=False)
    assert growth() == Growth(), "and it is asked again"

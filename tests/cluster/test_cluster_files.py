"""The cluster files that are shipped: valid for the tool that reads them, and safe by default."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

REPOSITORY = Path(__file__).parents[2]
AWS = REPOSITORY / "cluster.yaml"
ON_PREMISES = REPOSITORY / "clusters" / "on_premises.yaml"
SLURM = REPOSITORY / "clusters" / "slurm.sh"
KUBERNETES = REPOSITORY / "clusters" / "kubernetes"
RAY_CLUSTER, RAY_JOB = KUBERNETES / "ray_cluster.yaml", KUBERNETES / "ray_job.yaml"
LAUNCHER = [AWS, ON_PREMISES]
SHIPPED = [*LAUNCHER, SLURM, RAY_CLUSTER, RAY_JOB]
PINNED = dict(
    line.split("==") for line in (REPOSITORY / "constraints.txt").read_text().split() if line
)


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def prepared(config: dict) -> dict:
    """As `ray up` prepares and checks it before it calls a cloud."""
    config = prepare_config(copy.deepcopy(config))
    validate_config(config)
    return config


def starts(config: dict) -> list[str]:
    """Every command that starts Ray."""
    commands = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    return [command for command in commands if "ray start" in command]


# Files for `ray up`.


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: path.name)
def test_ray_accepts_it(path):
    config = prepared(read(path))
    assert config["head_node_type"] in config["available_node_types"]


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"idle_timeout": 5}, "'idle_timeout' was unexpected"),
        ({"idle_timeout_minutes": "ten"}, "'ten' is not of type 'number'"),
        ({"upscaling_speed": "fast"}, "'fast' is not of type 'number'"),
    ],
)
def test_a_slip_of_the_user_would_be_noticed(path, change, complaint):
    with pytest.raises(jsonschema.ValidationError, match=re.escape(complaint)):
        prepared(read(path) | change)


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: path.name)
def test_every_start_of_ray_asks_for_the_token_and_every_node_has_it(path):
    config = read(path)
    assert len(starts(config)) == 2
    for command in starts(config):
        assert "RAY_AUTH_MODE=token ray start" in command
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: path.name)
def test_every_node_gets_the_package_as_pinned_and_the_data(path):
    config = read(path)
    setup = "\n".join(config["setup_commands"])
    assert config["file_mounts"]["~/caviar"] == "."
    assert "--constraint ~/caviar/constraints.txt --editable ~/caviar[cluster]" in setup
    assert 'data.load("fashion_mnist")' in setup
    assert "/shared" in path.read_text()
    for left_out in (".git", ".venv", "results"):
        assert any(left_out in pattern for pattern in config["rsync_exclude"])


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: path.name)
def test_every_command_is_sound_shell(path):
    config = read(path)
    kinds = [kind for kind in config if kind.endswith("_commands")]
    assert len(kinds) >= 3
    for command in (command for kind in kinds for command in config[kind]):
        checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, ""), command


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: path.name)
@pytest.mark.parametrize("has_it", [True, False])
def test_a_machine_without_the_storage_never_joins(path, has_it, tmp_path):
    """A sweep asks the machines that are there when it starts; one that joins later sets up what
    the file says, and starts Ray only when every command of it has succeeded."""
    config = read(path)
    storage = tmp_path / "shared"
    if has_it:
        storage.mkdir()
    fakes = tmp_path / "bin"
    fakes.mkdir()
    tools = {
        "sudo": 'exec "$@"',
        "mountpoint": "exit 1",
        "mount": f"exit {0 if has_it else 32}",
        "mount.nfs4": "exit 0",
        "mkdir": "exit 0",
        "chmod": "exit 0",
    }
    for name, body in tools.items():
        (fakes / name).write_text(f"#!/bin/bash\n{body}\n")
        (fakes / name).chmod(0o755)
    every = [*config.get("initialization_commands", []), *config["setup_commands"]]
    commands = [
        command.replace("/shared", str(storage)) for command in every if "/shared" in command
    ]
    assert commands
    environment = {"PATH": f"{fakes}:/usr/bin:/bin"}
    codes = [
        subprocess.run(["bash", "-c", command], env=environment, capture_output=True).returncode
        for command in commands
    ]
    assert all(code == 0 for code in codes) is has_it, codes


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: path.name)
def test_a_user_edits_three_places(path):
    marks = re.findall(r"EDIT (\d) of 3", path.read_text())
    assert marks == ["1", "2", "3"]


def test_the_autoscaler_that_forgets_the_last_machine_is_off_on_premises():
    head = read(ON_PREMISES)["head_start_ray_commands"][-1]
    assert "RAY_enable_autoscaler_v2=0 " in head, "ray up exports 1 before this command"


def test_a_job_that_is_stopped_has_time_to_save_its_trials():
    for path in LAUNCHER:
        assert "RAY_JOB_STOP_WAIT_TIME_S=60 " in read(path)["head_start_ray_commands"][-1]


NOTICE = REPOSITORY / "clusters" / "spot_notice.sh"


@pytest.mark.parametrize("noticed", [True, False])
def test_a_spot_notice_drains_the_node(noticed, tmp_path):
    """The script with a metadata service and a Ray that write down what they are asked."""
    asked = tmp_path / "asked"
    curl = 'case "$*" in *api/token*) echo t;; *instance-action*) NOTICE;; esac'
    answer = """echo '{"action": "terminate"}'""" if noticed else "exit 22"
    tools = {
        "curl": curl.replace("NOTICE", answer),
        "ray": f'echo "$RAY_AUTH_MODE $*" >> {asked}',
        "sleep": f'echo . >> {tmp_path}/slept; [ "$(wc -l < {tmp_path}/slept)" -lt 4 ]',
    }
    for name, body in tools.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["bash", str(NOTICE)], env=environment, timeout=60, check=False)
    if not noticed:
        assert not asked.exists(), "404: there is no notice"
        return
    assert done.returncode == 0
    assert asked.read_text() == (
        "token drain-node --reason DRAIN_NODE_REASON_PREEMPTION --reason-message "
        '{"action": "terminate"} --deadline-remaining-seconds 110\n'
    )
    assert any("spot_notice.sh" in command for command in read(AWS)["worker_start_ray_commands"])


def test_a_pod_that_is_taken_away_drains_first_and_has_the_time_for_it():
    for group in cluster_of(RAY_CLUSTER)["workerGroupSpecs"]:
        pod = group["template"]["spec"]
        *_, script = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        subprocess.run(["bash", "-n", "-c", script], check=True)
        assert "ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION" in script
        assert pod["terminationGracePeriodSeconds"] > 60 == int(script.rpartition(" ")[2])


def test_workers_on_aws_are_spot_and_none_runs_for_nothing():
    config = prepared(read(AWS))
    types = config["available_node_types"]
    head = types.pop(config["head_node_type"])
    assert head["resources"] == {"CPU": 0, "GPU": 0}, "no trial on the machine that all need"
    assert "InstanceMarketOptions" not in head["node_config"]
    assert len(types) >= 3
    for name, kind in types.items():
        assert kind["min_workers"] == 0, name
        assert 0 < kind["max_workers"] <= config["max_workers"]
        assert kind["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
        assert kind["node_config"]["ImageId"] == head["node_config"]["ImageId"]
        resources = dict(kind["resources"])
        assert resources.pop("GPU") >= 1
        assert resources.pop("CPU") >= 1
        assert [key.partition(":")[0] for key in resources] == ["accelerator_type"]
    assert config["idle_timeout_minutes"] == 10
    assert config["provider"]["cache_stopped_nodes"] is False


# Files for Kubernetes, checked against the fields of KubeRay's CRD that they may use. No registry
# of Python's, npm's or Debian's packages has the CRD itself (looked for in November 2026). The
# fields and types are those of KubeRay's Go types and of its API reference, v1 of release 1.6,
# and stricter: they have only what these files use. The pods within, nine tenths of the CRD, are
# checked further down by the schema of Kubernetes.

_TEXT, _COUNT, _SWITCH = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}


def _fields(required: str, /, **fields: dict) -> dict:
    known = {"type": "object", "additionalProperties": False, "properties": fields}
    return {**known, "required": required.split()}


def _list(of: dict) -> dict:
    return {"type": "array", "items": of, "minItems": 1}


_RESOURCES = _fields("limits requests", limits=_TEXTS, requests=_TEXTS)
_HOOK = _fields("preStop", preStop=_fields("exec", exec=_fields("command", command=_list(_TEXT))))
_CONTAINER = _fields(
    "name image resources volumeMounts",
    lifecycle=_HOOK,
    name=_TEXT,
    image=_TEXT,
    resources=_RESOURCES,
    volumeMounts=_list(_fields("name mountPath", name=_TEXT, mountPath=_TEXT)),
)
_VOLUME = _fields(
    "name persistentVolumeClaim",
    name=_TEXT,
    persistentVolumeClaim=_fields("claimName", claimName=_TEXT),
)
_TOLERATION = _fields("key operator effect", key=_TEXT, operator=_TEXT, effect=_TEXT)
_POD = _fields(
    "metadata spec",
    metadata=_fields("labels", labels=_TEXTS),
    spec=_fields(
        "containers volumes",
        containers=_list(_CONTAINER),
        volumes=_list(_VOLUME),
        nodeSelector=_TEXTS,
        tolerations=_list(_TOLERATION),
        terminationGracePeriodSeconds=_COUNT,
    ),
)
_CLUSTER = _fields(
    "rayVersion authOptions enableInTreeAutoscaling headGroupSpec workerGroupSpecs",
    rayVersion=_TEXT,
    authOptions=_fields("mode", mode={"enum": ["token"]}),
    enableInTreeAutoscaling=_SWITCH,
    autoscalerOptions=_fields(
        "",
        upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
        idleTimeoutSeconds=_COUNT,
    ),
    headGroupSpec=_fields(
        "rayStartParams template",
        serviceType={"enum": ["ClusterIP"]},
        rayStartParams=_TEXTS,  # `num-cpus: 0` is what Kubernetes refuses: a number is no text
        template=_POD,
    ),
    workerGroupSpecs=_list(
        _fields(
            "groupName replicas minReplicas maxReplicas rayStartParams template",
            groupName=_TEXT,
            replicas=_COUNT,
            minReplicas=_COUNT,
            maxReplicas=_COUNT,
            rayStartParams=_TEXTS,
            template=_POD,
        )
    ),
)
_JOB = _fields(
    "entrypoint rayClusterSpec",
    entrypoint=_TEXT,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode"]},
    backoffLimit=_COUNT,
    shutdownAfterJobFinishes=_SWITCH,
    ttlSecondsAfterFinished=_COUNT,
    rayClusterSpec=_CLUSTER,
)


def _resource(kind: str, spec: dict) -> dict:
    return _fields(
        "apiVersion kind metadata spec",
        apiVersion={"const": "ray.io/v1"},
        kind={"const": kind},
        metadata=_fields("name labels", name=_TEXT, labels=_TEXTS),
        spec=spec,
    )


SCHEMAS = {RAY_CLUSTER: _resource("RayCluster", _CLUSTER), RAY_JOB: _resource("RayJob", _JOB)}


def cluster_of(path: Path) -> dict:
    spec = read(path)["spec"]
    return spec.get("rayClusterSpec", spec)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_kuberay_knows_every_field(path):
    jsonschema.validate(read(path), SCHEMAS[path])


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_pods_ask_for_what_ray_counts(path):
    spec = cluster_of(path)
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in spec["workerGroupSpecs"]:
        started, limits = (
            group["rayStartParams"],
            group["template"]["spec"]["containers"][0]["resources"]["limits"],
        )
        assert group["minReplicas"] == group["replicas"] == 0
        assert started["num-cpus"] == limits["cpu"]
        assert started["num-gpus"] == limits["nvidia.com/gpu"]
        # KubeRay puts the value on a command line: quoted JSON within quotes
        (accelerator,) = json.loads(json.loads(started["resources"]))
        assert accelerator.startswith("accelerator_type:")


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_every_pod_sees_the_results_and_is_behind_the_policy(path):
    claim, policy = yaml.safe_load_all((KUBERNETES / "storage.yaml").read_text())
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    (chosen,) = policy["spec"]["podSelector"]["matchLabels"].items()
    spec = cluster_of(path)
    images = set()
    for group in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]:
        pod = group["template"]
        assert chosen in pod["metadata"]["labels"].items()
        (volume,) = pod["spec"]["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        for container in pod["spec"]["containers"]:
            images.add(container["image"])
            assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/shared"}]
    assert len(images) == 1


def test_the_job_and_the_cluster_are_one_and_the_same():
    assert cluster_of(RAY_JOB) == cluster_of(RAY_CLUSTER)


def test_the_job_goes_on_with_what_an_earlier_try_left():
    entrypoint = read(RAY_JOB)["spec"]["entrypoint"]
    subprocess.run(["bash", "-n", "-c", entrypoint], check=True)
    assert "test -e /shared/results/kubernetes/sweep.json && again=--resume" in entrypoint


# Slurm.


def directives() -> dict[str, str]:
    lines = re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", SLURM.read_text(), re.MULTILINE)
    assert len(lines) == SLURM.read_text().count("\n#SBATCH "), "a directive that cannot be read"
    return dict(lines)


def test_the_slurm_script_is_sound_shell_and_its_directives_come_first():
    subprocess.run(["bash", "-n", str(SLURM)], check=True)
    lines = SLURM.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:]), "Slurm reads none there"
    assert lines[0] == "#!/bin/bash"


def test_a_slurm_job_is_warned_before_its_end_and_goes_on():
    asked = directives()
    assert asked["ntasks-per-node"] == "1", "one ray start a node"
    assert asked["exclusive"] == ""
    assert asked["requeue"] == ""
    assert asked["signal"] == "B:TERM@180", "B: Ray itself must not get the signal"
    assert 'kill -TERM "$sweep"' in SLURM.read_text()
    assert asked["open-mode"] == "append"


# All of them.


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_nothing_listens_to_the_world_and_no_secret_is_written_down(path):
    text = path.read_text()
    assert "0.0.0.0" not in text
    assert not re.search(r"auth[_-]token[=:] *['\"]?[0-9a-f]{8}", text, re.IGNORECASE)
    assert not re.search(r"AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY", text)
    assert "password" not in re.sub("without a password", "", text)
    assert re.search(r"RAY_AUTH_MODE=token|authOptions:", text)


def test_they_all_take_the_pinned_ray():
    texts = [path.read_text() for path in [*SHIPPED, KUBERNETES / "Dockerfile"]]
    versions = re.findall(r'rayproject/ray:([\d.]+)|rayVersion: "([\d.]+)"', "".join(texts))
    assert len(versions) == 4
    assert {one or other for one, other in versions} == {PINNED["ray"]}


# By the schema of Kubernetes itself, which kubernetes-validate carries.


def kubernetes_objects() -> list[dict]:
    """The pods of both files as Kubernetes gets them from KubeRay, and what lies beside them."""
    objects = list(yaml.safe_load_all((KUBERNETES / "storage.yaml").read_text()))
    for path in SCHEMAS:
        spec = cluster_of(path)
        for group in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]:
            pod = {"apiVersion": "v1", "kind": "Pod", **group["template"]}
            objects.append(json.loads(json.dumps(pod)))  # without YAML's anchors
    return objects


@pytest.mark.parametrize("number", range(8))
def test_kubernetes_accepts_every_pod_claim_and_policy(number):
    objects = kubernetes_objects()
    assert len(objects) == 8
    kubernetes_validate.validate(objects[number], "1.30", strict=True)


def test_kubernetes_would_notice_a_slip():
    pod = kubernetes_objects()[-1]
    pod["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="volumeMount"):
        kubernetes_validate.validate(pod, "1.30", strict=True)

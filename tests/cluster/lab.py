"""Real hosts on one machine: network, processes, disk and ssh of their own. Root and Linux needed.

Three hosts, the laptop of a user and a store (an S3) hang on a bridge that is itself in a
namespace, so no packet leaves this machine. `ray stop`, a part of every `ray up`, ends every
Ray process that it can see: on a host that is the host's own. /shared is the one folder all hosts
have in common, on a small file system of its own that a test can fill or make read-only.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
NET = "10.97.0"
ADDRESSES = {
    "laptop": f"{NET}.1",
    "store": f"{NET}.2",
    "head": f"{NET}.10",
    "one": f"{NET}.11",
    "two": f"{NET}.12",
}
HOSTS = ("head", "one", "two")
PREFIX = "caviar-"
TOOLS = ("ip", "unshare", "nsenter", "sshd", "ssh", "ssh-keygen", "rsync")


def why_not() -> str | None:
    """Why there can be no hosts here; None where there can."""
    if sys.platform != "linux":
        return f"hosts are made of Linux namespaces, and this is {sys.platform}"
    if os.geteuid() != 0:
        return "hosts are made by root"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install openssh-server rsync iproute2"
    try:
        import aiohttp  # noqa: F401 - what ray[default] adds
    except ModuleNotFoundError:
        return "the job API is missing: pip install 'caviar-tune[cluster]'"
    return None


class Lab:
    """The hosts; `folder` holds their keys, what they share, and the laptop's home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shared = folder / "shared"
        self.events = folder / "events"
        self.home = folder / "laptop"
        self.file = folder / "cluster.yaml"
        self._pids: dict[str, int] = {}

    # Making and taking away.

    def make(self) -> None:
        """The network, the folder that is shared, and every host; a host that is off comes back."""
        for path in (self.shared, self.events, self.home):
            path.mkdir(parents=True, exist_ok=True)
        if not self.shared.is_mount():
            run("mount", "-t", "tmpfs", "-o", "size=200m", "shared", str(self.shared))
        for key in ("id", "hostkey"):
            if not (self.folder / key).exists():
                run("ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(self.folder / key))
        paths = f"export PATH={Path(sys.prefix) / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
        # Read again by every `bash -c` under sshd: what Ray has put before it must stay.
        (self.folder / "bashrc").write_text(
            f"{paths} PYTHONPATH=${{PYTHONPATH:-$HOME/caviar}} RAY_USAGE_STATS_ENABLED=0\n"
        )
        self._make_network()
        for host in HOSTS:
            self.on(host)

    def _make_network(self) -> None:
        if Path("/run/netns", f"{PREFIX}net").exists():
            return
        run("ip", "netns", "add", f"{PREFIX}net")
        inside = ["ip", "-n", f"{PREFIX}net"]
        run(*inside, "link", "add", "name", "bridge", "type", "bridge")
        run(*inside, "addr", "add", f"{NET}.254/24", "dev", "bridge")
        run(*inside, "link", "set", "bridge", "up")
        for host, address in ADDRESSES.items():
            space = f"{PREFIX}{host}"
            run("ip", "netns", "add", space)
            cable = ["link", "add", "name", host, "type", "veth", "peer", "name", "eth0"]
            run(*inside, *cable, "netns", space)
            run(*inside, "link", "set", host, "master", "bridge", "up")
            own = ["ip", "-n", space]
            run(*own, "addr", "add", f"{address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                run(*own, "link", "set", link, "up")
            # Leads nowhere, and lets Ray find its own address.
            run(*own, "route", "add", "default", "via", f"{NET}.254")

    def on(self, host: str) -> bool:
        """Switch a host on that is off: empty, as it was when it was new; whether it was off."""
        if host in self._pids:
            return False
        kept = {str(Path(p).resolve()) for p in (sys.prefix, sys.base_prefix, *_site_folders())}
        kept = {path for path in kept if path.startswith(("/tmp", "/home", "/root", "/srv"))}
        inside = ["unshare", "-m", "-u", "-i", "-p", "--fork", "--kill-child", "bash"]
        command = [*inside, str(Path(__file__).with_name("host.sh")), host, ADDRESSES[host]]
        with (self.folder / f"{host}.log").open("w") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", f"{PREFIX}{host}", *command, str(self.folder), *kept],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pids[host] = process.pid
        wait_until(lambda: self.ssh(host, "true") == 0, 60, f"{host} does not answer ssh")
        return True

    def off(self, host: str) -> None:
        """Power off: every process of the host ends at once, its disk is gone."""
        pid = self._pids.pop(host)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        # Its other processes end with it, and hold what is mounted until they have.
        space = f"{PREFIX}{host}"
        wait_until(lambda: not run("ip", "netns", "pids", space).strip(), 30, f"{host} is not off")

    def cut(self, host: str) -> None:
        """Pull the cable of a host."""
        run("ip", "-n", f"{PREFIX}net", "link", "set", host, "down")

    def mend(self, host: str) -> None:
        """Put the cable back."""
        run("ip", "-n", f"{PREFIX}net", "link", "set", host, "up")

    def take_away(self) -> None:
        """Everything that `make` made."""
        for host in list(self._pids):
            self.off(host)
        self._forget()
        for host in (*ADDRESSES, "net"):
            if Path("/run/netns", f"{PREFIX}{host}").exists():
                run("ip", "netns", "del", f"{PREFIX}{host}")
        if self.shared.is_mount():
            # Lazily: what the launcher has left running on the laptop may look at it still.
            run("umount", "--lazy", str(self.shared))

    def _forget(self) -> None:
        """Wipe the launcher's memory: it skips the set-up of a host that was replaced by a new.

        The autoscaler on the head has a memory of its own, and is ended before it is wiped.
        """
        memory = [f"/tmp/ray/cluster-{PREFIX}lab.{kind}" for kind in ("state", "lock")]
        for path in memory:
            Path(path).unlink(missing_ok=True)
        if "head" in self._pids:
            self.inside("head", f"ray stop --force && rm -f {' '.join(memory)}")

    # Commands.

    def laptop(self, *command: object, timeout: float = 120, check: bool = True) -> str:
        """Run a command where the user sits; what it printed."""
        return run(
            *self._from("laptop", command), env=self._environment(), timeout=timeout, check=check
        )

    def start(
        self, *command: object, where: str = "laptop", log: Path | None = None
    ) -> subprocess.Popen[str]:
        """The same, going on by itself; one stream for what it prints, or a file."""
        with contextlib.ExitStack() as opened:
            return subprocess.Popen(
                self._from(where, command),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if log is None else opened.enter_context(log.open("w")),
                stderr=subprocess.STDOUT,
                text=True,
            )

    def _from(self, where: str, command: tuple[object, ...]) -> list[str]:
        """A command on the laptop or the store: this machine but for the network."""
        return ["ip", "netns", "exec", f"{PREFIX}{where}", *map(str, command)]

    def _environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("LANG", "VIRTUAL_ENV") if key in os.environ}
        return {
            **kept,
            "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "PYTHONPATH": str(REPOSITORY),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
        }

    def inside(self, host: str, command: str, *, timeout: float = 60, check: bool = True) -> str:
        """Run a shell command on a host, as its root would; works with the cable cut."""
        (child,) = (
            Path(f"/proc/{self._init(host)}/task/{self._init(host)}/children").read_text().split()
        )
        enter = ["nsenter", "-t", child, "-a", "-r", "-w", "env", "-i", "HOME=/root", "bash", "-c"]
        return run(*enter, f". /root/.bashrc; {command}", timeout=timeout, check=check)

    def _init(self, host: str) -> int:
        """ip and unshare become one process, which waits for process 1 of the host."""
        return self._pids[host]

    def ssh(self, host: str, command: str) -> int:
        """The exit code of a command over ssh."""
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
        flags = [flag for option in options for flag in ("-o", option)]
        who = ["-i", str(self.folder / "id"), *flags, f"root@{ADDRESSES[host]}"]
        command_line = self._from("laptop", ("ssh", *who, command))
        return subprocess.run(command_line, capture_output=True, timeout=20).returncode

    # The cluster.

    def write_cluster_file(self, *, cpus: int = 1, gpus: int = 1) -> None:
        """The file that is shipped for one's own machines, its three places edited."""
        config = yaml.safe_load((REPOSITORY / "clusters" / "on_premises.yaml").read_text())
        config["cluster_name"] = f"{PREFIX}lab"
        config["provider"]["head_ip"] = ADDRESSES["head"]
        config["provider"]["worker_ips"] = [ADDRESSES["one"], ADDRESSES["two"]]
        config["auth"] = {"ssh_user": "root", "ssh_private_key": str(self.folder / "id")}
        config["file_mounts"]["~/caviar"] = str(REPOSITORY)
        # No registry is in reach: the packages of this machine are those of the hosts.
        config["setup_commands"] = [config["setup_commands"][0]]
        head, worker = (f"{part}_start_ray_commands" for part in ("head", "worker"))
        room = f" --num-cpus={cpus} --num-gpus={gpus} --object-store-memory=100000000"
        for kind in (head, worker):
            config[kind][-1] += room
        self.file.write_text(yaml.safe_dump(config))

    def ray_up(self, *, nodes: int = 3) -> float:
        """`ray up`, and wait until so many nodes have joined; the seconds it took."""
        began = time.monotonic()
        self._forget()
        self.laptop("ray", "get-auth-token", "--generate")
        self.laptop("ray", "up", "-y", "--no-config-cache", self.file, timeout=180)
        wait_until(lambda: self.nodes() == nodes, 180, f"fewer than {nodes} nodes have joined")
        return time.monotonic() - began

    def nodes(self) -> int:
        """How many nodes the head takes for alive."""
        script = (
            "import ray; ray.init('auto', log_to_driver=False, logging_level='ERROR');"
            "print('alive', sum(n['Alive'] for n in ray.nodes()))"
        )
        said = self.inside("head", f"python -c {shlex.quote(script)}", check=False)
        return int(said.rpartition("alive ")[2].split()[0]) if "alive " in said else 0


def _site_folders() -> list[str]:
    """Where this interpreter's packages come from."""
    return [path for path in sys.path if path.endswith("site-packages")]


def run(
    *command: object,
    env: dict[str, str] | None = None,
    timeout: float = 60,
    check: bool = True,
) -> str:
    """Run a command; both its streams. AssertionError with them when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0 or not check, (
        f"{command} ended with {done.returncode}:\n{done.stdout}"
    )
    return done.stdout


def wait_until(done, seconds: float, otherwise: str, every: float = 0.5) -> float:
    """Wait for a condition; the seconds it took."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, f"{otherwise} after {seconds} s"
        time.sleep(every)
    return time.monotonic() - began

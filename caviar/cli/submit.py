"""`caviar submit`: run a command on a cluster as a job, follow its log, stop it.

A job runs on the head; what it needs of yours, the working directory and the variables that you
name, goes to every machine. The command is quoted as the shell quoted it here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.errors import UsageError
from caviar.ray import cluster, job_client

if TYPE_CHECKING:
    from caviar.ray.job_client import JobSubmissionClient

EXCLUDED = ["/.git/", "/.venv/", "/results/", "__pycache__/", ".mypy_cache/", ".pytest_cache/"]
"""What of a working directory never travels, as .gitignore writes it."""
MOST_BYTES = 200 * 2**20
"""How large a working directory may be: Ray sends it to every machine."""
_FORWARD_SECONDS = 60.0


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Put the command on the parser of `caviar`."""
    parser = commands.add_parser(
        "submit",
        help="run a command on a cluster as a job",
        usage="caviar submit CLUSTER [OPTIONS] -- COMMAND …",
        description="Run a command on a cluster as a job and follow its log: caviar submit "
        "cluster.yaml -- caviar sweep asha_optuna --storage /shared/results. The exit code is the "
        "command's.",
    )
    parser.add_argument(
        "cluster", help="the file that ray up took, or the address of a dashboard: http://…:8265"
    )
    parser.add_argument(
        "--working-dir",
        metavar="DIR",
        type=Path,
        help="a folder that travels to every machine, where the command runs; none by default",
    )
    parser.add_argument(
        "--env",
        metavar="NAME[=VALUE]",
        action="append",
        default=[],
        help="a variable of every machine; without a value it is taken from the environment here",
    )
    parser.add_argument("--no-follow", action="store_true", help="return when the job is accepted")
    parser.add_argument("--follow", metavar="JOB", help="follow the log of a job that runs")
    parser.add_argument("--stop", metavar="JOB", help="stop a job: a sweep saves its trials first")
    parser.set_defaults(run=_submit)


def _submit(asked: argparse.Namespace) -> int:
    words: list[str] = asked.words  # what stood after --
    if bool(words) + bool(asked.follow) + bool(asked.stop) != 1:
        raise UsageError(
            "caviar submit takes a command after --, or --follow JOB, or --stop JOB: one of them."
        )
    runtime = runtime_env(asked.working_dir, asked.env) if words else {}
    cluster.use_the_token()
    with _address(asked.cluster) as address:
        client = job_client.connect(address, asked.cluster)
        if asked.stop:
            return _stop(client, asked.stop)
        job = asked.follow or client.submit_job(entrypoint=shlex.join(words), runtime_env=runtime)
        if words:
            print(f"job {job}", flush=True)
        if asked.no_follow:
            return 0
        return _follow(client, job, asked.cluster)


def runtime_env(working_dir: Path | None, env: Sequence[str]) -> dict[str, Any]:
    """What of ours goes to every machine.

    Raises `UsageError` for a folder that is none or too large, and for a variable that is not
    set here.
    """
    variables = {}
    for assignment in env:
        name, equals, value = assignment.partition("=")
        if not equals and name not in os.environ:
            raise UsageError(f"--env {name} takes the value from the environment, and it has none.")
        variables[name] = value if equals else os.environ[name]
    found: dict[str, Any] = {"env_vars": variables} if variables else {}
    if working_dir is not None:
        if not working_dir.is_dir():
            raise UsageError(f"--working-dir must be a folder, and {working_dir} is none.")
        size = _bytes(working_dir)
        if size > MOST_BYTES:
            raise UsageError(
                f"--working-dir {working_dir} holds {size / 2**20:,.0f} MiB and must hold at most "
                f"{MOST_BYTES / 2**20:.0f}: name a smaller folder. Data belongs on the storage."
            )
        found |= {"working_dir": str(working_dir.resolve()), "excludes": EXCLUDED}
    return found


def _bytes(folder: Path) -> int:
    """The size of what would travel."""
    left_out = {pattern.strip("/") for pattern in EXCLUDED}
    total = 0
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in left_out]
        total += sum(Path(path, name).lstat().st_size for name in names)
    return total


@contextlib.contextmanager
def _address(target: str) -> Iterator[str]:
    """The dashboard's address; the port of a cluster file's is forwarded, being on loopback."""
    if "://" in target:
        yield target
        return
    if not Path(target).is_file():
        raise UsageError(
            f"{target!r} is neither a file that `ray up` took nor an address such as "
            "http://127.0.0.1:8265."
        )
    port = _free_port()
    ray = str(Path(sys.executable).with_name("ray"))
    command = [ray, "dashboard", "--no-config-cache", "--port", str(port), target]
    forwarding = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        _wait_for(port, forwarding, target)
        yield f"http://127.0.0.1:{port}"
    finally:
        forwarding.terminate()
        forwarding.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int, forwarding: subprocess.Popen[bytes], target: str) -> None:
    until = time.monotonic() + _FORWARD_SECONDS
    while time.monotonic() < until and forwarding.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise UsageError(
        f"The head of {target} cannot be reached: is the cluster up (ray up {target}), and does "
        f"`ray dashboard {target}` work?"
    )


def _stop(client: JobSubmissionClient, job: str) -> int:
    status, as_asked = job_client.stop(client, job)
    print(f"job {job} {status}")
    return 0 if as_asked else 1


def _follow(client: JobSubmissionClient, job: str, target: str) -> int:
    """Print the log as it grows; the exit code of the command, 1 for a job that did not end."""
    job_client.status(client, job)
    shown = 0
    try:
        while True:
            ended = client.get_job_status(job).is_terminal()
            log = client.get_job_logs(job)
            sys.stdout.write(log[shown:])
            sys.stdout.flush()
            shown = len(log)
            if ended:
                break
            time.sleep(1.0)
    except KeyboardInterrupt:
        print(
            f"\njob {job} runs on\n  caviar submit {target} --follow {job}\n"
            f"  caviar submit {target} --stop {job}"
        )
        return 130
    info = client.get_job_info(job)
    if info.driver_exit_code is not None:
        return int(info.driver_exit_code)
    print(f"job {job} {info.status.lower()}: {info.message}", file=sys.stderr)
    return 1

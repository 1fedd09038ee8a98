"""An S3 on a machine of its own: moto's server, on the bridge that the hosts hang on."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from lab import ADDRESSES, Lab, wait_until

PORT = 5000
_SERVER = f"http://{ADDRESSES['store']}:{PORT}"
STORAGE = (
    f"s3://sweeps/all?endpoint_override={ADDRESSES['store']}:{PORT}&scheme=http&region=us-east-1"
)
# Without the last each process waits 8 s for Amazon's metadata service, which no host here has.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}

_MAKE = """
import boto3
client = boto3.client("s3", endpoint_url="{server}", region_name="us-east-1")
client.create_bucket(Bucket="sweeps")
"""
_COPY = """
from pathlib import Path
from caviar import experiments
print("copy", experiments.find("{name}", Path("{storage}")).folder)
"""


@contextlib.contextmanager
def store(lab: Lab) -> Iterator[None]:
    """The server with an empty bucket, for the length of a `with`."""
    command = [sys.executable, "-m", "moto.server", "-H", ADDRESSES["store"], "-p", PORT]
    # A line a request: a pipe that nobody empties would stop it.
    server = lab.start(*command, where="store", log=lab.folder / "store.log")
    try:
        wait_until(lambda: answers(lab), 60, "moto's server does not answer")
        _python(lab, _MAKE.format(server=_SERVER))
        yield
    finally:
        lab.mend("store")
        server.terminate()
        server.wait(timeout=30)


def answers(lab: Lab) -> bool:
    """Whether the laptop reaches the server."""
    asked = f"exec 3<>/dev/tcp/{ADDRESSES['store']}/{PORT} && echo open"
    return "open" in lab.laptop("timeout", 3, "bash", "-c", asked, check=False)


def copied(lab: Lab, name: str) -> Path:
    """What the sweep `name` has noted in the store, in a folder of this machine."""
    said = _python(lab, _COPY.format(name=name, storage=STORAGE))
    return Path(said.rpartition("copy ")[2].strip())


def _python(lab: Lab, script: str) -> str:
    """Run a script on the laptop with the store's credentials."""
    secrets = [f"{name}={value}" for name, value in CREDENTIALS.items()]
    return lab.laptop("env", *secrets, sys.executable, "-c", script)

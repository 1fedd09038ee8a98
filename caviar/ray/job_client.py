"""The job API of a cluster: a client, and how a job of it is stopped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from caviar.base.errors import UsageError

if TYPE_CHECKING:
    from ray.job_submission import JobStatus
    from ray.job_submission import JobSubmissionClient as JobSubmissionClient


def connect(address: str, cluster: str) -> JobSubmissionClient:
    """A client of the dashboard at `address`.

    Args:
        address: `http://HOST:PORT`.
        cluster: what the person calls it, for messages.

    Raises:
        UsageError: where it does not answer, or Ray was installed without its job API.
    """
    try:
        from ray.job_submission import JobSubmissionClient

        return JobSubmissionClient(address)
    except (ConnectionError, RuntimeError) as error:
        words = str(error).strip().partition("\n")[0]
        raise UsageError(f"{cluster} does not take jobs: {words}") from error
    except ImportError as error:
        raise UsageError(
            "caviar submit needs Ray's job API: pip install 'caviar-tune[cluster]'."
        ) from error


def status(client: JobSubmissionClient, job: str) -> JobStatus:
    """The status of a job.

    Raises:
        UsageError: where there is no such job.
    """
    try:
        return client.get_job_status(job)
    except RuntimeError as error:
        raise UsageError(f"There is no job {job!r} on this cluster.") from error


def stop(client: JobSubmissionClient, job: str) -> tuple[str, bool]:
    """Stop a job and wait for its end: its last status, and whether it ended as it was to."""
    from ray.job_submission import JobStatus

    status(client, job)
    client.stop_job(job)
    while not (last := client.get_job_status(job)).is_terminal():
        time.sleep(0.5)
    return last.lower(), last in (JobStatus.STOPPED, JobStatus.SUCCEEDED)

"""A message at the end of a night, through apprise: mail, Slack, Teams, a web hook, …"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from caviar.base.errors import UsageError


def check(variables: Iterable[str]) -> None:
    """Raise `UsageError` where a message will be wanted and could not be sent."""
    if _urls(variables):
        _apprise()


def send(variables: Iterable[str], title: str, body: str) -> str | None:
    """Send the message to each URL in these environment variables; what went wrong, or None.

    A night is not failed by a message that did not arrive, so nothing is raised. The URLs hold
    secrets and are never repeated.
    """
    urls = _urls(variables)
    if not urls:
        return None
    messages = _apprise().Apprise()
    refused = [name for name, url in urls if not messages.add(url)]
    if refused:
        return f"{' and '.join(refused)} holds no URL that apprise can send to"
    return None if messages.notify(title=title, body=body) else "the message was not delivered"


def _urls(variables: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, os.environ[name]) for name in variables if os.environ.get(name)]


def _apprise() -> Any:
    try:
        import apprise
    except ImportError as error:
        raise UsageError(
            "A message at the end of a night needs apprise: pip install 'caviar-tune[nightly]', or "
            "leave nightly.notify out."
        ) from error
    return apprise

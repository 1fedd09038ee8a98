"""A history in a database that many sweeps and many people share, in place of a file.

The password is no part of the address: it would end in every file that notes the options. libpq
takes it from PGPASSWORD or from ~/.pgpass.
"""

from __future__ import annotations

import sqlalchemy
import sqlalchemy.exc
from sqlalchemy.engine import URL, make_url

from caviar.base.errors import UsageError

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def url(text: str) -> URL:
    """The address as SQLAlchemy takes it.

    Raises `UsageError` for one that cannot be read, names another kind of database, or holds a
    password.

    >>> str(url("postgresql://me@db.example/sweeps"))
    'postgresql+psycopg://me@db.example/sweeps'
    """
    try:
        found = make_url(text)
    except sqlalchemy.exc.ArgumentError as error:
        raise UsageError(
            f"--history-url takes postgresql://USER@HOST/DATABASE, and it is {text!r}."
        ) from error
    if found.password is not None:
        raise UsageError(
            "--history-url must not hold the password, which would be written into the history: "
            "put it into PGPASSWORD or ~/.pgpass."
        )
    if found.drivername not in _DRIVERS:
        raise UsageError(
            f"--history-url takes postgresql://USER@HOST/DATABASE, and it names "
            f"{found.drivername!r}. Without the option the history is a file."
        )
    return found.set(drivername=_DRIVERS[found.drivername])


def check(text: str) -> None:
    """Connect once.

    Raises `UsageError` when the address is no good, the driver is missing, or nobody answers.
    """
    address = url(text)
    try:
        engine = sqlalchemy.create_engine(address, connect_args={"connect_timeout": 10})
    except ModuleNotFoundError as error:
        raise UsageError(
            "--history-url needs psycopg: pip install 'caviar-tune[postgres]'."
        ) from error
    try:
        with engine.connect():
            pass
    except sqlalchemy.exc.OperationalError as error:
        words = " ".join(str(error.orig).split())
        raise UsageError(f"The database of --history-url cannot be used: {words}") from error
    finally:
        engine.dispose()

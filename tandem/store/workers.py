"""Who writes, and whether they live."""

import socket
from datetime import UTC, datetime, timedelta

import psutil
from sqlalchemy import delete, insert, select, update

from tandem.store.job_schema import workers
from tandem.store.transactions import Transactions

LEASE = timedelta(seconds=30)
"""A worker that was not seen for so long is dead. It says that it lives every few seconds."""

_CLOCK = timedelta(seconds=2)
"""How far two readings of when a process began may differ."""


def lease_begin() -> datetime:
    """The moment since which a living worker has been seen."""
    return datetime.now(UTC) - LEASE


def this_host() -> str:
    """The name of this machine, or of this container."""
    return socket.gethostname()[:255]


class Workers(Transactions):
    """Tells the living from the dead."""

    def register_worker(self, worker: str) -> None:
        """Add this process, and strike out those of this host that have ended.

        A process is known by its id and by when it began: ids come again, and the first process of a
        container always has the same one.
        """
        me = _row_of(worker)
        query = select(workers.c.id, workers.c.pid, workers.c.born_at).where(workers.c.host == me["host"])
        with self._writing() as connection:
            dead = [one for one, pid, born in connection.execute(query).all() if not _lives(pid, born)]
            connection.execute(delete(workers).where(workers.c.id.in_(dead)))
            connection.execute(insert(workers).values(me))

    def seen_worker(self, worker: str) -> None:
        """Say that the worker lives, also if another process took it for dead and struck it out."""
        seen = update(workers).where(workers.c.id == worker).values(seen_at=datetime.now(UTC))
        with self._writing() as connection:
            if not connection.execute(seen).rowcount:
                connection.execute(insert(workers).values(_row_of(worker)))

    def leave_worker(self, worker: str) -> None:
        """Strike the worker out; what it had left half done is anybody's."""
        with self._writing() as connection:
            connection.execute(delete(workers).where(workers.c.id == worker))


def _row_of(worker: str) -> dict[str, object]:
    process = psutil.Process()
    return {
        "id": worker,
        "host": this_host(),
        "pid": process.pid,
        "born_at": _born(process),
        "seen_at": datetime.now(UTC),
    }


def _born(process: psutil.Process) -> datetime:
    return datetime.fromtimestamp(process.create_time(), UTC)


def _lives(pid: int, born: datetime) -> bool:
    try:
        return abs(_born(psutil.Process(pid)) - born) < _CLOCK
    except psutil.NoSuchProcess:
        return False

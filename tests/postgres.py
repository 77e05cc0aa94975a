"""A real PostgreSQL for the tests: a server of their own in a temporary folder, ended with them.

It listens on 127.0.0.1 only and asks for a password. The installation's own server, if there is one,
is left alone.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from running import free_port

WITHOUT = "TESTS_WITHOUT_POSTGRES"
"""Not `TANDEM_...`: those are settings, and an unknown one is refused."""
MISSING = (
    "PostgreSQL is not installed, and the store's tests run on it too. Install it (Debian: apt-get install "
    "postgresql; elsewhere so that its initdb is on PATH; version 13 or newer), or set "
    f"{WITHOUT}=1 to skip these tests."
)
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
_START_S = 30
_STOP_S = 20
_USER = "tandem"
_EMPTY = """
DO $$ DECLARE name text; BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public;
END $$"""


def find_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: that on PATH, else the newest of the usual places."""
    on_path = shutil.which("initdb")
    # A link to the program is followed: `postgres` stands beside the real one.
    found = [Path(on_path).resolve()] if on_path else []
    for pattern in _PLACES:
        found += sorted(Path("/").glob(f"{pattern[1:]}/initdb"), key=_version, reverse=True)
    return next((program.parent for program in found if (program.parent / "postgres").exists()), None)


def _version(initdb: Path) -> int:
    digits = "".join(char for char in initdb.parent.parent.name if char.isdigit())
    return int(digits or 0)


class Postgres:
    """One server. It can be stopped in the middle and started again on the same port and data."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._password = secrets.token_hex(8)
        self._numbers = count(1)
        self._shared: str | None = None
        self._filled: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root. Debian's package brings a user for it.
        self._owner = _unprivileged_user() if os.geteuid() == 0 else None
        self.port = free_port()
        self._make()

    def url(self, database: str = "postgres", user: str = _USER, password: str | None = None) -> str:
        return f"postgresql+psycopg://{user}:{password or self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Return when the server takes connections."""
        for _ in range(3):
            self._launch()
            if self._answers():
                return
            # Another program may have taken the port since it was found free.
            self.stop()
            self.port = free_port()
        raise AssertionError(f"PostgreSQL does not start:\n{self._log.read_text()[-4000:]}")

    def stop(self) -> None:
        """End the server at once, as a power cut does; its data stays."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database of one's own, to be changed at will, and dropped at the end; gives its name."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        yield name
        self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def emptied(self) -> str:
        """The name of one database that is the same each time, with nothing in it and nobody connected.

        A quarter of the time of a new one. What a test changes of the database itself would stay.
        """
        if self._shared is None:
            self._shared = "shared"
            self.run(f"CREATE DATABASE {self._shared} TEMPLATE template0")
        self.run(_EMPTY, self._shared)
        return self._shared

    def copied(self, made: Callable[[str], None]) -> str:
        """The same database as `emptied` gives, a copy of one that `made` has filled, once, by its URL."""
        if self._filled is None:
            self._filled = "filled"
            self.run(f"CREATE DATABASE {self._filled} TEMPLATE template0")
            made(self.url(self._filled))
        self._shared = "shared"
        self.run(f"DROP DATABASE IF EXISTS {self._shared} WITH (FORCE)")
        self.run(f"CREATE DATABASE {self._shared} TEMPLATE {self._filled}")
        return self._shared

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside of any transaction; gives its rows."""
        address = self.url(database).replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True, connect_timeout=10) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _make(self) -> None:
        word = self._folder / "password"
        word.write_text(self._password)
        if self._owner:
            for path in (self._folder, word):
                shutil.chown(path, self._owner, self._owner)
        made = subprocess.run(
            [
                *(self._programs / "initdb", "--pgdata", self._data, "--username", _USER),
                *("--auth", "scram-sha-256", "--pwfile", word),
                *("--encoding", "UTF8", "--no-locale", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **self._as_owner(),
        )
        assert made.returncode == 0, f"initdb failed:\n{made.stdout}{made.stderr}"

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            # The data need not outlive a power cut, only the server's own end.
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 60,
            "shared_buffers": "32MB",
            # Far from UTC, so that a moment that loses its zone is noticed.
            "timezone": "Asia/Kathmandu",
        }
        options: list[str] = []
        for name, value in settings.items():
            options += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_dies_with_parent(), self._programs / "postgres", "-D", self._data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for pytest, which then ends the server itself.
                start_new_session=True,
                **self._as_owner(),
            )

    def _as_owner(self) -> dict[str, Any]:
        """Arguments of `subprocess` with which a program of the server runs."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        common: dict[str, Any] = {"cwd": self._folder, "env": own | {"LC_ALL": "C"}}
        if self._owner is None:
            return common
        return common | {"user": self._owner, "group": self._owner, "extra_groups": []}

    def _answers(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False


@contextmanager
def started(programs: Path) -> Iterator[Postgres]:
    """A running server in a folder of its own; both are gone afterwards, whatever happens inside."""
    # Not pytest's folder: that one lets nobody in but the user of the tests.
    with tempfile.TemporaryDirectory(prefix="tandem-postgres-") as folder:
        server = Postgres(programs, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def silent_port() -> Iterator[int]:
    """A port at which somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def _unprivileged_user() -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _dies_with_parent() -> tuple[str, ...]:
    """Words before a command that end it, if the tests themselves are killed; Linux has them."""
    return ("setpriv", "--pdeathsig", "QUIT") if shutil.which("setpriv") else ()

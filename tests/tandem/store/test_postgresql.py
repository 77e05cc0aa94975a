"""What only a database server can do to a store: refuse, vanish, come back, and be set up otherwise."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from fault_proxy import FaultProxy, Mode
from postgres import Postgres, silent_port
from running import free_port
from sqlalchemy import make_url

from tandem.errors import StorageError, TandemError, UnavailableError
from tandem.settings import StoreSettings
from tandem.store import Store, open_store
from tandem.vocabulary import Caller, Document, Scope

CALLER = Caller("t")
DOCUMENT = Document("t", "c", "u", "title", "text/plain", "text", "0" * 64)
KNOWN = DOCUMENT.id


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as name:
        yield name


@pytest.fixture
def served(postgres: Postgres, database: str, tmp_path: Path) -> Iterator[Store]:
    """A store on the server that holds one document."""
    store = open_store(StoreSettings(url=postgres.url(database)), tmp_path)
    store.begin_version(DOCUMENT, "v1")
    store.commit_version(KNOWN, "v1")
    yield store
    store.close()


@pytest.fixture
def restarts(postgres: Postgres) -> Iterator[Postgres]:
    """The server, for a test that may leave it stopped."""
    yield postgres
    postgres.stop()
    postgres.start()


@pytest.fixture
def guest(postgres: Postgres, database: str) -> Iterator[str]:
    """A user, and its password, that owns nothing and is no superuser."""
    postgres.run("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    yield "guest"
    postgres.run(f"ALTER DATABASE {database} OWNER TO tandem")
    postgres.run("DROP OWNED BY guest", database)
    postgres.run("DROP ROLE guest")


def current(store: Store) -> dict[str, str]:
    return store.current_versions("t", [KNOWN])


def refused(url: str, folder: Path) -> TandemError:
    """The error with which opening fails; it must come within a few seconds and not tell the password."""
    began = time.monotonic()
    with pytest.raises(TandemError) as caught:
        open_store(StoreSettings(url=url), folder)
    assert time.monotonic() - began < 8
    assert caught.value.hint
    assert "wrongword" not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def test_a_wrong_password_is_told_at_the_start(postgres: Postgres, tmp_path: Path) -> None:
    error = refused(postgres.url(password="wrongword"), tmp_path)
    assert isinstance(error, UnavailableError)
    assert "password authentication failed" in error.message
    assert "store.url" in str(error.hint)


def test_a_database_that_is_not_there_is_named(postgres: Postgres, tmp_path: Path) -> None:
    error = refused(postgres.url("nosuchdatabase"), tmp_path)
    assert isinstance(error, UnavailableError)
    assert "nosuchdatabase" in error.message


def test_a_port_at_which_nobody_listens_is_unavailable(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://tandem:wrongword@127.0.0.1:{free_port()}/tandem"
    assert isinstance(refused(url, tmp_path), UnavailableError)


def test_a_host_that_says_nothing_is_given_up_after_seconds(tmp_path: Path) -> None:
    with silent_port() as port:
        url = f"postgresql+psycopg://tandem:wrongword@127.0.0.1:{port}/tandem"
        assert isinstance(refused(url, tmp_path), UnavailableError)


def test_the_url_overrules_what_a_connection_starts_with(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    names = []
    for query in ("", "?application_name=second"):
        store = open_store(StoreSettings(url=postgres.url(database) + query), tmp_path)
        with store._engine.connect() as connection:
            names.append(connection.exec_driver_sql("SHOW application_name").scalar_one())
        store.close()
    assert names == ["tandem", "second"]


def test_a_user_without_rights_is_told_what_to_grant(
    postgres: Postgres, database: str, guest: str, tmp_path: Path
) -> None:
    settings = StoreSettings(url=postgres.url(database, guest, guest))
    error = refused(str(settings.url), tmp_path)
    assert isinstance(error, StorageError)
    assert "own the database" in str(error.hint)
    postgres.run(f"ALTER DATABASE {database} OWNER TO {guest}")
    store = open_store(settings, tmp_path)
    store.begin_version(DOCUMENT, "v1")
    store.close()


def test_a_server_that_takes_no_writes_reads_and_refuses_to_write(
    postgres: Postgres, database: str, served: Store, tmp_path: Path
) -> None:
    postgres.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    store = open_store(StoreSettings(url=postgres.url(database)), tmp_path)
    assert current(store) == {KNOWN: "v1"}
    with pytest.raises(StorageError, match="no writes"):
        store.begin_version(DOCUMENT, "v2")
    store.close()


def test_a_server_without_a_free_connection_says_so(
    postgres: Postgres, database: str, guest: str, tmp_path: Path
) -> None:
    postgres.run(f"ALTER ROLE {guest} CONNECTION LIMIT 0")
    error = refused(postgres.url(database, guest, guest), tmp_path)
    assert isinstance(error, UnavailableError)
    assert "too many connections" in error.message


def test_a_lock_that_is_waited_for_too_long_is_busy(
    postgres: Postgres, database: str, served: Store, tmp_path: Path
) -> None:
    postgres.run(f"ALTER DATABASE {database} SET lock_timeout = '100ms'")
    store = open_store(StoreSettings(url=postgres.url(database)), tmp_path)
    with psycopg.connect(postgres.url(database).replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE versions")
        with pytest.raises(UnavailableError, match="busy"):
            store.begin_version(DOCUMENT, "v2")
    store.begin_version(DOCUMENT, "v2")
    store.close()


def test_a_restart_of_the_server_between_two_calls_costs_no_error(restarts: Postgres, served: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: current(served), range(4))) == [{KNOWN: "v1"}] * 4
    restarts.stop()
    restarts.start()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: current(served), range(8))) == [{KNOWN: "v1"}] * 8


def test_a_server_that_is_down_is_unavailable_until_it_is_back(restarts: Postgres, served: Store) -> None:
    restarts.stop()
    for call in (lambda: current(served), served.check, lambda: served.begin_version(DOCUMENT, "v2")):
        with pytest.raises(UnavailableError) as caught:
            call()
        assert caught.value.retry_after
        # Callers of the API see this one: it names no host and no user.
        assert caught.value.message == "The database server cannot be reached"
    restarts.start()
    served.begin_version(DOCUMENT, "v2")
    assert served.commit_version(KNOWN, "v2") == "v1"


@pytest.mark.parametrize("mode", ["refuse", "reset", "garble"])
def test_a_read_that_finds_no_connection_kept_says_unavailable(
    postgres: Postgres, database: str, tmp_path: Path, mode: Mode
) -> None:
    address = make_url(postgres.url(database))
    with FaultProxy.before("127.0.0.1", postgres.port) as proxy:
        through = address.set(port=proxy.port).render_as_string(hide_password=False)
        store = open_store(StoreSettings(url=through), tmp_path)
        store.begin_version(DOCUMENT, "v1")
        store.commit_version(KNOWN, "v1")
        proxy.mode = mode
        store.close()  # what the pool kept is gone
        for _ in range(2):
            with pytest.raises(UnavailableError):
                store.visible_versions(Scope("t"), [KNOWN])
        proxy.mode = "pass"
        assert store.visible_versions(Scope("t"), [KNOWN]) == {KNOWN: "v1"}
        store.close()


def test_a_server_that_is_stopped_inside_a_transaction_keeps_nothing_of_it(
    restarts: Postgres, served: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is real; only its moment is forced: after the first of the two updates of a switch."""
    from tandem.store import versions as module

    served.begin_version(DOCUMENT, "v2")
    real, calls = module.update, []

    def stopping(table: object) -> object:
        calls.append(table)
        if len(calls) == 2:
            restarts.stop()
        return real(table)

    monkeypatch.setattr(module, "update", stopping)
    with pytest.raises(UnavailableError):
        served.commit_version(KNOWN, "v2")
    assert len(calls) == 2
    monkeypatch.undo()
    restarts.start()
    assert current(served) == {KNOWN: "v1"}
    assert served.commit_version(KNOWN, "v2") == "v1"


def test_a_stricter_default_of_the_server_loses_no_version(
    postgres: Postgres, database: str, served: Store, tmp_path: Path
) -> None:
    postgres.run(f"ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'")
    store = open_store(StoreSettings(url=postgres.url(database)), tmp_path)

    def write(writer: int) -> None:
        for number in range(10):
            store.begin_version(DOCUMENT, f"{writer}-{number}")
            store.commit_version(KNOWN, f"{writer}-{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(store.leftovers(KNOWN)) == 40
    store.close()


def test_a_connection_notices_a_host_that_is_gone(served: Store) -> None:
    with served._engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, psycopg.Connection)
        with socket.socket(fileno=os.dup(raw.fileno())) as wire:
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000

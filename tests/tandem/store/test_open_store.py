"""Opening: migrations, and databases that refuse."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text

from tandem.errors import ConflictError, SettingsError, StorageError, UnavailableError
from tandem.settings import StoreSettings
from tandem.store import Store, open_store
from tandem.store.columns import metadata
from tandem.store.migrating import MIGRATIONS, NEWEST
from tandem.vocabulary import Caller, Document

FILE = "store.sqlite3"


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def put(store: Store, document: Document, version: str) -> None:
    store.begin_version(document, version)
    store.commit_version(document.id, version, 1)


def document(content: str = "text", uri: str = "u") -> Document:
    return Document("t", "c", uri, "title", "text/plain", content, "0" * 64)


def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_migration_can_be_taken_back_and_done_again(
    store: Store, store_url: str | None, tmp_path: Path
) -> None:
    config = alembic_config()
    for revision in ("base", NEWEST):
        with store._engine.begin() as connection:
            config.attributes["connection"] = connection
            if revision == "base":
                command.downgrade(config, revision)
                assert inspect(connection).get_table_names() == ["alembic_version"]
            else:
                command.upgrade(config, revision)
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    put(store, document(), "v1")
    # Once more over data, and by the way that a start takes.
    with store._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    again = open_store(StoreSettings(url=store_url), tmp_path)
    assert again.corpora(Caller("t")) == []
    again.close()


def test_a_migration_that_fails_leaves_nothing_behind(
    store_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = op.create_index

    def failing(name: str, *arguments: object, **options: object) -> None:
        if name == "versions_by_state":
            raise RuntimeError("power cut")
        real(name, *arguments, **options)

    monkeypatch.setattr(op, "create_index", failing)
    with pytest.raises(RuntimeError, match="power cut"):
        open_store(StoreSettings(url=store_url), tmp_path)
    monkeypatch.undo()
    store = open_store(StoreSettings(url=store_url), tmp_path)
    put(store, document(), "v1")
    store.close()


def test_the_newest_revision_is_the_last_migration() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == NEWEST


def test_a_second_start_does_not_import_alembic(store: Store, store_url: str | None, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tandem.settings import StoreSettings;"
        "from tandem.store import open_store; open_store(StoreSettings(url=sys.argv[2] or None), Path(sys.argv[1]));"
        "print('alembic' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path, store_url or ""], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


def test_a_commit_is_durable_and_readers_do_not_block(tmp_path: Path) -> None:
    store = open_store(StoreSettings(), tmp_path)
    with store._engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    store.close()


def test_a_database_of_a_newer_tandem_is_refused_and_left_alone(
    store: Store, store_url: str | None, tmp_path: Path
) -> None:
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConflictError, match="9999"):
        open_store(StoreSettings(url=store_url), tmp_path)
    with store._engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [("9999",)]


def test_many_first_starts_at_once_all_succeed(store_url: str | None, tmp_path: Path) -> None:
    gate = Barrier(4)

    def start() -> Store:
        gate.wait(10)
        return open_store(StoreSettings(url=store_url), tmp_path)

    with ThreadPoolExecutor(4) as pool:
        starts = [pool.submit(start) for _ in range(4)]
    for started in starts:
        started.result().close()


def test_a_broken_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(StorageError) as caught:
        open_store(StoreSettings(), tmp_path)
    assert "backup" in str(caught.value.hint)


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        open_store(StoreSettings(), tmp_path / "file" / "data")


def test_a_read_only_database_reads_and_refuses_to_write(tmp_path: Path) -> None:
    first = open_store(StoreSettings(), tmp_path)
    store = open_store(StoreSettings(url=f"sqlite:///file:{tmp_path / FILE}?mode=ro&uri=true"), tmp_path)
    store.check()
    with pytest.raises(StorageError):
        store.begin_version(document(), "v1")
    store.close()
    first.close()


def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    store = open_store(StoreSettings(), tmp_path)
    event.listen(
        store._engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 30")
    )
    store.begin_version(document("small"), "v1")
    store.commit_version(document().id, "v1")
    with pytest.raises(StorageError, match="full"):
        store.begin_version(document("x" * 1_000_000), "v2")
    assert store.leftovers() == []
    assert store.current_versions("t", [document().id]) == {document().id: "v1"}
    store.close()


def test_a_locked_database_is_unavailable_rather_than_broken(tmp_path: Path) -> None:
    store = open_store(StoreSettings(), tmp_path)
    event.listen(
        store._engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 1")
    )
    store.close()
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError):
        store.begin_version(document(), "v1")
    other.execute("ROLLBACK")
    other.close()
    store.begin_version(document(), "v1")
    store.close()


def test_many_threads_write_without_losing_a_version(store: Store) -> None:
    def write(thread: int) -> None:
        for number in range(5):
            put(store, document(uri=f"{thread}/{number}"), "v1")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    (corpus,) = store.corpora(Caller("t"))
    assert corpus.documents == 20


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "postgresql+nosuchdriver://x/y"])
def test_a_url_that_cannot_be_used_is_a_fault_of_the_settings(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_store(StoreSettings(url=url), tmp_path)
    assert caught.value.param == "store.url"


def test_a_reader_does_not_wait_for_long_where_a_writer_may(tmp_path: Path) -> None:
    store = open_store(StoreSettings(), tmp_path)
    waits = []
    for transaction in (store._reading, store._writing, store._reading):
        with transaction() as connection:
            waits.append(connection.execute(text("PRAGMA busy_timeout")).scalar())
    assert waits == [500, 10_000, 500]
    assert store.patience_s is None
    store.close()


def test_another_process_that_writes_holds_no_reader_back(tmp_path: Path) -> None:
    store = open_store(StoreSettings(), tmp_path)
    put(store, document(), "v1")
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert store.current_versions("t", [document().id]) == {document().id: "v1"}
    other.execute("ROLLBACK")
    other.close()
    store.close()


def test_an_answer_waits_for_a_database_server_no_longer_than_a_second(
    store: Store, store_url: str | None
) -> None:
    assert store.patience_s == (None if store_url is None else 0.8)


def test_the_settings_say_how_long_an_answer_waits_for_a_database_server(
    store: Store, store_url: str | None, tmp_path: Path
) -> None:
    other = open_store(StoreSettings(url=store_url, timeout_s=3.0), tmp_path)
    assert other.patience_s == (None if store_url is None else 3.0)
    other.close()


def test_connections_to_a_file_stay_open_for_those_who_read_next(tmp_path: Path) -> None:
    store = open_store(StoreSettings(), tmp_path)
    opened, together = list[object](), Barrier(12)
    event.listen(store._engine, "connect", lambda connection, _: opened.append(connection))

    def read(_: int) -> None:
        with store._engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            together.wait(30)

    with ThreadPoolExecutor(12) as threads:
        for _ in range(3):
            list(threads.map(read, range(12)))
    assert len(opened) <= 12
    store.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names no file") as raised:
        open_store(StoreSettings(url=url), tmp_path)
    assert raised.value.param == "store.url"

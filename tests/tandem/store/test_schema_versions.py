from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import bindparam, inspect, text

from tandem.errors import ConflictError, InvalidRequestError
from tandem.settings import StoreSettings
from tandem.store import open_store
from tandem.store.columns import UtcDateTime
from tandem.store.migrating import NEWEST
from tandem.store.open import database
from tandem.store.schema_versions import change_schema, schema_versions
from tandem.store.transactions import WRITES

LOOKED = datetime(2026, 11, 28, 14, tzinfo=UTC)


@pytest.fixture
def settings(store_url: str | None, tmp_path: Path) -> StoreSettings:
    """Of a database that was opened once."""
    made = StoreSettings(url=store_url)
    open_store(made, tmp_path).close()
    return made


def tables(settings: StoreSettings, folder: Path) -> set[str]:
    engine = database(settings.url, folder)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def now(settings: StoreSettings, folder: Path) -> list[str]:
    return [one.revision for one in schema_versions(settings, folder) if one.current]


def test_the_versions_are_told_with_what_each_brought(settings: StoreSettings, tmp_path: Path) -> None:
    known = schema_versions(settings, tmp_path)
    assert [one.revision for one in known] == sorted(one.revision for one in known)
    assert all(one.said for one in known)
    assert now(settings, tmp_path) == [NEWEST]


def test_the_schema_goes_back_and_forth_and_keeps_what_both_have(
    settings: StoreSettings, tmp_path: Path
) -> None:
    store = open_store(settings, tmp_path)
    store.save_prompt("mine", "{{ question }}", "ann")
    store.close()
    change_schema(settings, tmp_path, "0010")
    assert now(settings, tmp_path) == ["0010"]
    assert "audit_log" not in tables(settings, tmp_path)
    change_schema(settings, tmp_path, NEWEST)
    store = open_store(settings, tmp_path)
    assert store.prompt("mine").author == "ann"
    assert store.audit_entries() == []
    store.close()


def test_the_one_table_of_turns_keeps_when_alerts_were_last_looked_at(
    settings: StoreSettings, tmp_path: Path
) -> None:
    change_schema(settings, tmp_path, "0018")
    assert "looks" in tables(settings, tmp_path)
    engine = database(settings.url, tmp_path)
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            put = text("INSERT INTO looks (name, at) VALUES ('alerts', :at)")
            connection.execute(put.bindparams(bindparam("at", LOOKED, UtcDateTime)))
    engine.dispose()
    change_schema(settings, tmp_path, NEWEST)
    assert "looks" not in tables(settings, tmp_path)
    store = open_store(settings, tmp_path)
    assert store.last_turn("alerts") == LOOKED
    store.close()


def test_nothing_is_changed_while_a_server_runs(settings: StoreSettings, tmp_path: Path) -> None:
    store = open_store(settings, tmp_path)
    store.register_worker("w")
    with pytest.raises(ConflictError, match="runs on this store"):
        change_schema(settings, tmp_path, "0010")
    assert now(settings, tmp_path) == [NEWEST]
    store.close()


def test_a_version_that_there_is_not_is_refused(settings: StoreSettings, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="no version"):
        change_schema(settings, tmp_path, "9999")


def test_an_empty_place_has_none_yet(tmp_path: Path) -> None:
    assert now(StoreSettings(), tmp_path / "new") == []

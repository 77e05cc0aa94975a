from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tandem.errors import NotFoundError, StorageError
from tandem.store import Store
from tandem.vocabulary import Caller


def filled(store: Store) -> Store:
    """With a prompt, a recipe, a champion and a job, each changed by somebody."""
    prompt, _ = store.save_prompt("mine", "{{ question }}", "key:ann", "first")
    store.save_recipe("mine", "d" * 64, {}, ("mine", prompt.hash), "key:ann")
    store.set_champion("mine", None, author="key:bob", reason="better", initial="rag")
    store.create_job(Caller("acme", "user:cid"), "docs", {"sources": []})
    return store


def test_every_change_says_who_made_it(store: Store) -> None:
    said = [(one.subject, one.tenant, one.action, one.object) for one in filled(store).audit_entries()]
    assert said == [
        ("user:cid", "acme", "ingestion.started", "docs"),
        ("key:bob", "*", "champion.changed", "mine"),
        ("tandem", "*", "champion.changed", "rag"),
        ("key:ann", "*", "recipe.saved", "mine@1"),
        ("key:ann", "*", "prompt.saved", "mine@1"),
    ]


def test_a_champion_says_what_it_took_the_place_of(store: Store) -> None:
    newest = filled(store).audit_entries("*")[0]
    assert newest.details == {"from": "rag", "reason": "better"}


def test_a_change_that_fails_is_not_in_the_log(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.save_recipe("mine", "d" * 64, {}, ("mine", "0" * 64), "key:ann")
    assert store.audit_entries() == []


def test_what_changes_nothing_is_not_in_the_log(store: Store) -> None:
    for _ in range(2):
        store.save_prompt("mine", "{{ question }}", "key:ann")
    assert len(store.audit_entries()) == 1


def test_a_tenant_sees_its_own_changes_alone(store: Store) -> None:
    filled(store).create_job(Caller("other"), "docs", {"sources": []})
    assert {one.tenant for one in store.audit_entries("acme")} == {"acme"}


def test_the_log_is_read_page_by_page(store: Store) -> None:
    all_of_it = filled(store).audit_entries()
    first = store.audit_entries(limit=2)
    assert first + store.audit_entries(before=first[-1].number) == all_of_it


def test_a_whole_log_gives_its_newest_hash(store: Store) -> None:
    assert store.verify_audit() == (0, "0" * 64)
    newest = filled(store).audit_entries()[0]
    assert store.verify_audit() == (5, newest.hash)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_log SET subject = 'nobody' WHERE number = 3",
        "DELETE FROM audit_log WHERE number = 3",
        "DELETE FROM audit_log",
    ],
)
def test_the_database_refuses_to_change_or_remove_an_entry(store: Store, change: str) -> None:
    filled(store)
    with pytest.raises(DBAPIError, match="only added to"), store._engine.begin() as connection:
        connection.execute(text(change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE audit_log SET subject = 'nobody' WHERE number = 3", "entry 3 is not what was written"),
        ("UPDATE audit_log SET details = '{}' WHERE number = 4", "entry 4 is not what was written"),
        ("DELETE FROM audit_log WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM audit_log WHERE number = 1", "entry 1 is missing"),
    ],
)
def test_an_entry_that_was_changed_all_the_same_is_found(store: Store, change: str, said: str) -> None:
    filled(store)
    with store._engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER ALL"))
        else:
            for event in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER audit_log_refuses_{event}"))
        connection.execute(text(change))
    with pytest.raises(StorageError, match=said):
        store.verify_audit()


def test_a_log_that_was_cut_short_is_found_by_a_hash_kept_elsewhere(store: Store) -> None:
    filled(store)
    with pytest.raises(StorageError, match="cut off"):
        store.verify_audit("f" * 64)
    for entry in store.audit_entries():
        assert store.verify_audit(entry.hash)[0] == 5


def test_half_characters_and_nul_do_not_break_the_chain(store: Store) -> None:
    store.audit(
        subject="key:\ud800\x00", action="prompt.saved", object="\x00", details={"note": "ü\u2028\ud800"}
    )
    assert store.verify_audit()[0] == 1


def test_many_writers_at_once_make_one_chain(store: Store, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.audit(subject=f"s{n}", action="key.created", object="k"), range(40)))
    assert store.verify_audit()[0] == 40

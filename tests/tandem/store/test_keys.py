"""Keys, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from tandem.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from tandem.keys import (
    KeyWish,
    create_first_key,
    create_key,
    keys_for,
    parse_key,
    revoke_key,
    rotate_key,
)
from tandem.store import Store
from tandem.vocabulary import Caller, KeyScope

OPERATOR = Caller(subject="local")
ADMIN = Caller("acme", "key:a", frozenset({KeyScope.ADMIN}))
CHAT = frozenset({KeyScope.CHAT})


def test_a_key_is_kept_by_its_hash_and_shown_once(store: Store) -> None:
    wish = KeyWish(" ada ", CHAT, "acme", ("staff", "board", "staff"), timedelta(days=1))
    issued = create_key(store, OPERATOR, wish)
    parts = parse_key(issued.text)
    assert parts is not None
    assert (parts.id, parts.hash) == (issued.key.id, issued.key.hash)
    found = store.key(issued.key.id)
    assert found == issued.key
    assert (found.tenant, found.name, found.scopes, found.groups) == ("acme", "ada", CHAT, ("board", "staff"))
    assert found.created_by == "local"
    assert found.expires_at is not None
    assert found.expires_at - found.created_at > timedelta(hours=23)
    secret = issued.text.rsplit("_", 1)[1]
    assert len(secret) == 52
    for shown in (repr(issued), repr(issued.key), str(store.audit_entries())):
        assert secret not in shown
        assert issued.key.hash not in shown


def test_no_two_keys_are_alike(store: Store) -> None:
    texts = {create_key(store, OPERATOR, KeyWish("k", CHAT)).text for _ in range(20)}
    assert len({parse_key(text) for text in texts}) == 20


@pytest.mark.parametrize(
    "text", ["", "tdm_", "tdm_a_b", "TDM_AAAAAAAAAAAAAAAA_" + "a" * 52, "tdm_aaaaaaaaaaaaaaaa_" + "a" * 53]
)
def test_what_is_no_key_has_no_parts(text: str) -> None:
    assert parse_key(text) is None


def test_groups_none_all_and_some(store: Store) -> None:
    for named, kept in (((), ()), (("*",), None), (("a", "*"), None), (("b", "a"), ("a", "b"))):
        issued = create_key(store, OPERATOR, KeyWish("k", CHAT, groups=named))
        assert store.key(issued.key.id).groups == kept


def test_a_rotated_key_has_another_secret_and_the_old_one_for_the_overlap(store: Store) -> None:
    issued = create_key(store, OPERATOR, KeyWish("k", CHAT))
    again = rotate_key(store, OPERATOR, issued.key.id)
    assert again.text != issued.text
    assert again.key.old_hash is None
    overlapping = rotate_key(store, OPERATOR, issued.key.id, timedelta(hours=1))
    assert overlapping.key.old_hash == again.key.hash
    assert overlapping.key.old_until is not None
    assert overlapping.key.old_until > datetime.now(UTC) + timedelta(minutes=59)
    assert rotate_key(store, OPERATOR, issued.key.id).key.old_until is None


def test_a_revoked_key_stays_revoked(store: Store) -> None:
    issued = create_key(store, OPERATOR, KeyWish("k", CHAT))
    revoked = revoke_key(store, OPERATOR, issued.key.id)
    assert revoked.state(datetime.now(UTC)) == "revoked"
    assert revoke_key(store, OPERATOR, issued.key.id) == revoked
    with pytest.raises(ConflictError):
        rotate_key(store, OPERATOR, issued.key.id)
    with pytest.raises(NotFoundError):
        revoke_key(store, OPERATOR, "nosuch")


def test_followers_get_what_has_changed_and_notice_a_restored_store(store: Store) -> None:
    assert store.keys_changed(0) == []
    first = create_key(store, OPERATOR, KeyWish("1", CHAT)).key
    second = create_key(store, OPERATOR, KeyWish("2", CHAT)).key
    assert store.keys_changed(0) == [first, second]
    assert store.keys_changed(second.changed) == []
    revoked = revoke_key(store, OPERATOR, first.id)
    assert store.keys_changed(second.changed) == [revoked]
    store.use_keys({second.id: datetime.now(UTC)})
    assert store.keys_changed(revoked.changed) == []
    assert store.key(second.id).last_used is not None
    assert store.keys_changed(revoked.changed + 1) is None


def test_the_first_key_is_made_once(store: Store) -> None:
    first = create_first_key(store)
    assert first is not None
    assert first.key.scopes == {KeyScope.OPERATOR}
    assert first.key.groups is None
    assert create_first_key(store) is None
    revoke_key(store, OPERATOR, first.key.id)
    assert create_first_key(store) is None


def test_an_admin_makes_keys_of_its_own_tenant_that_allow_no_more_than_it_may(store: Store) -> None:
    made = create_key(store, ADMIN, KeyWish("k", frozenset({KeyScope.ADMIN, KeyScope.CHAT})))
    assert made.key.tenant == "acme"
    limited = Caller("acme", "key:l", frozenset({KeyScope.ADMIN}), ("staff",))
    create_key(store, limited, KeyWish("k", CHAT, groups=("staff",)))
    for author, wish in (
        (ADMIN, KeyWish("k", CHAT, "other")),
        (ADMIN, KeyWish("k", frozenset({KeyScope.OPERATOR}))),
        (Caller("acme", "key:c", CHAT), KeyWish("k", CHAT)),
        (limited, KeyWish("k", CHAT, groups=("*",))),
        (limited, KeyWish("k", CHAT, groups=("staff", "board"))),
    ):
        with pytest.raises(ForbiddenError):
            create_key(store, author, wish)
    assert len(store.keys()) == 2


def test_keys_of_others_are_out_of_an_admins_reach(store: Store) -> None:
    other = create_key(store, OPERATOR, KeyWish("other", CHAT, "other")).key
    above = create_key(store, OPERATOR, KeyWish("above", frozenset({KeyScope.OPERATOR}), "acme", ("*",))).key
    for change in (rotate_key, revoke_key):
        with pytest.raises(NotFoundError):
            change(store, ADMIN, other.id)
        # With its new secret the admin would be an operator.
        with pytest.raises(ForbiddenError):
            change(store, ADMIN, above.id)
    assert [key.id for key in keys_for(store, ADMIN)] == [above.id]
    assert {key.id for key in keys_for(store, OPERATOR)} == {other.id, above.id}


@pytest.mark.parametrize(
    "wish",
    [
        KeyWish("", CHAT),
        KeyWish("  ", CHAT),
        KeyWish("a\x00b", CHAT),
        KeyWish("a" * 201, CHAT),
        KeyWish("k", frozenset()),
        KeyWish("k", CHAT, "No Tenant"),
        KeyWish("k", CHAT, "../x"),
        KeyWish("k", CHAT, groups=("",)),
        KeyWish("k", CHAT, groups=("g" * 201,)),
        KeyWish("k", CHAT, expires_in=timedelta()),
    ],
)
def test_a_wish_that_makes_no_sense_makes_no_key(store: Store, wish: KeyWish) -> None:
    with pytest.raises(InvalidRequestError):
        create_key(store, OPERATOR, wish)
    assert store.keys() == []


def test_every_change_is_in_the_audit_log(store: Store) -> None:
    issued = create_key(store, ADMIN, KeyWish("k", CHAT))
    rotate_key(store, ADMIN, issued.key.id)
    revoke_key(store, ADMIN, issued.key.id)
    said = [(e.tenant, e.subject, e.action, e.object) for e in store.audit_entries()]
    expected = [("acme", "key:a", f"key.{what}", issued.key.id) for what in ("revoked", "rotated", "created")]
    assert said == expected
    assert store.verify_audit() is not None

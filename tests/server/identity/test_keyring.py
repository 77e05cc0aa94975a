"""Keys in memory: as fast as memory, never older than a second, and closed where nobody can look."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.identity import open_principals
from server.identity.keyring import Keyring
from server.repeating import repeat
from tandem.errors import StorageError, UnauthenticatedError
from tandem.keys import KeyWish, create_key, parse_key, revoke_key, rotate_key
from tandem.settings import IdentitySettings, StoreSettings
from tandem.store import ApiKey, Store, open_store
from tandem.vocabulary import Caller, KeyScope

OWNER = Caller()
CHAT = frozenset({KeyScope.CHAT})


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    store = open_store(StoreSettings(), tmp_path)
    yield store
    store.close()


def make(store: Store, **wish: object) -> str:
    return create_key(store, OWNER, KeyWish(**{"name": "k", "scopes": CHAT} | wish)).text


async def found(ring: Keyring, text: str) -> ApiKey | None:
    parts = parse_key(text)
    assert parts is not None
    return await ring.find(parts)


async def test_a_key_is_found_at_once_and_only_by_its_secret(kept: Store) -> None:
    ring = Keyring(kept)
    text, other = make(kept), make(kept)
    assert (await found(ring, text)).id in text
    later = make(kept)  # made elsewhere, an instant ago
    assert await found(ring, later)
    swapped = f"{text.rsplit('_', 1)[0]}_{other.rsplit('_', 1)[1]}"
    assert await found(ring, swapped) is None


async def test_a_revoked_key_holds_no_longer_than_a_second_though_nobody_follows(kept: Store) -> None:
    ring = Keyring(kept)
    text = make(kept)
    key = await found(ring, text)
    revoke_key(kept, OWNER, key.id)
    begun = time.monotonic()
    while await found(ring, text):
        assert time.monotonic() - begun < 1.0
        await asyncio.sleep(0.02)


async def test_an_old_secret_holds_for_the_overlap_and_no_longer(kept: Store) -> None:
    ring = Keyring(kept)
    text = make(kept)
    known = parse_key(text).id
    newer = rotate_key(kept, OWNER, known, timedelta(seconds=0.3)).text
    assert await found(ring, text)
    assert await found(ring, newer)
    await asyncio.sleep(0.4)
    assert await found(ring, text) is None
    assert await found(ring, newer)
    newest = rotate_key(kept, OWNER, known).text
    await ring.refresh()
    assert await found(ring, newer) is None
    assert await found(ring, newest)


async def test_an_expired_key_holds_no_longer(kept: Store) -> None:
    ring = Keyring(kept)
    text = make(kept, expires_in=timedelta(seconds=0.3))
    assert await found(ring, text)
    await asyncio.sleep(0.35)
    assert await found(ring, text) is None


async def test_lookups_ask_the_database_a_few_times_a_second_at_most(
    kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    real = kept.keys_changed

    def counted(after: int) -> list[ApiKey] | None:
        looks.append(after)
        return real(after)

    monkeypatch.setattr(kept, "keys_changed", counted)
    ring = Keyring(kept)
    text = make(kept)
    for _ in range(1_000):
        assert await found(ring, text)
    assert len(looks) <= 3
    # Neither do many who make ids up, all at once.
    made_up = [f"tdm_{'a' * 14}{n:02}_{'a' * 52}".replace("0", "b").replace("1", "c") for n in range(100)]
    made_up = [one for one in made_up if parse_key(one)]
    before = len(looks)
    assert not any(await asyncio.gather(*(found(ring, one) for one in made_up for _ in range(20))))
    assert len(looks) - before <= 2


async def test_without_the_store_no_key_holds(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring(kept)
    text = make(kept)
    assert await found(ring, text)

    def broken(after: int) -> list[ApiKey] | None:
        raise StorageError("The disk refuses")

    monkeypatch.setattr(kept, "keys_changed", broken)
    await asyncio.sleep(0.85)
    with pytest.raises(StorageError):
        await found(ring, text)


async def test_a_restored_store_is_read_anew(kept: Store, tmp_path: Path) -> None:
    ring = Keyring(kept)
    text = make(kept)
    make(kept)
    assert await found(ring, text)
    (tmp_path / "other").mkdir()
    other = open_store(StoreSettings(), tmp_path / "other")
    ring._store = other
    await ring.refresh()
    assert await found(ring, text) is None
    other.close()


async def test_uses_are_noted_once_a_minute_and_at_the_end(kept: Store) -> None:
    ring = Keyring(kept)
    text = make(kept)
    key = await found(ring, text)
    await ring.follow()
    first = kept.key(key.id).last_used
    assert first is not None
    assert datetime.now(UTC) - first < timedelta(seconds=5)
    await found(ring, text)
    await ring.follow()
    assert kept.key(key.id).last_used == first
    await ring.close()
    assert kept.key(key.id).last_used > first


async def test_the_loader_tells_owner_key_and_stranger_apart(kept: Store) -> None:
    strict = open_principals(IdentitySettings(), kept)
    text = make(kept, tenant="acme", groups=("staff",))
    caller = await strict.load(f"bearer  {text} ")
    assert caller == Caller("acme", f"key:{parse_key(text).id}", CHAT, ("staff",))
    assert await strict.load(f"Bearer {strict.local_key}") == Caller()
    assert open_principals(IdentitySettings(), kept).local_key != strict.local_key
    bad = (None, "", "Bearer", "Bearer ", f"Basic {text}", text, f"Bearer {text}x", "Bearer tdm_", "Bearer é")
    for header in (*bad, f"Bearer {text[:-1]}", "Bearer none", f"Bearer {strict.local_key[:-1]}"):
        with pytest.raises(UnauthenticatedError) as refused:
            await strict.load(header)
        assert text[-20:] not in str(refused.value.body())
    assert strict.local_key not in repr(strict)


async def test_where_no_key_is_required_a_wrong_one_is_refused_all_the_same(kept: Store) -> None:
    lax = open_principals(IdentitySettings(required=False), kept)
    for header in (None, "Bearer none", "Bearer sk-of-another-service"):
        assert await lax.load(header) == Caller()
    text = make(kept, tenant="acme")
    assert (await lax.load(f"Bearer {text}")).tenant == "acme"
    for header in (f"Bearer {text[:-2]}aa", "Bearer tdm_x", "Bearer tdl_x"):
        with pytest.raises(UnauthenticatedError):
            await lax.load(header)


async def test_following_ends_whenever_it_is_told_to(kept: Store) -> None:
    ring = Keyring(kept)
    for n in range(200):
        following = asyncio.create_task(repeat(ring.follow, "keys_not_followed", 0.0))
        # At another moment each time: before a look, in the middle of one, and just when it has ended.
        await asyncio.sleep(n / 40_000)
        following.cancel()
        done, _ = await asyncio.wait({following}, timeout=5)
        assert done

"""What stands before the routes: scopes, keys that have ended, groups in the cache's key, and the second look."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from server.answering.retrieve import search_current
from server.api.identity import CALLER, requires
from server.fence import Fence
from server.identity.keyring import Keyring
from server.salting import Salting
from tandem.errors import ForbiddenError
from tandem.index import Query
from tandem.keys import KeyWish, create_key, parse_key, revoke_key
from tandem.settings import StoreSettings
from tandem.store import open_store
from tandem.vocabulary import Caller, Chunk, KeyScope, Passage, Scope

OWNER = Caller()


async def test_a_key_without_the_scope_is_refused() -> None:
    chatter = Caller(scopes=frozenset({KeyScope.CHAT}))
    request = Request({"type": "http", "headers": [], CALLER: chatter})
    assert await requires(KeyScope.CHAT)(request) == chatter
    with pytest.raises(ForbiddenError):
        await requires(KeyScope.ADMIN)(request)


async def test_a_key_ends_with_its_time_and_with_its_revocation(tmp_path) -> None:
    store = open_store(StoreSettings(), tmp_path)
    ring = Keyring(store)
    chat = frozenset({KeyScope.CHAT})
    kept = create_key(store, OWNER, KeyWish("kept", chat))
    brief = create_key(store, OWNER, KeyWish("brief", chat, expires_in=timedelta(milliseconds=1)))
    await ring.refresh()
    assert await ring.find(parse_key(kept.text)) is not None
    assert brief.key.expires_at < datetime.now(UTC)
    assert await ring.find(parse_key(brief.text)) is None
    revoke_key(store, OWNER, kept.key.id)
    await ring.refresh()
    assert await ring.find(parse_key(kept.text)) is None
    store.close()


class ScriptedIndex:
    """Returns what it is told, whatever the scope: an index whose own guards have failed."""

    def __init__(self, *passages: Passage) -> None:
        self._passages = passages

    async def search_with(self, scope, query, look):
        found = [
            one for one in self._passages if (one.chunk.document_id, one.chunk.version) not in query.besides
        ]
        return found, look(found)


async def test_what_an_index_finds_is_asked_of_the_store_once_more() -> None:
    asked: list[tuple[Scope, list[str]]] = []

    class ScriptedStore:
        def visible_versions(self, scope: Scope, ids: list[str]) -> dict[str, str]:
            asked.append((scope, ids))
            return {"mine": "v1"}

    chunks = [
        Chunk(f"c{n}", "acme", "docs", name, "v1", n, "x", 0, 1, "T", "u")
        for n, name in enumerate(("mine", "hidden"))
    ]
    index = ScriptedIndex(*(Passage(one, 1.0, 1.0) for one in chunks))
    scope = Scope("acme", ("docs",), groups=("hr",))
    found = await search_current(scope, Query("x", None, 5), index, ScriptedStore())
    assert [one.chunk.document_id for one in found] == ["mine"]
    assert {each for each, _ in asked} == {scope}


def test_a_scope_takes_tenant_and_groups_from_the_caller() -> None:
    caller = replace(OWNER, tenant="acme", groups=("hr",))
    assert Scope.of(caller, ["docs"]) == Scope("acme", ("docs",), groups=("hr",))


def test_the_family_of_a_kept_answer_is_of_tenant_and_groups() -> None:
    from server.answering.cache import _family
    from server.answering.types import Question
    from tandem.prompts import PromptLibrary
    from tandem.recipes import builtin_recipes
    from tandem.settings import Settings

    settings = Settings()
    recipe = builtin_recipes(settings, PromptLibrary(), None).of_model("tandem:rag")
    services = SimpleNamespace(settings=settings, live=SimpleNamespace(collection=SimpleNamespace(name="c")))
    callers = [
        Caller(tenant, groups=groups) for tenant in ("a", "b") for groups in (None, (), ("x",), ("x", "y"))
    ]
    families = {_family(Question(one, "tandem:rag", "What?"), recipe, services) for one in callers}
    assert len(families) == len(callers)
    swapped = Question(Caller("a", groups=("y", "x")), "tandem:rag", "What?")
    assert _family(swapped, recipe, services) in families


def test_a_mark_that_stands_in_a_text_is_drawn_again() -> None:
    fence = Fence(b"key")
    first = fence.mark("How?", ["So."])

    class Quoting(str):
        """A text that quotes the first mark that is drawn, which no real one can do."""

        def __contains__(self, part: object) -> bool:
            return part == first

    assert fence.mark("How?", [Quoting("So.")]) != first


def test_a_tenants_salt_is_its_own_and_needs_the_key() -> None:
    one, other = Salting(b"k" * 32), Salting(b"l" * 32)
    assert one.of("a") == one.of("a") != one.of("b")
    assert one.of("a") != other.of("a")
    assert len(one.of("a")) == 64

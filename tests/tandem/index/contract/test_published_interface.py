"""Every request that Tandem sends to a Qdrant server is one that Qdrant publishes, and so is every answer it reads.

The recorder in each client of this folder raises at the first breach; here it is shown that it does, and that all
requests which the code can send have passed it. See `qdrant_contract` for where the facts come from.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from contract_opening import Opening
from index_chunks import VECTORS
from jsonschema import Draft202012Validator
from marked_chunks import OTHER_DOCUMENT, PAST, WORD, write
from qdrant_contract import FACTS, OPERATIONS, BreachError, check_answer, check_request, operation_of

from tandem.index import Leg, Query
from tandem.index import server as server_module
from tandem.index import server_collection as collection_module
from tandem.index.server import drop
from tandem.vocabulary import Scope

METHODS = {
    "collection_exists": "collection_exists",
    "get_collection": "get_collection",
    "create_collection": "create_collection",
    "create_payload_index": "create_field_index",
    "delete_collection": "delete_collection",
    "upsert": "upsert_points",
    "query_points": "query_points",
    "query_batch_points": "query_batch_points",
    "count": "count_points",
    "delete": "delete_points",
    "set_payload": "set_payload",
    "delete_payload": "delete_payload",
    "scroll": "scroll_points",
}
"""Which operation each method of the client is."""
SILENT = {"close"}
"""Methods that say nothing to the server."""
ID = "0a7b1a4e-6a0d-5c3e-9d07-7d1f1d2c3b4a"
MATCH = {"key": "tenant", "match": {"any": ["acme"]}}


def test_every_method_of_the_client_that_the_code_calls_is_known_here() -> None:
    called = set()
    for module in (server_module, collection_module):
        assert module.__file__ is not None
        called |= set(re.findall(r"client\.(\w+)\(", Path(module.__file__).read_text()))
    assert called - SILENT == set(METHODS)
    assert set(METHODS.values()) == set(OPERATIONS)


async def test_every_published_operation_that_the_code_uses_passes_as_it_is_sent(
    opening: Opening, over_http: None
) -> None:
    opened = await opening()
    index = opened.index
    await write(index)
    for leg in Leg:
        assert await index.search(Scope("acme"), Query(WORD, VECTORS[0], 5, leg))
    await index.set_expiry("acme", OTHER_DOCUMENT, "v2", PAST)
    await index.set_expiry("acme", OTHER_DOCUMENT, "v2", None)
    assert [page async for page in index.points()]
    await index.delete("acme")
    await drop(opened.client, opened.settings.collection)
    said = opened.recorder.exchanges
    assert {one.operation for one in said} == set(OPERATIONS)
    assert {one.status for one in said} == {200}


async def test_what_is_written_is_waited_for(opening: Opening, over_http: None) -> None:
    opened = await opening()
    await write(opened.index)
    await opened.index.set_groups("acme", OTHER_DOCUMENT, ("a",))
    await opened.index.set_groups("acme", OTHER_DOCUMENT, ())
    await opened.index.delete("acme")
    writes = [one for one in opened.recorder.exchanges if "wait" in OPERATIONS[one.operation]["query"]]
    assert len(writes) > 4
    assert {one.query.get("wait") for one in writes} == {"true"}


def test_the_facts_are_valid_schemas_and_nothing_in_a_request_is_left_open() -> None:
    for name, schema in FACTS["$defs"].items():
        Draft202012Validator.check_schema(schema)
        assert _is_closed(schema) or name in _ANSWERS, name


_ANSWERS = {
    "CollectionExistence",
    "UpdateResult",
    "CountResult",
    "QueryResponse",
    "ScrollResult",
    "CollectionInfo",
}


def _is_closed(schema: Any) -> bool:
    """Whether each object that names its fields refuses all others."""
    if isinstance(schema, list):
        return all(_is_closed(each) for each in schema)
    if not isinstance(schema, dict):
        return True
    return ("properties" not in schema or schema.get("additionalProperties") is False) and all(
        _is_closed(each) for each in schema.values()
    )


BREACHES: dict[str, tuple[str, dict[str, str], Any]] = {
    "a parameter that is not published": ("count_points", {"wait": "true"}, {}),
    "a parameter of another type": ("upsert_points", {"wait": "yes"}, {"points": []}),
    "a field that is not published": ("query_points", {}, {"limit": 3, "with_vectors": True}),
    "a field in a filter": ("count_points", {}, {"filter": {"must_have": [MATCH]}}),
    "a field in a condition": ("count_points", {}, {"filter": {"must": [MATCH | {"equals": 1}]}}),
    "a value twice": ("count_points", {}, {"filter": {"must": {"key": "a", "match": {"any": ["a", "a"]}}}}),
    "values of two kinds": (
        "count_points",
        {},
        {"filter": {"must": {"key": "a", "match": {"any": ["a", 1]}}}},
    ),
    "an id that is none": ("upsert_points", {}, {"points": [{"id": "a.md#1", "vector": [1.0]}]}),
    "no vector": ("upsert_points", {}, {"points": [{"id": ID}]}),
    "no limit": ("scroll_points", {}, {"limit": 0}),
    "no filter": ("delete_points", {}, {}),
    "a distance that is none": (
        "create_collection",
        {},
        {"vectors": {"dense": {"size": 4, "distance": "cosine"}}},
    ),
    "a body where there is none": ("collection_exists", {}, {}),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_request_that_qdrant_does_not_publish_is_a_breach(breach: str) -> None:
    with pytest.raises(BreachError):
        check_request(*BREACHES[breach])


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/collections/a/points"), ("PUT", "/collections/a/points/b"), ("GET", "/collections")],
)
def test_an_operation_that_qdrant_does_not_publish_is_a_breach(method: str, path: str) -> None:
    with pytest.raises(BreachError):
        operation_of(method, path)


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("query_points", {"points": [{"id": ID, "version": 1}]}),
        ("scroll_points", {"points": [{"id": ID, "payload": []}]}),
        ("count_points", {}),
        ("collection_exists", True),
        ("upsert_points", {"status": "done"}),
        ("get_collection", {"config": {}, "status": "green"}),
    ],
)
def test_an_answer_that_is_not_as_promised_is_a_breach(operation: str, result: Any) -> None:
    with pytest.raises(BreachError):
        check_answer(operation, {"result": result, "status": "ok", "time": 0.1})

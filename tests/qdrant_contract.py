"""Holds what is said between Tandem and a Qdrant server against Qdrant's published interface.

`openapi_facts.json` has, of Qdrant's OpenAPI document (its version and place stand in the file), the operations that
Tandem uses, and of their requests the fields that Tandem sends, in JSON Schema. A request is held to them strictly: a
field, parameter or operation that is not there is a breach, for Qdrant ignores most unknown fields without a word. Send
a new one, and it must be looked up and added. Answers are held to what the document promises, and may hold more.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from qdrant_client import AsyncQdrantClient

FACTS = json.loads((Path(__file__).parent / "tandem/index/contract/openapi_facts.json").read_text())
OPERATIONS: dict[str, Any] = FACTS["operations"]
_FORMATS = FormatChecker(formats=["uuid"])


class BreachError(AssertionError):
    """A request that Qdrant does not publish, or an answer that is not as it promises."""


@dataclass(frozen=True)
class Exchange:
    operation: str
    query: dict[str, str]
    headers: httpx.Headers
    body: Any
    status: int


def operation_of(method: str, path: str) -> str:
    """The published operation of this method and path; what stands before `/collections` is where the server is."""
    for name, published in OPERATIONS.items():
        template = re.escape(published["path"]).replace(r"\{collection_name\}", "[^/]+")
        if published["method"] == method and re.search(f"{template}$", path):
            return str(name)
    raise BreachError(f"no published operation: {method} {path}")


def check_request(operation: str, query: dict[str, str], body: Any) -> None:
    """Raises `BreachError`, with every breach named."""
    published = OPERATIONS[operation]
    parameters = {"type": "object", "properties": published["query"], "additionalProperties": False}
    found = [f"parameters: {each}" for each in _breaches(query, parameters)]
    if published["body"] is not None:
        found += _breaches(body, published["body"])
    elif body is not None:
        found.append("it has a body, and none is published")
    if found:
        raise BreachError(f"{operation}, request: " + "; ".join(found))


def check_answer(operation: str, answer: Any) -> None:
    """Raises `BreachError`."""
    properties = {"status": {"type": "string"}, "time": {"type": "number"}}
    properties["result"] = OPERATIONS[operation]["result"]
    promised = {"type": "object", "required": ["result"], "properties": properties}
    if found := _breaches(answer, promised):
        raise BreachError(f"{operation}, answer: " + "; ".join(found))


def _breaches(value: Any, schema: dict[str, Any]) -> list[str]:
    whole = {"$defs": FACTS["$defs"], **schema}
    errors = Draft202012Validator(whole, format_checker=_FORMATS).iter_errors(value)
    return [f"{each.json_path}: {each.message[:300]}" for each in errors]


@dataclass
class Recorder:
    """Sits in a client; holds every exchange against the facts as it happens, and keeps it."""

    exchanges: list[Exchange] = field(default_factory=list)

    @classmethod
    def of(cls, client: AsyncQdrantClient) -> "Recorder":
        """A recorder of all that this client says over HTTP from now on."""
        recorder = cls()
        client.http.client.add_middleware(recorder._pass_on)
        return recorder

    async def _pass_on(
        self, request: httpx.Request, send: Callable[[httpx.Request], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        operation = operation_of(request.method, request.url.path)
        query = dict(request.url.params)
        body = json.loads(request.content) if request.content else None
        check_request(operation, query, body)
        response = await send(request)
        if response.status_code == 200:
            check_answer(operation, response.json())
        self.exchanges.append(Exchange(operation, query, request.headers, body, response.status_code))
        return response

    def bodies(self, operation: str) -> list[Any]:
        """What was sent for this operation, in order."""
        return [one.body for one in self.exchanges if one.operation == operation]

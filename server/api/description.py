"""What the API's description says of every route: how it refuses, and that it wants a key."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from server.api.guard import is_open

_SCHEME = "key"


class ErrorFields(BaseModel):
    """What is wrong: for machines, for people, which field or setting is meant, and what to do."""

    type: str
    message: str
    param: str | None = None
    hint: str | None = None


class ErrorReply(BaseModel):
    """An error in OpenAI's shape."""

    error: ErrorFields


_WORDS = {
    400: "The request says something that cannot be done as asked",
    401: "No key, or one that does not hold",
    403: "The key does not allow this",
    404: "There is no such thing for this caller",
    409: "Something else holds what is needed",
    413: "Too large",
    415: "No kind of document that is read",
    422: "A document that cannot be read",
    429: "Asked for too much in this time; see Retry-After",
    500: "A fault of Tandem's own",
    502: "The engine failed",
    503: "A part is not there now; see Retry-After",
    507: "The disk refuses",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply, "description": words} for status, words in _WORDS.items()
}
"""Responses of every route."""


EVENTS = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
            "required": ["data"],
        }
    }
}
"""Content of a stream of server-sent events; each is such an object, its data being JSON."""


def describe_keys(app: FastAPI) -> None:
    """Let the description say which routes want a key; its page then has a place to put one."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema is not None
        schema = described()
        if not known:
            scheme = {"type": "http", "scheme": "bearer", "description": "A key, or a token of the issuer."}
            schema.setdefault("components", {}).setdefault("securitySchemes", {})[_SCHEME] = scheme
            for path, operations in schema["paths"].items():
                if not is_open(path):
                    for operation in operations.values():
                        operation["security"] = [{_SCHEME: []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

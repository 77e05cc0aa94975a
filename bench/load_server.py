"""`tandem up --no-demo` for `bench.load`: the same server, but whoever asks is whom the bearer token names.

So two tenants need no keys; the way of a request is otherwise that of `tandem up`.
"""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request

from server.api import identity
from server.app import create_app
from tandem.cli import up
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_TENANT, Caller


async def _named(request: Request) -> Caller:
    scheme, _, name = request.headers.get("authorization", "").partition(" ")
    return Caller(tenant=name or DEFAULT_TENANT, subject=f"key:{name}") if scheme == "Bearer" else Caller()


def _created(*args: Any, **kwargs: Any) -> FastAPI:
    app = create_app(*args, **kwargs)
    hooks: tuple[Callable[..., Any], ...] = (
        identity.caller_of,
        identity.chatter_of,
        identity.ingester_of,
    )
    app.dependency_overrides |= dict.fromkeys(hooks, _named)
    return app


if __name__ == "__main__":
    up.create_app = _created  # type: ignore[attr-defined]
    up.serve(read_settings(), demo=False)

"""Asks for credentials before anything is read or routed, so that a route that forgot to ask is closed all the same."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.errors import error_response
from server.api.identity import CALLER
from server.services import Services
from tandem.errors import TandemError

OPEN_PATHS = frozenset(
    {"/", "/healthz", "/readyz", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}
)
"""The page, the API's description, and what a load balancer asks; with `/assets/NAME` all that needs no key."""
METRICS = "/metrics"
_ASSETS = "/assets/"


def is_open(path: str) -> bool:
    """Whether the path, decoded as the routes see it, needs no key. It must be exactly one that is open."""
    return path in OPEN_PATHS or (path.startswith(_ASSETS) and "/" not in path.removeprefix(_ASSETS))


class Guard:
    """ASGI middleware. It leaves the caller in the request's scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 401, or hand on."""
        if scope["type"] == "websocket":  # there is none
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        services: Services = connection.app.state.services
        principals = services.principals
        if scope["path"] == METRICS and principals.open_metrics:
            await self._app(scope, receive, send)
            return
        try:
            scope[CALLER] = await principals.load(connection.headers.get("authorization"))
        except TandemError as error:
            services.metrics.failed(error.type)
            await error_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

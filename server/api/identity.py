"""Who asks, and what that needs: the dependencies of every route.

They are coroutines because FastAPI sends a plain function to a thread, which takes longer than the function.
"""

from dataclasses import dataclass

from fastapi import Request

from server.services import Services
from tandem.errors import ForbiddenError
from tandem.vocabulary import Caller, KeyScope

CALLER = "tandem.caller"
"""Where the guard leaves the caller in a request's scope."""


async def caller_of(request: Request) -> Caller:
    """The caller behind a request. Raises as `PrincipalLoader.load`.

    Nothing but its credentials chooses the tenant.
    """
    known: Caller | None = request.scope.get(CALLER)
    if known is None:
        services: Services = request.app.state.services
        known = await services.principals.load(request.headers.get("authorization"))
    return known


@dataclass(frozen=True, slots=True)
class Requires:
    """A dependency: the caller, if it may do what needs one of these scopes."""

    scopes: tuple[KeyScope, ...]

    async def __call__(self, request: Request) -> Caller:
        """Raises `UnauthenticatedError` for nobody, `ForbiddenError` for whoever may not."""
        caller = await caller_of(request)
        self.check(caller)
        return caller

    def check(self, caller: Caller) -> None:
        """Raises `ForbiddenError` for a caller who may not."""
        if not any(caller.may(scope) for scope in self.scopes):
            named = " or ".join(repr(scope.value) for scope in self.scopes)
            raise ForbiddenError(
                f"This needs a key with the scope {named}", hint="tandem keys create makes one."
            )


def requires(*scopes: KeyScope) -> Requires:
    """The dependency of a route that needs one of `scopes`."""
    return Requires(scopes)


chatter_of = requires(KeyScope.CHAT)
reader_of = requires(KeyScope.CHAT, KeyScope.INGEST)
"""May see which corpora there are, and the document that an answer cites."""
ingester_of = requires(KeyScope.INGEST)
evaluator_of = requires(KeyScope.EVALUATE)
admin_of = requires(KeyScope.ADMIN)
operator_of = requires(KeyScope.OPERATOR)
"""May change what serves every tenant: prompts, recipes, the champion, adapters, the embedder."""
_scraper_of = requires(KeyScope.METRICS)


async def metrics_reader_of(request: Request) -> None:
    """Whoever may read the metrics of all tenants: Prometheus, an operator, or anybody where the settings say so."""
    services: Services = request.app.state.services
    if not services.principals.open_metrics:
        await _scraper_of(request)


async def services_of(request: Request) -> Services:
    """The parts of this server."""
    services: Services = request.app.state.services
    return services

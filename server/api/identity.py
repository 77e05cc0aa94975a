"""Who asks. The only place that makes a `Caller` from a request.

They are coroutines because FastAPI sends a plain function to a thread, which takes longer than the function.
"""

from collections.abc import Awaitable, Callable

from fastapi import Request

from server.services import Services
from tandem.errors import ForbiddenError
from tandem.vocabulary import Caller, KeyScope


async def caller_of(request: Request) -> Caller:
    """The caller behind a request: until there are keys, everybody is the default tenant.

    Nothing that a client sends chooses the tenant.
    """
    return Caller()


def requires(scope: KeyScope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller, who may do what needs `scope`. It raises `ForbiddenError` for others."""

    async def allowed(request: Request) -> Caller:
        caller = await caller_of(request)
        if not caller.may(scope):
            raise ForbiddenError(
                f"This needs a key with the scope {scope.value!r}", hint="tandem keys create makes one."
            )
        return caller

    return allowed


chatter_of = requires(KeyScope.CHAT)
ingester_of = requires(KeyScope.INGEST)
evaluator_of = requires(KeyScope.EVALUATE)
admin_of = requires(KeyScope.ADMIN)
operator_of = requires(KeyScope.OPERATOR)
"""May change what serves every tenant: prompts, recipes, the champion, adapters, the embedder."""


async def services_of(request: Request) -> Services:
    """The parts of this server."""
    services: Services = request.app.state.services
    return services
